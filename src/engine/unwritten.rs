//! Takes that are answered, and whose answers are not written yet: how long they took is known
//! once they are.

use std::time::Instant;

use crate::metrics::histogram::Histogram;

/// The answered takes of one turn, by when they were parsed: nearly all of a batch came in one
/// wake, and so are one entry. There are no more entries than waiters.
#[derive(Debug, Default)]
pub struct Unwritten {
    runs: Vec<(Instant, u64)>,
}

impl Unwritten {
    /// A take that was parsed at `since` is answered.
    pub fn push(&mut self, since: Instant) {
        match self.runs.last_mut() {
            Some((at, count)) if *at == since => *count += 1,
            _ => self.runs.push((since, 1)),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Their answers are written, as far as their clients take them.
    pub fn written(&mut self, durations: &Histogram, now: Instant) {
        for (since, count) in &self.runs {
            durations.observe_time(now.saturating_duration_since(*since), *count);
        }
        self.runs.clear(); // Half as many instructions as to drain them.
    }
}
