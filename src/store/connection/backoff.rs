//! How long a connection waits before it connects again.

use std::time::Duration;

use crate::limits::{BACKOFF_MAX, BACKOFF_MIN};

/// Doubles from [`BACKOFF_MIN`] to [`BACKOFF_MAX`]; of each, a random part between a half and the
/// whole, so that many reactors do not come back at once.
#[derive(Debug)]
pub struct Backoff {
    random: fastrand::Rng,
    /// Connections in a row that failed.
    failures: u32,
}

impl Backoff {
    /// The first wait is the shortest; `seed` is the jitter's.
    pub fn new(seed: u64) -> Backoff {
        Backoff { random: fastrand::Rng::with_seed(seed), failures: 0 }
    }

    /// The wait after one more failure.
    pub fn next(&mut self) -> Duration {
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        doubled.min(BACKOFF_MAX).mul_f64(0.5 + 0.5 * self.random.f64())
    }

    /// All is well again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}
