//! Drives a store connection until it has served its purpose, cannot, or time is up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use crate::config::{Command, StoreUrl};
use crate::counter::CounterId;
use crate::limits::{COMMAND_TIMEOUT, LIMIT_DEFAULT};
use crate::net::store_sockets::{self, StoreSockets};
use crate::store::connection::Connection;
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::nodes::Nodes;
use crate::store::open::{self, Purpose};

const WAKER: Token = Token(0);

/// Which store, and how long it is waited for.
#[derive(Clone, Debug)]
pub struct StoreAccess {
    /// Where the counters live.
    pub store: StoreUrl,
    /// How long each request may wait for the store.
    pub request_timeout: Duration,
    /// How long a command may wait for the store to say anything new.
    pub patience: Duration,
}

impl StoreAccess {
    /// That of a command.
    pub fn of(command: &Command) -> StoreAccess {
        let (store, request_timeout) = (command.store.clone(), command.store_timeout);
        StoreAccess { store, request_timeout, patience: COMMAND_TIMEOUT }
    }
}

/// A connection that has served its purpose, or not, and what came of that.
///
/// # Errors
/// The operating system is out of something. What the store does is no error here.
pub fn drive(
    access: &StoreAccess,
    counter: (&str, Option<u64>),
    purpose: Purpose,
    is_done: impl Fn(&Connection) -> bool,
) -> io::Result<Connection> {
    let (name, limit) = counter;
    let may_create = matches!(purpose, Purpose::Change(_));
    let limits = [(name, limit.unwrap_or(LIMIT_DEFAULT))];
    let counters = Arc::new(Counters::new(limits.into_iter(), may_create));
    let (store, timeout) = (&access.store, access.request_timeout);
    let opened = open::command(store, &counters, purpose, timeout, Instant::now())?;
    let mut nodes = opened.ok_or_else(|| io::Error::other("the store is in no other process"))?;
    poll_until(&mut nodes, access.patience, is_done)?;
    Ok(nodes.into_first())
}

/// What is to be done is with the first counter, on whichever connection that is.
fn poll_until(
    nodes: &mut Nodes,
    patience: Duration,
    is_done: impl Fn(&Connection) -> bool,
) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let mut sockets = StoreSockets::new(poll.registry(), waker)?;
    let mut events = Events::with_capacity(8);
    let (mut end, mut steps) = (Instant::now() + patience, 0);
    loop {
        let now = Instant::now();
        while nodes.poll().is_some() {}
        let connection = nodes.of_mut(CounterId::FIRST);
        if is_done(connection) || is_given_up(connection) {
            return Ok(());
        }
        if connection.survey_steps() > steps {
            (end, steps) = (now + patience, connection.survey_steps());
        }
        if now >= end {
            return Ok(());
        }
        nodes.tick(now);
        nodes.finish_requests();
        sockets.run_commands(nodes.connections(), now);
        let until = nodes.deadline().map_or(end, |at| at.min(end));
        if !sockets.is_unread() {
            poll.poll(&mut events, Some(until.saturating_duration_since(now)))?;
        }
        dispatch(&events, &mut sockets, nodes.connections());
        events.clear();
    }
}

fn dispatch(events: &Events, sockets: &mut StoreSockets, connections: &mut [Connection]) {
    let now = Instant::now();
    for event in events {
        match event.token() {
            token if store_sockets::is_token(token) => sockets.ready(event, connections, now),
            _ => sockets.woken(connections, now),
        }
    }
    sockets.read_unread(connections, now);
}

/// Whether the connection has failed for good, and there is no other host or way to try.
fn is_given_up(connection: &Connection) -> bool {
    is_final(connection.last_fault().error) && !connection.has_more_to_try()
}

/// Whether trying again is of no use: somebody must do something first.
fn is_final(error: StoreError) -> bool {
    use StoreError::{Authentication, Database, Declined, Permission, ReadOnly, Version};
    error.is_of_counter()
        || matches!(error, Authentication | Database | Declined | Permission | ReadOnly | Version)
}
