//! The end of an engine: who is still answered, and what is logged.

use super::{Engine, earlier};
use crate::limits::DRAIN_ANSWER_TIMEOUT;

impl Engine {
    /// The process is stopping: from now on each connection ends with its next answer, which comes
    /// within [`DRAIN_ANSWER_TIMEOUT`], whatever the store does.
    pub fn drain(&mut self) {
        let turn = self.clients.turn();
        turn.draining = true;
        let answer_by = turn.now + DRAIN_ANSWER_TIMEOUT;
        self.answer_by = Some(answer_by);
        for counter in &self.active {
            self.counters[counter.index()].batcher.answer_by(answer_by);
        }
        self.write_checks.answer_by(answer_by);
        self.expire_at = earlier(self.expire_at, Some(answer_by));
        self.clients.touch_those(|client, _| {
            client.drain();
            true
        });
    }

    /// Whether nobody is left to be answered, and no request to the store is without a reply.
    pub fn is_idle(&self) -> bool {
        self.clients.is_empty() && !self.store.is_awaiting_reply()
    }

    /// The engine ends: logs which numbers nobody is left to take, and how many are in doubt.
    pub fn log_unfinished(&mut self) {
        for counter in &mut self.counters {
            counter.give_up_unclaimed("nobody was left to take them");
        }
        self.store.log_unfinished();
    }
}
