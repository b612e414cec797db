//! `headcount --reset [--taken N]`: begins an epoch of the counter, and is gone.
//!
//! It is one greeting of a store link, with the change in it: processes that are running see the
//! new epoch at their next ask, and follow.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};

use crate::config::{Config, Endpoint, ResetTo};
use crate::limits::RESET_TIMEOUT;
use crate::process;
use crate::reactor::Uplink;
use crate::store::change::Change;
use crate::store::counter::Counter;
use crate::store::link::Link;
use crate::store::{Fault, StoreError};

const STORE: Token = Token(0);
const WAKER: Token = Token(1);

/// Resets the counter of `config`, or sets how many of its numbers are taken. Says what was done.
///
/// # Errors
/// The store is in the process, and so has nothing to reset; it is away, or refuses, for
/// [`RESET_TIMEOUT`]; or somebody else came between.
pub fn reset(config: &Config, to: ResetTo) -> io::Result<String> {
    let mut counter = Counter::new(&config.counter, config.limit);
    let token = format!("{:016x}", process::random()?);
    counter.change = Some(Change { token, limit: to.limit, taken: to.taken });
    let Some((mut link, endpoint)) = process::link(config, &counter, Instant::now())? else {
        let words =
            "--reset: memory: keeps nothing to reset; give --store redis://... or postgres://...";
        return Err(io::Error::other(words));
    };
    drive(&mut link, endpoint)?;
    let Some(result) = link.protocol().change_progress().result() else {
        return Err(failure(&link));
    };
    let (counter, verb) = (&config.counter, if to.taken.is_some() { "set" } else { "reset" });
    let (taken, limit, store) = (result.taken, result.limit, &config.store);
    Ok(format!("counter {counter} {verb}: {taken} of {limit} taken in {store}\n"))
}

/// Drives a link until the change is done or declined, or time is up.
fn drive(link: &mut Link, endpoint: Endpoint) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let registry = poll.registry().try_clone()?;
    let mut uplink = Uplink::new(endpoint, STORE, registry, waker);
    let mut events = Events::with_capacity(8);
    let end = Instant::now() + RESET_TIMEOUT;
    while link.protocol().change_progress().result().is_none() && !is_final(link.trouble().error) {
        let now = Instant::now();
        if now >= end {
            break;
        }
        link.tick(now);
        uplink.obey(link, now);
        let until = link.deadline().map_or(end, |at| at.min(end));
        poll.poll(&mut events, Some(until.saturating_duration_since(now)))?;
        let now = Instant::now();
        for event in &events {
            match event.token() {
                STORE => uplink.ready(event, link, now),
                _ => uplink.woken(link, now),
            }
        }
        uplink.read_unread(link, now);
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
fn failure(link: &Link) -> io::Error {
    let Fault { error, words } = link.trouble();
    let (reason, words) = (error.word(), printable(words));
    let is_in_doubt = link.protocol().change_progress().is_in_doubt();
    io::Error::other(match (error, is_in_doubt) {
        (StoreError::Declined, false) => format!("--reset: not done: {words}"),
        (StoreError::Declined, true) => {
            format!("--reset: {words}; it may have been done before that: see /status")
        }
        (_, true) => {
            format!("--reset: no answer: {reason} ({words}); it may still happen: see /status")
        }
        (_, false) => {
            let hint = link.protocol().advice(*error);
            format!("--reset: not done: {reason} ({words}); {hint}")
        }
    })
}

/// Words from outside, as they may go to a terminal: what is not printable is escaped.
fn printable(words: &str) -> String {
    words.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}
