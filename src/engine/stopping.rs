//! The end of an engine: who is still answered, and what is logged.

use super::{Engine, earlier};
use crate::limits::DRAIN_ANSWER_TIMEOUT;

impl Engine {
    /// The process is going to stop: from now on it is not ready, and each connection ends with the
    /// answer to what it has sent. Those who idle are left alone.
    pub fn announce_end(&mut self) {
        self.clients.turn_mut().draining = true;
    }

    /// Nobody new is coming: all who have asked are answered within [`DRAIN_ANSWER_TIMEOUT`],
    /// whatever the store does, and those who idle are waited for no longer than a moment.
    pub fn drain(&mut self) {
        self.announce_end();
        let turn = self.clients.turn_mut();
        let answer_by = turn.now + DRAIN_ANSWER_TIMEOUT;
        turn.answer_by = Some(answer_by);
        for counter in &self.active {
            self.counters[counter.index()].batcher.answer_by(answer_by);
        }
        self.write_checks.answer_by(answer_by);
        self.expire_at = earlier(self.expire_at, Some(answer_by));
    }

    /// Whether nobody is left to be answered, and no request to the store and no change is without
    /// a reply.
    pub fn is_idle(&self) -> bool {
        self.clients.is_empty() && !self.store.is_awaiting_reply() && self.changes.is_empty()
    }

    /// The engine ends: logs which numbers nobody is left to take, and how many are in doubt.
    pub fn log_unfinished(&mut self) {
        for counter in &mut self.counters {
            counter.give_up_unclaimed("nobody was left to take them");
        }
        self.store.log_unfinished();
    }
}
