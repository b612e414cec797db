//! Log lines of failures: a line for each new one, and one again each few seconds while it lasts.
//! There may be thousands of them a second.

use std::time::Instant;

use log::{debug, info, warn};

use crate::limits::LOG_THROTTLE_INTERVAL;
use crate::store::error::{Fault, StoreError};

/// Whose lines they are, in the log.
pub const LOG_TARGET: &str = "headcount::store::connection";

/// The last failure of something that was logged.
#[derive(Debug, Default)]
pub struct LogThrottle(Option<(StoreError, Instant)>);

impl LogThrottle {
    /// Logs a failure when it is new, and again each [`LOG_THROTTLE_INTERVAL`] while it lasts.
    /// `counter`: the one that it is about, if it is not about all of them.
    #[inline(never)]
    pub fn log(
        &mut self,
        headline: &str,
        fault: &Fault,
        hint: &str,
        counter: Option<&str>,
        now: Instant,
    ) {
        let (error, detail) = (fault.error, fault.detail.as_str());
        let reason = error.word();
        let is_throttled = self.0.is_some_and(|(last, at)| {
            last == error && now.duration_since(at) < LOG_THROTTLE_INTERVAL
        });
        match counter {
            _ if is_throttled => {
                debug!(target: LOG_TARGET, counter, reason, detail, hint; "{headline}");
            }
            Some(counter) => {
                warn!(target: LOG_TARGET, counter, reason, detail, hint; "{headline}");
            }
            None => warn!(target: LOG_TARGET, reason, detail, hint; "{headline}"),
        }
        if !is_throttled {
            self.0 = Some((error, now));
        }
    }

    /// All is well again, which is logged elsewhere.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// All is well again: logs that, if there was a failure.
    #[inline(never)]
    pub fn log_recovery(&mut self, counter: &str) {
        if let Some((error, _)) = self.0.take() {
            let headline =
                if error.is_of_counter() { "counter recovered" } else { "store recovered" };
            info!(target: LOG_TARGET, counter; "{headline}");
        }
    }
}

/// What a log line says of a failure.
pub fn headline(error: StoreError) -> &'static str {
    if error.is_of_counter() { "counter refused" } else { "store unavailable" }
}
