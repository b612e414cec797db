//! All that one reactor knows of one counter: who waits for it, what it has at hand of it, and
//! whether it is halted.

use std::time::Instant;

use log::warn;

use crate::counter::Grant;
use crate::engine::batcher::Batcher;
use crate::engine::halt_cache::HaltCache;
use crate::engine::shared::LOG_TARGET;
use crate::engine::unclaimed::Unclaimed;

/// One counter in one reactor.
#[derive(Debug)]
pub struct CounterState {
    /// Its name.
    pub name: String,
    /// Who waits for it.
    pub batcher: Batcher,
    /// Numbers that were granted, and handed out to nobody yet.
    pub unclaimed: Unclaimed,
    /// Whether its last number is taken.
    pub halt_cache: HaltCache,
    /// Somebody waits for what the store holds now: what is cached is no answer.
    pub wants_fresh: bool,
    /// It is in the engine's list of counters with waiters.
    pub is_active: bool,
}

impl CounterState {
    /// Nobody waits, and nothing is known.
    pub fn new(name: &str) -> CounterState {
        CounterState {
            name: name.to_owned(),
            batcher: Batcher::default(),
            unclaimed: Unclaimed::default(),
            halt_cache: HaltCache::default(),
            wants_fresh: false,
            is_active: false,
        }
    }

    /// Whether a batch is worth a request now, if so many may be in flight. Once a halt is known,
    /// what is in flight is waited for: after it nothing need be sent.
    pub fn should_send(&self, in_flight_max: usize, now: Instant) -> bool {
        if !self.batcher.should_send(now) {
            return false;
        }
        let in_flight_max = if self.halt_cache.is_halted() { 1 } else { in_flight_max };
        self.batcher.in_flight() < in_flight_max
    }

    /// The answer to those of the next batch who have no key, if the store need not be asked: while
    /// there are unclaimed numbers within the limit it may say that they are no more to be handed
    /// out. Who has a key may have a number.
    pub fn cached_halt(&self, now: Instant) -> Option<Grant> {
        let halt = self.halt_cache.get(now)?;
        // What is in flight for keys alone is granted nothing that others could have.
        let is_idle = self.batcher.in_flight() == 0 || self.batcher.has_sent_keys_alone();
        if self.wants_fresh || !is_idle || !self.batcher.has_waiting_without_key() {
            return None;
        }
        let is_answer = self.unclaimed.first().is_none_or(|least| least > halt.limit);
        // A halt of an epoch that has ended answers nobody: it would be asked for without end.
        (is_answer && halt.epoch >= self.unclaimed.epoch()).then_some(halt)
    }

    /// Takes a grant in: its numbers are unclaimed until they are handed out. `false` if its epoch
    /// has ended, and its numbers with it.
    pub fn take_in(&mut self, grant: Grant) -> bool {
        if grant.epoch < self.unclaimed.epoch() {
            // A reset has ended the epoch of these numbers.
            if grant.granted > 0 {
                let (counter, numbers) = (self.name.as_str(), grant.granted);
                warn!(target: LOG_TARGET, counter, numbers;
                    "numbers spent: granted in an epoch that has ended");
            }
            return false;
        }
        if grant.epoch > self.unclaimed.epoch() {
            self.give_up_unclaimed("their epoch has ended");
        }
        self.unclaimed.add(grant);
        true
    }

    /// Logs the unclaimed numbers, and gives them up.
    pub fn give_up_unclaimed(&mut self, reason: &str) {
        let counter = self.name.as_str();
        for request_num in self.unclaimed.drain() {
            warn!(target: LOG_TARGET, counter, request_num, reason;
                "number spent: granted, and handed out to nobody");
        }
    }
}
