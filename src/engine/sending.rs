//! When a batch becomes a request to the store, and when it is answered without one.

use std::time::Instant;

use super::Engine;
use crate::counter::CounterId;
use crate::store::error::StoreError;
use crate::store::request::SendState;

impl Engine {
    /// Sends one request for each counter that a batch waits for. Whether some batch was settled at
    /// once: then the next one may be sent.
    pub(super) fn send_requests(&mut self, now: Instant) -> bool {
        let mut is_settled = false;
        for index in 0..self.active.len() {
            is_settled |= self.send_request(self.active[index], now);
        }
        is_settled
    }

    fn send_request(&mut self, counter: CounterId, now: Instant) -> bool {
        let state = &mut self.counters[counter.index()];
        if let Some(halt) = state.cached_halt(now) {
            let batcher = &mut state.batcher;
            let batch = batcher.take_batch_without_keys(now, |token| self.clients.contains(token));
            if batch.is_some() {
                self.settle(counter, halt, &mut [], now);
            }
            return batch.is_some();
        }
        if !state.should_send(self.store.batches_in_flight_max(), now) {
            return false;
        }
        match self.store.send_state(counter, now) {
            SendState::Waiting => return false,
            SendState::Refused(error) => return self.refuse(counter, error, now),
            SendState::Ready => {}
        }
        let batch = state.batcher.take_batch(now, |token| self.clients.contains(token));
        let Some(batch) = batch else {
            return false;
        };
        state.wants_fresh = false;
        let count = batch.numbers.saturating_sub(state.unclaimed.len());
        let has_unclaimed = !state.unclaimed.is_empty();
        if batch.keys > 0 {
            return self.send_with_keys(counter, count, has_unclaimed, now);
        }
        let Some(grant) = self.store.send(counter, count, has_unclaimed, now) else {
            return false;
        };
        self.settle(counter, grant, &mut [], now);
        true
    }

    /// Sends a request for the newest batch, which has keys.
    #[cold]
    fn send_with_keys(
        &mut self,
        counter: CounterId,
        count: u64,
        has_unclaimed: bool,
        now: Instant,
    ) -> bool {
        let batcher = &self.counters[counter.index()].batcher;
        let keys = self.clients.keys_of(batcher.with_keys());
        let reply = self.store.send_with_keys(counter, count, keys, has_unclaimed, now);
        let is_settled = reply.is_some();
        if let Some(reply) = reply {
            self.settle_reply(counter, reply, now);
        }
        is_settled
    }

    /// The store would refuse: everybody who waits is told so at once.
    fn refuse(&mut self, counter: CounterId, error: StoreError, now: Instant) -> bool {
        let batcher = &mut self.counters[counter.index()].batcher;
        let is_batch = batcher.take_batch(now, |token| self.clients.contains(token)).is_some();
        if is_batch {
            batcher.move_newest_to_front();
            self.fail(counter, error);
        }
        is_batch
    }

    pub(super) fn can_send(&self, counter: CounterId, now: Instant) -> bool {
        let state = &self.counters[counter.index()];
        state.cached_halt(now).is_some()
            || state.should_send(self.store.batches_in_flight_max(), now)
                && self.store.is_ready(counter)
    }
}
