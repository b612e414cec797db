//! `headcount --reset`: begins a counter anew, and is gone.
//!
//! It is one greeting of a store link, with a reset in it: processes that are running see the new
//! epoch at their next ask, and follow.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};

use crate::config::{Config, Endpoint};
use crate::limits::RESET_TIMEOUT;
use crate::process;
use crate::reactor::Uplink;
use crate::store::counter::Counter;
use crate::store::link::Link;

const STORE: Token = Token(0);
const WAKER: Token = Token(1);

/// Sets the counter of `config` to nothing taken of its limit, in the store of `config`. Says
/// what was done.
///
/// # Errors
/// The store is in the process, and so has nothing to reset; or it is away, or refuses, for
/// [`RESET_TIMEOUT`].
pub fn reset(config: &Config) -> io::Result<String> {
    let mut counter = Counter::new(&config.counter, config.limit, process::now_micros());
    counter.is_to_be_reset = true;
    let Some((link, endpoint)) = process::link(config, &counter, Instant::now()) else {
        return Err(io::Error::other("--reset: memory: ends with its process; name a --store"));
    };
    greet(link, endpoint)?;
    let Config { counter, limit, store, .. } = config;
    Ok(format!("counter {counter} reset: 0 of {limit} taken in {store}\n"))
}

/// Drives a link until it has greeted its store.
fn greet(mut link: Link, endpoint: Endpoint) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let registry = poll.registry().try_clone()?;
    let mut uplink = Uplink::new(endpoint, STORE, registry, waker);
    let mut events = Events::with_capacity(8);
    let end = Instant::now() + RESET_TIMEOUT;
    while !link.can_ask() {
        let now = Instant::now();
        if now >= end {
            let reason = link.trouble().word();
            return Err(io::Error::other(format!("--reset: the store is not available: {reason}")));
        }
        link.tick(now);
        uplink.obey(&mut link, now);
        let until = link.deadline().map_or(end, |at| at.min(end));
        poll.poll(&mut events, Some(until.saturating_duration_since(now)))?;
        let now = Instant::now();
        for event in &events {
            match event.token() {
                STORE => uplink.ready(event, &mut link, now),
                _ => uplink.woken(&mut link, now),
            }
        }
        uplink.read_unread(&mut link, now);
    }
    Ok(())
}
