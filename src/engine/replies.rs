//! What becomes of the store's replies.

use std::time::Instant;

use log::{info, warn};

use super::Engine;
use crate::api::body::Outcome;
use crate::counter::{CounterId, Grant};
use crate::engine::batcher::{Op, Waiter};
use crate::engine::shared::LOG_TARGET;
use crate::limits::{BATCH_LINGER, HALT_CACHE_TTL, RETRY_PAUSE};
use crate::store::error::StoreError;
use crate::store::request::{Reply, StoreEvent};

impl Engine {
    pub(super) fn settle_events(&mut self, now: Instant) {
        while let Some(event) = self.store.poll() {
            match event {
                StoreEvent::Replied(counter, Reply::Granted(grant)) => {
                    self.counters[counter.index()].halt_cache.replied(grant);
                    self.settle(counter, grant, now);
                }
                StoreEvent::Replied(counter, Reply::NotRun) => {
                    self.requeue_batch(counter, now + RETRY_PAUSE);
                }
                StoreEvent::Replied(counter, Reply::Failed(error)) => self.fail(counter, error),
                StoreEvent::AnswersLost(counter) => {
                    let state = &mut self.counters[counter.index()];
                    state.give_up_unclaimed("the store no longer has their grant");
                }
                StoreEvent::Halted(counter, grant) => {
                    self.counters[counter.index()].halt_cache.set(grant, None, now);
                }
                StoreEvent::HaltedUntracked(counter, grant) => {
                    let ttl = Some(HALT_CACHE_TTL);
                    self.counters[counter.index()].halt_cache.set(grant, ttl, now);
                }
                StoreEvent::MayHaveChanged(Some(counter)) => {
                    self.counters[counter.index()].halt_cache.clear();
                }
                StoreEvent::MayHaveChanged(None) => {
                    self.counters.iter_mut().for_each(|counter| counter.halt_cache.clear());
                }
                StoreEvent::Written(result) => self.answer_write_checks(result),
            }
        }
    }

    /// Gives the unclaimed numbers, those of the grant among them, to those who waited for it.
    /// Those who get none are sent away if there is none left, and else wait for the next reply.
    pub(super) fn settle(&mut self, counter: CounterId, grant: Grant, now: Instant) {
        let state = &mut self.counters[counter.index()];
        if !state.take_in(grant) {
            return self.requeue_batch(counter, now);
        }
        let (mut is_sent_away, mut answered, mut left) = (false, 0, Vec::new());
        let (counter_name, unclaimed) = (state.name.as_str(), &mut state.unclaimed);
        for waiter in state.batcher.end_batch() {
            let number = unclaimed.first().filter(|number| *number <= grant.limit);
            let outcome = match (waiter.op, number) {
                (Op::Peek, _) => Outcome::Read(grant.count()),
                (Op::Take, Some(number)) => Outcome::Number(number),
                (Op::Take, None) if grant.count().halted() => Outcome::Halted(grant.limit),
                (Op::Take, None) => {
                    left.push(waiter);
                    continue;
                }
            };
            if !self.clients.answer(waiter.token, outcome) {
                continue; // It left, and its number is the next one's.
            }
            answered += 1;
            is_sent_away |= matches!(outcome, Outcome::Halted(_));
            if let Outcome::Number(request_num) = outcome {
                unclaimed.claim();
                info!(target: LOG_TARGET, counter = counter_name, request_num; "number taken");
            }
        }
        self.plan_next_batch(counter, grant, answered, left, now);
        if is_sent_away {
            self.log_halt_once(counter, grant);
        }
    }

    /// Those who got nothing wait again; else the next batch waits for those just answered. A
    /// halted counter is known, or soon will be: nobody is waited for.
    fn plan_next_batch(
        &mut self,
        counter: CounterId,
        grant: Grant,
        answered: usize,
        left: Vec<Waiter>,
        now: Instant,
    ) {
        let expected = self.store.expected_returning(answered);
        let batcher = &mut self.counters[counter.index()].batcher;
        if !left.is_empty() {
            batcher.requeue(left, now);
        } else if expected > 0 && grant.granted > 0 {
            batcher.linger(expected, now + BATCH_LINGER);
        }
    }

    fn requeue_batch(&mut self, counter: CounterId, until: Instant) {
        let batcher = &mut self.counters[counter.index()].batcher;
        let waiters: Vec<Waiter> = batcher.end_batch().collect();
        batcher.requeue(waiters, until);
    }

    pub(super) fn fail(&mut self, counter: CounterId, error: StoreError) {
        for waiter in self.counters[counter.index()].batcher.end_batch() {
            self.clients.answer(waiter.token, Outcome::Failed(error));
        }
    }

    fn log_halt_once(&self, counter: CounterId, grant: Grant) {
        let limit = grant.limit;
        if self.shared.logged_halts[counter.index()].is_new(grant.epoch, limit) {
            let counter = self.counters[counter.index()].name.as_str();
            warn!(target: LOG_TARGET, counter, limit; "halted: the last number is taken");
        }
    }

    /// Answers those whose time is up. Their answers say no more than why.
    pub(super) fn fail_expired(&mut self, now: Instant) {
        let (mut requests, mut reason) = (0, None);
        for counter in &self.active {
            while let Some(waiter) = self.counters[counter.index()].batcher.expire(now) {
                let error = self.store.last_error(*counter);
                let is_here = self.clients.answer(waiter.token, Outcome::Failed(error));
                requests += u64::from(is_here);
                reason = Some(error);
            }
        }
        for waiter in self.write_checks.expire(now) {
            let error = self.store.last_error(CounterId::FIRST);
            requests += u64::from(self.clients.answer(waiter.token, Outcome::Failed(error)));
            reason = Some(error);
        }
        if let (1.., Some(reason), true) = (requests, reason, self.answer_by.is_some()) {
            let reason = reason.word();
            warn!(requests, reason; "requests answered 503 at shutdown: no reply from the store");
        }
    }
}
