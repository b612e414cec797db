//! What becomes of the store's replies.

use std::time::Instant;

use log::{info, warn};

use super::Engine;
use crate::api::body::Outcome;
use crate::counter::{CounterId, Grant};
use crate::engine::batcher::{Op, Waiter};
use crate::engine::clients::Clients;
use crate::engine::shared::LOG_TARGET;
use crate::limits::{BATCH_LINGER, HALT_CACHE_TTL, RETRY_PAUSE};
use crate::store::error::StoreError;
use crate::store::request::{Reply, StoreEvent};
use crate::token::Token;

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
                    self.metrics.unclaimed[counter.index()].set(0);
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
                StoreEvent::Written(result) => self.answer_write_checks(result, now),
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
        let (mut numbers, mut halts, mut reads, mut left) = (0, 0, 0, Vec::new());
        let (name, unclaimed) = (state.name.as_str(), &mut state.unclaimed);
        for waiter in state.batcher.end_batch() {
            if waiter.op == Op::Refresh {
                self.refresh.read_one(waiter.token, counter, None);
                continue;
            }
            let number = unclaimed.first().filter(|number| *number <= grant.limit);
            let Some(outcome) = outcome(waiter.op, number, grant) else {
                left.push(waiter);
                continue;
            };
            if !self.clients.answer(waiter.token, outcome) {
                continue; // It left, and its number is the next one's.
            }
            match outcome {
                Outcome::Number(request_num) => {
                    numbers += 1;
                    unclaimed.claim();
                    log_number(name, request_num, waiter.token, &mut self.clients);
                }
                Outcome::Halted(_) => halts += 1,
                Outcome::Read(_) | Outcome::Failed(_) => reads += 1,
            }
            if waiter.op == Op::Take {
                self.unwritten.push(waiter.since);
            }
        }
        self.metrics.unclaimed[counter.index()].set(unclaimed.len());
        self.plan_next_batch(counter, grant, numbers + halts + reads, left, now);
        self.count_answers(counter, grant, numbers, halts);
    }

    fn count_answers(&self, counter: CounterId, grant: Grant, numbers: u64, halts: u64) {
        let takes = &self.metrics.takes[counter.index()];
        takes.granted.add(numbers);
        takes.halted.add(halts);
        if halts > 0 {
            self.log_halt_once(counter, grant);
        }
    }

    /// Those who got nothing wait again; else the next batch waits for those just answered. A
    /// halted counter is known, or soon will be: nobody is waited for.
    fn plan_next_batch(
        &mut self,
        counter: CounterId,
        grant: Grant,
        answered: u64,
        left: Vec<Waiter>,
        now: Instant,
    ) {
        let expected = self.store.expected_returning(answered as usize);
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
        let waiters: Vec<Waiter> = self.counters[counter.index()].batcher.end_batch().collect();
        for waiter in waiters {
            self.fail_waiter(counter, &waiter, error);
        }
    }

    /// Answers one whom the store has given nothing; `false` if the client has left.
    fn fail_waiter(&mut self, counter: CounterId, waiter: &Waiter, error: StoreError) -> bool {
        if waiter.op == Op::Refresh {
            self.refresh.read_one(waiter.token, counter, Some(error));
            return false;
        }
        let is_here = self.clients.answer(waiter.token, Outcome::Failed(error));
        if is_here && waiter.op == Op::Take {
            self.metrics.takes[counter.index()].failed.add(1);
            self.unwritten.push(waiter.since);
        }
        is_here
    }

    /// The answers of the last turn were written: what could not be sent yet is not waited for.
    #[inline]
    pub fn answers_written(&mut self, now: Instant) {
        if !self.unwritten.is_empty() {
            self.unwritten.written(&self.metrics.take_duration, now);
        }
    }

    fn log_halt_once(&self, counter: CounterId, grant: Grant) {
        let limit = grant.limit;
        if self.shared.logged_halts[counter.index()].is_new(grant.epoch, limit) {
            let counter = self.counters[counter.index()].name.as_str();
            warn!(target: LOG_TARGET, counter, limit; "halted: the last number is taken");
        }
    }

    /// The store is away, and was for so long that nobody waits for it any more. Of those in
    /// flight nobody is left: they came before it was lost, and so their time is up as well.
    #[cold]
    pub(super) fn fail_all(&mut self, now: Instant) {
        let timeout = self.clients.turn_mut().settings.store_timeout;
        self.fail_expired(now + timeout); // No deadline is later than that.
    }

    /// Answers those whose deadline is not after `until`. Their answers say no more than why.
    #[cold]
    pub(super) fn fail_expired(&mut self, until: Instant) {
        let (mut requests, mut reason) = (0, None);
        for index in 0..self.active.len() {
            let counter = self.active[index];
            while let Some(waiter) = self.counters[counter.index()].batcher.expire(until) {
                let error = self.store.last_error(counter);
                requests += u64::from(self.fail_waiter(counter, &waiter, error));
                reason = Some(error);
            }
        }
        for (waiter, counter) in self.write_checks.expire(until) {
            let error = self.store.last_error(counter.unwrap_or(CounterId::FIRST));
            requests += u64::from(self.clients.answer(waiter.token, Outcome::Failed(error)));
            reason = Some(error);
        }
        let is_stopping = self.clients.turn_mut().answer_by.is_some();
        if let (1.., Some(reason), true) = (requests, reason, is_stopping) {
            let reason = reason.word();
            warn!(requests, reason; "requests answered 503 at shutdown: no reply from the store");
        }
    }
}

/// What a reply has for one who waited; `None` if nothing yet. `number` is the next one within the
/// limit that nobody has.
fn outcome(op: Op, number: Option<u64>, grant: Grant) -> Option<Outcome> {
    match (op, number) {
        (Op::Peek | Op::Refresh, _) => Some(Outcome::Read(grant.count())),
        (Op::Take, Some(number)) => Some(Outcome::Number(number)),
        (Op::Take, None) if grant.count().halted() => Some(Outcome::Halted(grant.limit)),
        (Op::Take, None) => None,
    }
}

#[inline(always)]
fn log_number(counter: &str, request_num: u64, token: Token, clients: &mut Clients) {
    if clients.is_audited() {
        return log_audited(counter, request_num, token, clients);
    }
    info!(target: LOG_TARGET, counter, request_num; "number taken");
}

/// The same line, with who took the number.
#[cold]
fn log_audited(counter: &str, request_num: u64, token: Token, clients: &mut Clients) {
    let Some((peer, audit)) = clients.take_answered(token) else {
        return; // It is here: it was just answered.
    };
    let peer = peer.address.to_string();
    let (forwarded_for, request_id) = (audit.forwarded_for.as_deref(), audit.request_id.as_deref());
    let (traceparent, key) = (audit.traceparent.as_deref(), audit.key.as_deref());
    info!(target: LOG_TARGET, counter, request_num, peer, forwarded_for, request_id, traceparent,
        key; "number taken");
}
