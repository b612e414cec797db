//! Log lines of failures: a line for each new reason, and one again each few seconds while it
//! lasts. There may be thousands of failures a second, and several reasons in turn: of the hosts of
//! a store one is away, and another one starts.

use std::time::Instant;

use log::{debug, info, warn};

use crate::limits::LOG_THROTTLE_INTERVAL;
use crate::store::error::{Fault, StoreError};

/// Whose lines they are, in the log.
pub const LOG_TARGET: &str = "headcount::store::connection";

/// What was logged of the failures of something since it was well; nothing while it is.
#[derive(Debug, Default)]
pub struct LogThrottle(Option<Box<Failures>>);

#[derive(Debug)]
struct Failures {
    last: StoreError,
    /// When each reason was logged last, by its place.
    logged_at: [Option<Instant>; StoreError::ALL.len()],
}

impl LogThrottle {
    /// Logs a failure when its reason is new, and again each [`LOG_THROTTLE_INTERVAL`] while it
    /// lasts.
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
        let is_throttled = !self.is_due(error, now);
        match counter {
            _ if is_throttled => {
                debug!(target: LOG_TARGET, counter, reason, detail, hint; "{headline}");
            }
            Some(counter) => {
                warn!(target: LOG_TARGET, counter, reason, detail, hint; "{headline}");
            }
            None => warn!(target: LOG_TARGET, reason, detail, hint; "{headline}"),
        }
    }

    /// Whether a failure for this reason is logged now.
    fn is_due(&mut self, error: StoreError, now: Instant) -> bool {
        let none = || Box::new(Failures { last: error, logged_at: [None; StoreError::ALL.len()] });
        let failures = self.0.get_or_insert_with(none);
        failures.last = error;
        let logged_at = &mut failures.logged_at[error.index()];
        if logged_at.is_some_and(|at| now.duration_since(at) < LOG_THROTTLE_INTERVAL) {
            return false;
        }
        *logged_at = Some(now);
        true
    }

    /// All is well again, which is logged elsewhere.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// All is well again: logs that, if there was a failure.
    #[inline(never)]
    pub fn log_recovery(&mut self, counter: &str) {
        if let Some(failures) = self.0.take() {
            let headline =
                if failures.last.is_of_counter() { "counter recovered" } else { "store recovered" };
            info!(target: LOG_TARGET, counter; "{headline}");
        }
    }
}

/// What a log line says of a failure.
pub fn headline(error: StoreError) -> &'static str {
    if error.is_of_counter() { "counter refused" } else { "store unavailable" }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_of_the_reasons_that_alternate_is_logged_once_in_a_while() {
        let (mut throttle, start) = (LogThrottle::default(), Instant::now());
        let mut logged = [0; 2];
        let reasons = [StoreError::Unreachable, StoreError::Loading];
        let step = LOG_THROTTLE_INTERVAL / 100;
        for turn in 0..250 {
            let now = start + step * turn;
            logged[turn as usize % 2] +=
                u32::from(throttle.is_due(reasons[turn as usize % 2], now));
        }
        assert_eq!(logged, [3, 3], "at 0, 1 and 2 intervals");
    }

    #[test]
    fn after_a_recovery_each_reason_is_new() {
        let (mut throttle, now) = (LogThrottle::default(), Instant::now());
        for error in StoreError::ALL {
            assert!(throttle.is_due(error, now), "{error:?}");
            assert!(!throttle.is_due(error, now), "{error:?}");
        }
        throttle.log_recovery("shoes");
        assert!(StoreError::ALL.into_iter().all(|error| throttle.is_due(error, now)));
        throttle.clear();
        assert!(throttle.is_due(StoreError::Timeout, now + Duration::from_millis(1)));
    }
}
