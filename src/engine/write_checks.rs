//! Those who wait to hear whether the store takes writes: `/readyz`, and `/readyz/NAME`, which then
//! reads its counter.

use std::time::Instant;

use crate::counter::CounterId;
use crate::engine::batcher::Waiter;

/// One who waits, and the counter that is read for him next.
pub type WriteWaiter = (Waiter, Option<CounterId>);

/// The waiters of one reactor, who are all answered by the next write of the store.
#[derive(Debug, Default)]
pub struct WriteChecks {
    waiting: Vec<WriteWaiter>,
}

impl WriteChecks {
    /// One more waits. Its deadline is not before that of the last one.
    pub fn push(&mut self, waiter: Waiter, counter: Option<CounterId>) {
        self.waiting.push((waiter, counter));
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Everybody who waits, for whom it is known now.
    pub fn take(&mut self) -> Vec<WriteWaiter> {
        std::mem::take(&mut self.waiting)
    }

    /// Those whose deadline has come.
    pub fn expire(&mut self, now: Instant) -> Vec<WriteWaiter> {
        let count = self.waiting.iter().take_while(|(waiter, _)| waiter.deadline <= now).count();
        self.waiting.drain(..count).collect()
    }

    /// The earliest deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|(waiter, _)| waiter.deadline)
    }

    /// Nobody waits longer than to this time.
    pub fn answer_by(&mut self, at: Instant) {
        let waiters = self.waiting.iter_mut().map(|(waiter, _)| waiter);
        waiters.for_each(|waiter| waiter.deadline = waiter.deadline.min(at));
    }
}
