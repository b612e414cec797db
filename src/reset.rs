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
use crate::store::counter::{Change, Counter};
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
        return Err(io::Error::other("--reset: memory: ends with its process; name a --store"));
    };
    greet(&mut link, endpoint)?;
    let Some(changed) = link.protocol().changed() else {
        return Err(io::Error::other("--reset: the store did not say what it did"));
    };
    let (counter, verb) = (&config.counter, if to.taken.is_some() { "set" } else { "reset" });
    let (taken, limit, store) = (changed.taken, changed.limit, &config.store);
    Ok(format!("counter {counter} {verb}: {taken} of {limit} taken in {store}\n"))
}

/// Drives a link until it has greeted its store.
fn greet(link: &mut Link, endpoint: Endpoint) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let registry = poll.registry().try_clone()?;
    let mut uplink = Uplink::new(endpoint, STORE, registry, waker);
    let mut events = Events::with_capacity(8);
    let end = Instant::now() + RESET_TIMEOUT;
    while !link.can_ask() {
        let now = Instant::now();
        if now >= end || link.trouble().error == StoreError::Declined {
            return Err(failure(link));
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

/// Why it was not done, as far as that is known.
fn failure(link: &Link) -> io::Error {
    let Fault { error, words } = link.trouble();
    let (reason, has_sent) = (error.word(), link.protocol().has_sent_change());
    io::Error::other(match (*error, has_sent) {
        (StoreError::Declined, _) => format!("--reset: {words}"),
        (_, false) => format!("--reset: the store is not available: {reason} ({words})"),
        (_, true) => format!(
            "--reset: sent, and not answered: {reason} ({words}); it may still happen: see /status"
        ),
    })
}
