//! The failures of a connection, and their log lines: a line for each new failure, and one again
//! each few seconds while it lasts. There may be thousands of them a second.

use std::time::Instant;

use log::{debug, info, warn};

use crate::limits::LOG_THROTTLE_INTERVAL;
use crate::store::error::{Fault, StoreError};
use crate::store::wire::Wire;

/// Whose lines they are, in the log.
pub const LOG_TARGET: &str = "headcount::store::connection";

/// The failures of a connection.
#[derive(Debug)]
pub struct FailureLog {
    /// Why there was no connection, or why the last ask on this one did not run.
    last: Fault,
    asks: LogThrottle,
    /// Apart, since a probe only reads, and so does not end a complaint about asks.
    probes: LogThrottle,
}

impl FailureLog {
    /// None yet, but there is no connection either.
    pub fn new() -> FailureLog {
        let last = Fault { error: StoreError::Connecting, detail: String::new() };
        FailureLog { last, asks: LogThrottle::default(), probes: LogThrottle::default() }
    }

    /// Why there is no answer, while there is none.
    pub fn last(&self) -> &Fault {
        &self.last
    }

    /// An ask was refused.
    pub fn refused(&mut self, fault: &Fault, wire: &Wire, now: Instant) {
        self.asks.log(headline(fault.error), fault, wire, now);
    }

    /// An ask did not run, and nothing can be asked for this reason, as far as is known.
    pub fn delayed(&mut self, fault: Fault, wire: &Wire, now: Instant) {
        self.asks.log("store request delayed: it will be sent again", &fault, wire, now);
        self.last = fault;
    }

    /// The connection is lost.
    pub fn lost(&mut self, fault: Fault, wire: &Wire, now: Instant) {
        self.refused(&fault, wire, now);
        self.last = fault;
    }

    /// A probe was refused.
    pub fn probe_refused(&mut self, fault: &Fault, wire: &Wire, now: Instant) {
        self.probes.log(headline(fault.error), fault, wire, now);
    }

    /// A probe was answered.
    pub fn probe_answered(&mut self) {
        self.probes.log_recovery();
    }

    /// A new connection is ready: what does not come from now on is late.
    pub fn connected(&mut self) {
        self.answered();
        self.asks.clear();
        self.probes.clear();
    }

    /// An ask was answered.
    pub fn answered(&mut self) {
        self.last.error = StoreError::Timeout;
        self.last.detail.clear();
    }

    /// An ask was granted something: only what was written tells that the store takes again.
    pub fn granted(&mut self) {
        self.asks.log_recovery();
    }
}

/// The last failure that was said.
#[derive(Debug, Default)]
struct LogThrottle(Option<(StoreError, Instant)>);

impl LogThrottle {
    /// Logs a failure when it is new, and again each [`LOG_THROTTLE_INTERVAL`] while it lasts.
    fn log(&mut self, what: &str, fault: &Fault, wire: &Wire, now: Instant) {
        let (error, detail) = (fault.error, fault.detail.as_str());
        let (reason, hint) = (error.word(), wire.hint(error));
        let counter = wire.counter().name.as_str();
        let is_throttled = self.0.is_some_and(|(last, at)| {
            last == error && now.duration_since(at) < LOG_THROTTLE_INTERVAL
        });
        if is_throttled {
            debug!(target: LOG_TARGET, counter, reason, detail, hint; "{what}");
        } else {
            warn!(target: LOG_TARGET, counter, reason, detail, hint; "{what}");
            self.0 = Some((error, now));
        }
    }

    /// All is well again, which is said elsewhere.
    fn clear(&mut self) {
        self.0 = None;
    }

    /// All is well again: says so, if there was a failure.
    fn log_recovery(&mut self) {
        if self.0.take().is_some() {
            info!(target: LOG_TARGET, "store recovered");
        }
    }
}

fn headline(error: StoreError) -> &'static str {
    if error.is_of_counter() { "counter refused" } else { "store unavailable" }
}
