//! How large the next batch is to be, or until when it waits.

use std::time::{Duration, Instant};

use crate::limits::BATCH_LINGER;

/// The wait before a batch.
#[derive(Clone, Copy, Debug)]
pub struct Linger {
    size: usize,
    until: Instant,
    /// However large the batch is: what delayed the last one may delay this one.
    is_pause: bool,
}

impl Linger {
    /// From now on until so many wait, for [`BATCH_LINGER`] at most.
    pub fn for_others(size: usize, now: Instant) -> Linger {
        Linger { size, until: now + BATCH_LINGER, is_pause: false }
    }

    /// Until then, however many wait.
    pub fn pause(until: Instant) -> Linger {
        Linger { size: 0, until, is_pause: true }
    }

    /// When it is over though not all have come.
    pub fn until(self) -> Instant {
        self.until
    }

    /// Whether it is over, with so many waiting.
    pub fn is_over(self, waiting: usize, now: Instant) -> bool {
        self.until <= now || !self.is_pause && waiting >= self.size
    }

    /// How long the wait for others has held up the first waiter, who has waited since `since`.
    /// What it waited before, behind a batch in flight, is not the wait's doing. `None`: it held
    /// nobody up.
    pub fn held(self, since: Instant, now: Instant) -> Option<Duration> {
        let is_held = !self.is_pause && since < self.until;
        is_held.then(|| now.saturating_duration_since(since.max(self.until - BATCH_LINGER)))
    }
}
