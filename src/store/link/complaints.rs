//! What is said of failures: each once, and again while it lasts. There may be thousands a second.

use std::time::Instant;

use log::{debug, info, warn};

use crate::limits::COMPLAINT_INTERVAL;
use crate::store::{Fault, StoreError};

/// Whose lines they are, in the log.
pub const LOG_TARGET: &str = "headcount::store::link";

/// The last failure that was said.
#[derive(Debug, Default)]
pub struct Complaints(Option<(StoreError, Instant)>);

impl Complaints {
    /// Logs a failure when it is new, and again each [`COMPLAINT_INTERVAL`] while it lasts.
    pub fn say(&mut self, what: &str, fault: &Fault, advice: &str, now: Instant) {
        let (error, words) = (fault.error, fault.words.as_str());
        let reason = error.word();
        let is_said = self
            .0
            .is_some_and(|(last, at)| last == error && now.duration_since(at) < COMPLAINT_INTERVAL);
        if is_said {
            debug!(target: LOG_TARGET, reason, words, advice; "{what}");
        } else {
            warn!(target: LOG_TARGET, reason, words, advice; "{what}");
            self.0 = Some((error, now));
        }
    }

    /// All is well again, which is said elsewhere.
    pub fn end(&mut self) {
        self.0 = None;
    }

    /// All is well again: says so, if there was a failure.
    pub fn end_aloud(&mut self) {
        if self.0.take().is_some() {
            info!(target: LOG_TARGET, "store answers again");
        }
    }
}
