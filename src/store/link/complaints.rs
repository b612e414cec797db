//! What fails on a link, and what is said of it: each failure once, and again while it lasts. There
//! may be thousands a second.

use std::time::Instant;

use log::{debug, info, warn};

use crate::limits::COMPLAINT_INTERVAL;
use crate::store::protocol::Protocol;
use crate::store::{Fault, StoreError};

/// Whose lines they are, in the log.
pub const LOG_TARGET: &str = "headcount::store::link";

/// The failures of a link.
#[derive(Debug)]
pub struct Troubles {
    /// Why there was no connection, or why the last ask on this one did not run.
    last: Fault,
    asks: Complaints,
    /// Apart, since a probe only reads, and so does not end a complaint about asks.
    probes: Complaints,
}

impl Troubles {
    /// None yet, but there is no connection either.
    pub fn new() -> Troubles {
        let last = Fault { error: StoreError::Connecting, words: String::new() };
        Troubles { last, asks: Complaints::default(), probes: Complaints::default() }
    }

    /// Why there is no answer, while there is none.
    pub fn last(&self) -> &Fault {
        &self.last
    }

    /// An ask was refused.
    pub fn refused(&mut self, fault: &Fault, protocol: &Protocol, now: Instant) {
        self.asks.say(headline(fault.error), fault, protocol, now);
    }

    /// An ask did not run, and nothing can be asked for this reason, as far as is known.
    pub fn hindered(&mut self, fault: Fault, protocol: &Protocol, now: Instant) {
        self.asks.say("ask hindered, to be repeated", &fault, protocol, now);
        self.last = fault;
    }

    /// The connection is lost.
    pub fn lost(&mut self, fault: Fault, protocol: &Protocol, now: Instant) {
        self.refused(&fault, protocol, now);
        self.last = fault;
    }

    /// A probe was refused.
    pub fn probe_refused(&mut self, fault: &Fault, protocol: &Protocol, now: Instant) {
        self.probes.say(headline(fault.error), fault, protocol, now);
    }

    /// A probe was answered.
    pub fn probe_answered(&mut self) {
        self.probes.end_aloud();
    }

    /// A new connection is ready: what does not come from now on is late.
    pub fn connected(&mut self) {
        self.answered();
        self.asks.end();
        self.probes.end();
    }

    /// An ask was answered.
    pub fn answered(&mut self) {
        self.last.error = StoreError::Timeout;
        self.last.words.clear();
    }

    /// An ask was granted something: only what was written tells that the store takes again.
    pub fn granted(&mut self) {
        self.asks.end_aloud();
    }
}

/// The last failure that was said.
#[derive(Debug, Default)]
struct Complaints(Option<(StoreError, Instant)>);

impl Complaints {
    /// Logs a failure when it is new, and again each [`COMPLAINT_INTERVAL`] while it lasts.
    fn say(&mut self, what: &str, fault: &Fault, protocol: &Protocol, now: Instant) {
        let (error, words) = (fault.error, fault.words.as_str());
        let (reason, advice) = (error.word(), protocol.advice(error));
        let counter = protocol.counter().name.as_str();
        let is_said = self
            .0
            .is_some_and(|(last, at)| last == error && now.duration_since(at) < COMPLAINT_INTERVAL);
        if is_said {
            debug!(target: LOG_TARGET, counter, reason, words, advice; "{what}");
        } else {
            warn!(target: LOG_TARGET, counter, reason, words, advice; "{what}");
            self.0 = Some((error, now));
        }
    }

    /// All is well again, which is said elsewhere.
    fn end(&mut self) {
        self.0 = None;
    }

    /// All is well again: says so, if there was a failure.
    fn end_aloud(&mut self) {
        if self.0.take().is_some() {
            info!(target: LOG_TARGET, "store recovered");
        }
    }
}

fn headline(error: StoreError) -> &'static str {
    if error.is_of_counter() { "counter refused" } else { "store unavailable" }
}
