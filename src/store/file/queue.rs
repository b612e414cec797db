//! What the reactors have handed over to be committed, and what came of it: the state behind the
//! lock of [`super::served`], sans-IO.
//!
//! ```text
//!   reactors:  push, changes -> queued --take--> the committer, one commit --replied--> mailboxes
//! ```
//!
//! Invariants: what is pushed while a commit runs waits for the next one, so each commit takes all
//! that has gathered. The replies of a counter come in the order of its requests.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::counter::CounterId;
use crate::limits::SHARED_LINGER_SHARE_MAX;
use crate::store::change::{Change, Changed};
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::file::health::Health;
use crate::store::file::outcome::ChangeError;
use crate::store::keys::Keys;
use crate::store::linger::Linger;
use crate::store::lost_numbers::{log_in_doubt, log_spent};
use crate::store::mailboxes::Mailboxes;
use crate::store::merger::{Merger, Wants};
use crate::store::request::{Reply, SendState, StoreEvent};

/// The place for the result of a change, and for the thread that waits for it.
#[derive(Debug, Default)]
pub struct ResultSlot {
    result: Mutex<Option<Result<Changed, ChangeError>>>,
    is_there: Condvar,
}

impl ResultSlot {
    /// The change came to its end.
    pub fn put(&self, result: Result<Changed, ChangeError>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.is_there.notify_one();
    }

    /// Waits for that; `None`: it did not come in time.
    pub fn wait(&self, timeout: Duration) -> Option<Result<Changed, ChangeError>> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.is_there.wait_timeout_while(result, timeout, |it| it.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }
}

/// A change of the admin listener, and the way back to the thread that waits for it.
#[derive(Debug)]
pub struct QueuedChange {
    /// Of which counter.
    pub counter: CounterId,
    /// What is to be done.
    pub change: Change,
    /// When nobody waits for it any more: then it is not begun.
    pub deadline: Instant,
    /// There the result goes; perhaps nobody waits any more.
    pub result: Arc<ResultSlot>,
}

/// What the committer has to do next.
#[derive(Debug, Default)]
pub struct Work {
    /// Requests for numbers: of which counter, how many, and for which keys.
    pub takes: Vec<(CounterId, u64, Keys)>,
    /// Changes, behind them.
    pub changes: Vec<QueuedChange>,
    /// Somebody asks whether the disk takes writes.
    pub checks_writes: bool,
}

/// What is queued, in hand, and on its way back. A source is a reactor, by its place.
#[derive(Debug)]
pub struct Queue {
    /// The events of each source, and who is to be woken.
    pub mailboxes: Mailboxes,
    /// How the disk is.
    pub health: Health,
    counters: Arc<Counters>,
    merger: Merger,
    linger: Linger,
    changes: VecDeque<QueuedChange>,
    is_check_due: bool,
    /// Since when somebody waits for the next commit.
    queued_since: Option<Instant>,
    /// By the counters' places: why nothing can be taken.
    refusals: Vec<Option<StoreError>>,
}

impl Queue {
    /// Of so many sources. A commit that takes longer than `timeout` is too slow.
    pub fn new(
        counters: Arc<Counters>,
        refusals: Vec<Option<StoreError>>,
        sources: usize,
        timeout: Duration,
    ) -> Queue {
        Queue {
            mailboxes: Mailboxes::new(sources),
            health: Health::new(timeout),
            merger: Merger::new(counters.len()),
            linger: Linger::default(),
            counters,
            changes: VecDeque::new(),
            is_check_due: false,
            queued_since: None,
            refusals,
        }
    }

    // --- for the reactors -----------------------------------------------------------------------

    /// Whether a source may hand over a batch of this counter now; it may while a commit runs, too.
    pub fn send_state(&self, source: usize, counter: CounterId) -> SendState {
        if let Some(error) = self.refusal(counter) {
            return SendState::Refused(error);
        }
        match self.merger.has_queued(counter, source) {
            true => SendState::Waiting, // Its reply makes the source turn.
            false => SendState::Ready,
        }
    }

    /// Why nothing can be taken from this counter.
    pub fn refusal(&self, counter: CounterId) -> Option<StoreError> {
        self.refusals[counter.index()]
    }

    /// A source hands over a batch, which is ready to be sent.
    pub fn push(&mut self, source: usize, counter: CounterId, wants: Wants, now: Instant) {
        self.waits(now);
        self.linger.returned(source, wants.count as usize + wants.keys.len(), now);
        // What is unclaimed needs no confirmation: only this process changes the file.
        self.merger.push(counter, source, wants, false);
    }

    /// A change is to be done.
    pub fn push_change(&mut self, change: QueuedChange, now: Instant) {
        self.waits(now);
        self.changes.push_back(change);
    }

    /// Somebody waits for the next commit.
    fn waits(&mut self, now: Instant) {
        self.queued_since.get_or_insert(now);
        self.health.begin_if_idle(now);
    }

    /// Whether the disk takes writes, if that was seen not long ago; else it is tried, and all
    /// sources hear of it.
    pub fn check_writes(&mut self, now: Instant) -> Option<Result<(), StoreError>> {
        let known = self.health.recent_write(now);
        if known.is_none() {
            self.waits(now);
            self.is_check_due = true;
        }
        known
    }

    /// Whether a source has no reply yet, or has not taken it out.
    pub fn is_awaiting_reply(&self, source: usize) -> bool {
        self.merger.is_awaited_by(source) || !self.mailboxes.is_empty(source)
    }

    /// A source has ended: what it has not taken out is logged, and what is on its way for it goes
    /// to others.
    pub fn leave(&mut self, source: usize) {
        if self.mailboxes.has_left(source) {
            return;
        }
        for event in self.mailboxes.leave(source) {
            if let StoreEvent::Replied(counter, reply) = event {
                log_spent(&self.counters.get(counter).name, &reply);
            }
        }
        self.merger.leave(source);
        self.linger.left(source);
        self.forget_wait();
        if !self.has_work() && self.merger.is_idle() {
            self.health.end(); // Nobody waits for the disk any more.
        }
        if self.mailboxes.have_all_left() {
            // The process ends, whether the disk has them or not.
            log_in_doubt(self.merger.in_flight_numbers());
        }
    }

    // --- for the committer ----------------------------------------------------------------------

    /// Whether there is something to do, or will be in a moment.
    pub fn has_work(&self) -> bool {
        !self.merger.waiting().is_empty() || !self.changes.is_empty() || self.is_check_due
    }

    /// Until when the work waits for those who were served last.
    pub fn linger_until(&self, now: Instant) -> Option<Instant> {
        self.linger.deadline().filter(|until| *until > now)
    }

    /// Whether there will be nothing more to do.
    pub fn is_ended(&self) -> bool {
        self.mailboxes.have_all_left() && !self.has_work()
    }

    /// Takes all that has gathered; from now on the disk is waited for.
    pub fn take(&mut self, now: Instant) -> Work {
        self.linger.end(now);
        self.give_back_if_late(now);
        let mut takes = Vec::new();
        while let Some(counter) = self.merger.waiting().first().copied() {
            let Wants { count, keys } = self.merger.take(counter).wants;
            takes.push((counter, count, keys));
        }
        // Nobody waits any more for those that come too late.
        let changes = self.changes.drain(..).filter(|it| it.deadline > now).collect();
        let checks_writes = std::mem::take(&mut self.is_check_due);
        self.queued_since = None;
        self.health.begin(now);
        Work { takes, changes, checks_writes }
    }

    /// All of it is done.
    pub fn end(&mut self, now: Instant) {
        self.give_back_if_late(now);
        self.forget_wait();
        self.health.end();
        if self.has_work() {
            self.health.begin(self.queued_since.unwrap_or(now));
        }
    }

    /// Who comes next has waited for nothing if nothing is queued.
    fn forget_wait(&mut self) {
        self.queued_since = self.queued_since.filter(|_| self.has_work());
    }

    /// What was handed over while the disk was too slow may be for people who have given up: their
    /// reactors hand over again what is still wanted.
    fn give_back_if_late(&mut self, now: Instant) {
        if !self.health.is_overdue(now) {
            return;
        }
        for counter in self.merger.waiting().to_vec() {
            for source in self.merger.give_back(counter) {
                self.mailboxes.push(source, StoreEvent::Replied(counter, Reply::NotRun));
            }
        }
    }

    /// The oldest request of a counter has its reply.
    pub fn replied(&mut self, counter: CounterId, reply: Reply, now: Instant) {
        let grant = reply.grant();
        if let Some(grant) = grant {
            self.counters.observe(counter, grant, None);
        }
        let mut served = Vec::new();
        for (source, reply) in self.merger.replied(counter, reply) {
            match source {
                Some(source) => {
                    if (1..=SHARED_LINGER_SHARE_MAX).contains(&reply.granted()) {
                        served.push(source);
                    }
                    self.mailboxes.push(source, StoreEvent::Replied(counter, reply));
                }
                // With nobody left they are in doubt, which was logged.
                None if self.mailboxes.have_all_left() => {}
                None => log_spent(&self.counters.get(counter).name, &reply),
            }
        }
        self.linger.served(&served, self.merger.queued_waiters(), now);
        // A halt ends by a change alone, which is told of.
        if let Some(halt) = grant.filter(|grant| grant.count().halted()) {
            for source in self.merger.answered(counter) {
                self.mailboxes.push(*source, StoreEvent::Halted(counter, halt));
            }
        }
    }

    /// A counter was changed, and can be taken from, or why not.
    pub fn changed(&mut self, counter: CounterId, refusal: Option<StoreError>) {
        self.refusals[counter.index()] = refusal;
        self.mailboxes.push_to_all(StoreEvent::MayHaveChanged(Some(counter)));
    }

    /// All who asked whether the disk takes writes are told.
    pub fn answer_check(&mut self) {
        let result = self.health.last_write();
        self.mailboxes.push_to_all(StoreEvent::Written(result));
    }
}
