//! Those who wait to hear whether the store takes writes: `/readyz`.

use std::time::Instant;

use crate::engine::batcher::Waiter;

/// The waiters of one reactor, who are all answered by the next write of the store.
#[derive(Debug, Default)]
pub struct WriteChecks {
    waiting: Vec<Waiter>,
}

impl WriteChecks {
    /// One more waits. Its deadline is not before that of the last one.
    pub fn push(&mut self, waiter: Waiter) {
        self.waiting.push(waiter);
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Everybody who waits, for whom it is known now.
    pub fn take(&mut self) -> Vec<Waiter> {
        std::mem::take(&mut self.waiting)
    }

    /// Those whose deadline has come.
    pub fn expire(&mut self, now: Instant) -> Vec<Waiter> {
        let count = self.waiting.iter().take_while(|waiter| waiter.deadline <= now).count();
        self.waiting.drain(..count).collect()
    }

    /// The earliest deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|waiter| waiter.deadline)
    }

    /// Nobody waits longer than to this time.
    pub fn answer_by(&mut self, at: Instant) {
        self.waiting.iter_mut().for_each(|waiter| waiter.deadline = waiter.deadline.min(at));
    }
}
