//! What becomes of the store's replies.

use std::time::Instant;

use log::warn;

use super::Engine;
use crate::api::body::Outcome;
use crate::counter::{CounterId, Grant};
use crate::engine::batcher::{Op, Waiter};
use crate::engine::number_log;
use crate::engine::shared::LOG_TARGET;
use crate::engine::unclaimed::Unclaimed;
use crate::limits::{HALT_CACHE_TTL, RETRY_PAUSE};
use crate::store::error::StoreError;
use crate::store::keys::KeyedNumber;
use crate::store::request::{Reply, StoreEvent};

impl Engine {
    pub(super) fn settle_events(&mut self, now: Instant) {
        while let Some(event) = self.store.poll() {
            match event {
                StoreEvent::Replied(counter, reply) => {
                    if let Some(grant) = reply.grant() {
                        self.counters[counter.index()].halt_cache.replied(grant);
                    }
                    self.settle_reply(counter, reply, now);
                }
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

    #[inline(always)] // 20 instructions less in a take without a key.
    pub(super) fn settle_reply(&mut self, counter: CounterId, reply: Reply, now: Instant) {
        match reply {
            Reply::Granted(grant) => self.settle(counter, grant, &mut [], now),
            other => self.settle_other(counter, other, now),
        }
    }

    #[cold]
    fn settle_other(&mut self, counter: CounterId, reply: Reply, now: Instant) {
        match reply {
            Reply::Granted(grant) => self.settle(counter, grant, &mut [], now),
            Reply::GrantedToKeys(grant, mut keyed) => {
                self.settle(counter, grant, &mut keyed, now);
            }
            Reply::NotRun => self.requeue_batch(counter, now + RETRY_PAUSE),
            Reply::Failed(error) => self.fail(counter, error),
        }
    }

    /// Gives the unclaimed numbers, those of the grant among them, to those who waited for it, and
    /// to those with a key what is theirs of `keyed`: it is left there if nobody is here to get it.
    /// Those who get none are sent away if there is none left, and else wait for the next reply.
    pub(super) fn settle(
        &mut self,
        counter: CounterId,
        grant: Grant,
        keyed: &mut [KeyedNumber],
        now: Instant,
    ) {
        let state = &mut self.counters[counter.index()];
        if !state.take_in(grant) {
            return self.requeue_batch(counter, now);
        }
        let (mut answers, mut left) = (Answers::default(), Vec::new());
        let (name, unclaimed) = (state.name.as_str(), &mut state.unclaimed);
        self.clients.prepare_tickets(name, grant.epoch);
        for waiter in state.batcher.end_batch() {
            if waiter.op == Op::Refresh {
                self.refresh.read_one(waiter.token, counter, None);
                continue;
            }
            let Some(outcome) = outcome(waiter.op, unclaimed, keyed, grant) else {
                left.push(waiter);
                continue;
            };
            if !keyed.is_empty() {
                self.clients.prepare_tickets(name, epoch_of(outcome, grant));
            }
            if !self.clients.answer(waiter.token, outcome) {
                continue; // It left, and its number is the next one's, or its key's.
            }
            answers.add(outcome);
            number_log::answered(name, outcome, waiter.token, &mut self.clients);
            hand_out(waiter.op, outcome, unclaimed, keyed);
            if waiter.op.is_take() {
                self.unwritten.push(waiter.since);
            }
        }
        number_log::kept(name, keyed);
        self.count_answers(counter, grant, &answers);
        self.plan_next_batch(counter, has_granted(grant, keyed), answers.total(), left, now);
    }

    #[inline(always)] // With the next one 14 instructions less.
    fn count_answers(&self, counter: CounterId, grant: Grant, answers: &Answers) {
        let unclaimed = self.counters[counter.index()].unclaimed.len();
        self.metrics.unclaimed[counter.index()].set(unclaimed);
        let takes = &self.metrics.takes[counter.index()];
        takes.granted.add(answers.numbers);
        takes.halted.add(answers.halts);
        if answers.replays + answers.failures > 0 {
            takes.replayed.add(answers.replays);
            takes.failed.add(answers.failures);
        }
        if answers.halts > 0 {
            self.log_halt_once(counter, grant);
        }
    }

    /// Those who got nothing wait again; else the next batch waits for those just answered. A
    /// halted counter is known, or soon will be: nobody is waited for.
    #[inline(always)]
    fn plan_next_batch(
        &mut self,
        counter: CounterId,
        is_granted: bool,
        answered: u64,
        left: Vec<Waiter>,
        now: Instant,
    ) {
        let expected = self.store.expected_returning(answered as usize);
        let batcher = &mut self.counters[counter.index()].batcher;
        if !left.is_empty() {
            batcher.requeue(left, now);
        } else if expected > 0 && is_granted {
            batcher.linger(expected, now);
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
        if is_here && waiter.op.is_take() {
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

/// A number is of the epoch that it was granted in, however often its key gets it.
fn epoch_of(outcome: Outcome, grant: Grant) -> u64 {
    match outcome {
        Outcome::Replayed { epoch, .. } => epoch,
        _ => grant.epoch,
    }
}

/// What was answered is nobody else's any more.
#[inline]
fn hand_out(op: Op, outcome: Outcome, unclaimed: &mut Unclaimed, keyed: &mut [KeyedNumber]) {
    match (op, outcome) {
        (Op::TakeWithKey(place), _) => keyed[place as usize] = ANSWERED,
        (_, Outcome::Number(_)) => unclaimed.claim(),
        _ => {}
    }
}

/// How many were answered what.
#[derive(Default)]
struct Answers {
    numbers: u64,
    replays: u64,
    halts: u64,
    reads: u64,
    failures: u64,
}

impl Answers {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Number(_) => self.numbers += 1,
            Outcome::Replayed { .. } => self.replays += 1,
            Outcome::Halted(_) => self.halts += 1,
            Outcome::Read(_) => self.reads += 1,
            Outcome::Failed(_) => self.failures += 1,
        }
    }

    fn total(&self) -> u64 {
        self.numbers + self.replays + self.halts + self.reads + self.failures
    }
}

/// What stands in the place of a key whose client has its answer.
const ANSWERED: KeyedNumber = KeyedNumber::NoneLeft;

/// Whether a reply may have brought something, so that who was answered may come back at once.
fn has_granted(grant: Grant, keyed: &[KeyedNumber]) -> bool {
    grant.granted > 0 || !keyed.is_empty()
}

/// What a reply has for one who waited; `None` if nothing yet. `keyed` is what the keys of the
/// batch have got: nothing is said of them if the counter is in a later epoch than the request.
fn outcome(op: Op, unclaimed: &Unclaimed, keyed: &[KeyedNumber], grant: Grant) -> Option<Outcome> {
    let number = unclaimed.first().filter(|number| *number <= grant.limit);
    let is_halted = grant.count().halted();
    match (op, number) {
        (Op::Peek | Op::Refresh, _) => Some(Outcome::Read(grant.count())),
        (Op::Take, Some(number)) => Some(Outcome::Number(number)),
        (Op::Take, None) if is_halted => Some(Outcome::Halted(grant.limit)),
        (Op::Take, None) => None,
        (Op::TakeWithKey(place), _) => match *keyed.get(place as usize)? {
            KeyedNumber::Granted(number) => Some(Outcome::Number(number)),
            KeyedNumber::Replayed { number, epoch } => Some(Outcome::Replayed { number, epoch }),
            KeyedNumber::NoneLeft if is_halted => Some(Outcome::Halted(grant.limit)),
            KeyedNumber::NoneLeft => None,
            KeyedNumber::Refused(error) => Some(Outcome::Failed(error)),
        },
    }
}
