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
        if !state.should_send(self.store.batches_in_flight_max(), now) {
            return false;
        }
        if let Some(halt) = state.cached_halt(now) {
            let is_batch = state.batcher.take_batch(|token| self.clients.contains(token)).is_some();
            if is_batch {
                self.settle(counter, halt, now);
            }
            return is_batch;
        }
        match self.store.send_state(counter, now) {
            SendState::Waiting => return false,
            SendState::Refused(error) => return self.refuse(counter, error),
            SendState::Ready => {}
        }
        let batch = state.batcher.take_batch(|token| self.clients.contains(token));
        let Some(numbers) = batch else {
            return false;
        };
        state.wants_fresh = false;
        let count = numbers.saturating_sub(state.unclaimed.len());
        let has_unclaimed = !state.unclaimed.is_empty();
        let Some(grant) = self.store.send(counter, count, has_unclaimed, now) else {
            return false;
        };
        self.settle(counter, grant, now);
        true
    }

    /// The store would refuse: everybody who waits is told so at once.
    fn refuse(&mut self, counter: CounterId, error: StoreError) -> bool {
        let batcher = &mut self.counters[counter.index()].batcher;
        let is_batch = batcher.take_batch(|token| self.clients.contains(token)).is_some();
        if is_batch {
            self.fail(counter, error);
        }
        is_batch
    }

    pub(super) fn can_send(&self, counter: CounterId, now: Instant) -> bool {
        let state = &self.counters[counter.index()];
        let is_worth_it = state.should_send(self.store.batches_in_flight_max(), now);
        is_worth_it && (self.store.is_ready(counter) || state.cached_halt(now).is_some())
    }
}
