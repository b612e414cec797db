//! Drives a store connection until its task is done, cannot be, or time is up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use crate::config::{Command, StoreUrl};
use crate::limits::{COMMAND_TIMEOUT, LIMIT_DEFAULT};
use crate::net::store_socket::StoreSocket;
use crate::store::connection::Connection;
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::open::{self, Task};

const STORE: Token = Token(0);
const WAKER: Token = Token(1);

/// Which store, and how long it is waited for.
#[derive(Clone, Debug)]
pub struct StoreAccess {
    /// Where the counters live.
    pub store: StoreUrl,
    /// How long each request may wait for the store.
    pub request_timeout: Duration,
    /// How long a task may wait for the store to say anything new.
    pub patience: Duration,
}

impl StoreAccess {
    /// That of a command.
    pub fn of(command: &Command) -> StoreAccess {
        let (store, request_timeout) = (command.store.clone(), command.store_timeout);
        StoreAccess { store, request_timeout, patience: COMMAND_TIMEOUT }
    }
}

/// A connection with its task behind it, and what came of that.
///
/// # Errors
/// The operating system is out of something. What the store does is no error here.
pub fn drive(
    access: &StoreAccess,
    counter: (&str, Option<u64>),
    task: Task,
    is_done: impl Fn(&mut Connection) -> bool,
) -> io::Result<Connection> {
    let (name, limit) = counter;
    let may_create = matches!(task, Task::Change(_));
    let limits = [(name, limit.unwrap_or(LIMIT_DEFAULT))];
    let counters = Arc::new(Counters::new(limits.into_iter(), may_create));
    let (store, timeout) = (&access.store, access.request_timeout);
    let opened = open::connection(store, &counters, task, timeout, Instant::now())?;
    let mut connection =
        opened.ok_or_else(|| io::Error::other("the store is in no other process"))?;
    poll_until(&mut connection, access.patience, is_done)?;
    Ok(connection)
}

fn poll_until(
    connection: &mut Connection,
    patience: Duration,
    is_done: impl Fn(&mut Connection) -> bool,
) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let registry = poll.registry().try_clone()?;
    let mut store_socket = StoreSocket::new(STORE, registry, waker);
    let mut events = Events::with_capacity(8);
    let (mut end, mut steps) = (Instant::now() + patience, 0);
    while !is_done(connection) && !is_final(connection.last_fault().error) {
        let now = Instant::now();
        if connection.survey_steps() > steps {
            (end, steps) = (now + patience, connection.survey_steps());
        }
        if now >= end {
            break;
        }
        connection.tick(now);
        store_socket.run_commands(connection, now);
        let until = connection.deadline().map_or(end, |at| at.min(end));
        if !store_socket.is_unread() {
            poll.poll(&mut events, Some(until.saturating_duration_since(now)))?;
        }
        let now = Instant::now();
        for event in &events {
            match event.token() {
                STORE => store_socket.ready(event, connection, now),
                _ => store_socket.woken(connection, now),
            }
        }
        events.clear();
        store_socket.read_unread(connection, now);
    }
    Ok(())
}

/// Whether trying again is of no use: somebody must do something first.
fn is_final(error: StoreError) -> bool {
    use StoreError::{Authentication, Database, Declined, Permission, ReadOnly, Version};
    error.is_of_counter()
        || matches!(error, Authentication | Database | Declined | Permission | ReadOnly | Version)
}
