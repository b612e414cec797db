//! `headcount reset` and `headcount set --taken`: begins an epoch of a counter, and is gone.
//!
//! It is one handshake of a store connection, with the change in it: processes that are running see
//! the new epoch at their next request, and follow.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};

use crate::config::{Command, Endpoint};
use crate::limits::{LIMIT_DEFAULT, RESET_TIMEOUT};
use crate::net::store_socket::StoreSocket;
use crate::store::change::Change;
use crate::store::connection::Connection;
use crate::store::counters::Counters;
use crate::store::error::{Fault, StoreError};
use crate::store::open;

const STORE: Token = Token(0);
const WAKER: Token = Token(1);

/// What a counter is reset to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetTo {
    /// The limit, if one is given; else the one in the store stays.
    pub limit: Option<u64>,
    /// How many numbers are taken, if that is given; else none are.
    pub taken: Option<u64>,
}

/// Resets the counter `name`, or sets how many of its numbers are taken. Says what was done.
///
/// # Errors
/// The store is in the process, and so has nothing to reset; it is away, or refuses, for
/// [`RESET_TIMEOUT`]; or somebody else came between.
pub fn reset(command: &Command, name: &str, to: ResetTo) -> io::Result<String> {
    let counter = [(name, to.limit.unwrap_or(LIMIT_DEFAULT))];
    let counters = Arc::new(Counters::new(counter.into_iter(), true));
    let token = format!("{:016x}", open::random()?);
    let change = Some(Change { token, limit: to.limit, taken: to.taken });
    let (store, timeout, now) = (&command.store, command.store_timeout, Instant::now());
    let verb = if to.taken.is_some() { "set" } else { "reset" };
    let opened = open::connection(store, &counters, change, timeout, now)?;
    let Some((mut connection, endpoint)) = opened else {
        let detail = "memory: keeps nothing to change; give --store redis://... or postgres://...";
        return Err(io::Error::other(format!("{verb}: {detail}")));
    };
    drive(&mut connection, endpoint)?;
    let Some(result) = connection.wire().change_progress().result() else {
        return Err(failure(&connection, verb));
    };
    let (taken, limit) = (result.taken, result.limit);
    Ok(format!("counter {name} {verb}: {taken} of {limit} taken in {store}\n"))
}

/// Drives a connection until the change is done or declined, or time is up.
fn drive(connection: &mut Connection, endpoint: Endpoint) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let registry = poll.registry().try_clone()?;
    let mut store_socket = StoreSocket::new(endpoint, STORE, registry, waker);
    let mut events = Events::with_capacity(8);
    let end = Instant::now() + RESET_TIMEOUT;
    while connection.wire().change_progress().result().is_none()
        && !is_final(connection.last_fault().error)
    {
        let now = Instant::now();
        if now >= end {
            break;
        }
        connection.tick(now);
        store_socket.run_commands(connection, now);
        let until = connection.deadline().map_or(end, |at| at.min(end));
        poll.poll(&mut events, Some(until.saturating_duration_since(now)))?;
        let now = Instant::now();
        for event in &events {
            match event.token() {
                STORE => store_socket.ready(event, connection, now),
                _ => store_socket.woken(connection, now),
            }
        }
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

/// Why it was not done, as far as that is known.
fn failure(connection: &Connection, verb: &str) -> io::Error {
    let Fault { error, detail } = connection.last_fault();
    let (reason, detail) = (error.word(), printable(detail));
    let is_in_doubt = connection.wire().change_progress().is_in_doubt();
    io::Error::other(match (error, is_in_doubt) {
        (StoreError::Declined, false) => format!("{verb}: not done: {detail}"),
        (StoreError::Declined, true) => {
            format!("{verb}: {detail}; it may have been done before that: see /status")
        }
        (_, true) => {
            format!("{verb}: no answer: {reason} ({detail}); it may still happen: see /status")
        }
        (_, false) => {
            let hint = connection.wire().hint(*error);
            format!("{verb}: not done: {reason} ({detail}); {hint}")
        }
    })
}

/// Words from outside, as they may go to a terminal: what is not printable is escaped.
fn printable(detail: &str) -> String {
    detail.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}
