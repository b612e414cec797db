//! The file as the reactors of a process see it, and as the one thread does that commits for them.
//!
//! A reactor hands its batches over and is woken when there is a reply: it never waits for the
//! disk. The committer takes all that has gathered, commits it as one record with one sync, and
//! answers all. The lock is held for as long as it takes to change the queue, never while the disk
//! is written.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::counter::CounterId;
use crate::metrics::store_metrics::StoreMetrics;
use crate::store::change::Change;
use crate::store::error::StoreError;
use crate::store::file::queue::{Queue, QueuedChange, ResultSlot, Work};
use crate::store::keys::Keys;
use crate::store::merger::Wants;
use crate::store::request::{SendState, StoreEvent};

/// What is between the reactors and the committer.
#[derive(Debug)]
pub struct CommitQueue {
    queue: Mutex<Queue>,
    /// Notified when there is something to do, or there never will be again.
    work_ready: Condvar,
    metrics: Arc<StoreMetrics>,
}

impl CommitQueue {
    /// Nothing was handed over yet.
    pub fn new(queue: Queue, metrics: StoreMetrics) -> CommitQueue {
        let (work_ready, metrics) = (Condvar::new(), Arc::new(metrics));
        CommitQueue { queue: Mutex::new(queue), work_ready, metrics }
    }

    /// What is counted of the commits; the committer alone counts.
    pub fn metrics(&self) -> &Arc<StoreMetrics> {
        &self.metrics
    }

    /// Has a counter changed, behind what was handed over before, unless it comes to that only
    /// after the deadline. The result comes there.
    pub fn change(
        &self,
        counter: CounterId,
        change: Change,
        (now, deadline): (Instant, Instant),
    ) -> Arc<ResultSlot> {
        let result = Arc::new(ResultSlot::default());
        let queued = QueuedChange { counter, change, deadline, result: Arc::clone(&result) };
        self.lock().push_change(queued, now);
        self.work_ready.notify_one();
        result
    }

    /// Waits until there is something to do, and for those who come back in a moment; no longer
    /// than `timeout`, if there is one.
    pub fn wait(&self, timeout: Option<Duration>, clock: fn() -> Instant) -> Next {
        let end = timeout.map(|timeout| clock() + timeout);
        let mut queue = self.lock();
        loop {
            let (now, has_work) = (clock(), queue.has_work());
            let linger_until = queue.linger_until(now).filter(|_| has_work);
            match (has_work, linger_until) {
                (true, None) => return Next::Work,
                _ if end.is_some_and(|end| end <= now) => return Next::Nothing,
                _ if queue.is_ended() => return Next::End,
                _ => {}
            }
            let until = [linger_until, end].into_iter().flatten().min();
            queue = match until {
                Some(until) => {
                    let woken = self.work_ready.wait_timeout(queue, until - now);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.work_ready.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Takes all that has gathered; perhaps there is nothing.
    pub fn take(&self, now: Instant) -> Work {
        self.lock().take(now)
    }

    /// Tells what came of it. Who is to be woken for that, by their places.
    pub fn settle(&self, tell: impl FnOnce(&mut Queue)) -> Vec<usize> {
        let mut queue = self.lock();
        tell(&mut queue);
        queue.mailboxes.take_wakes()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a wait of the committer has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// What has gathered.
    Work,
    /// Nothing: it has waited long enough.
    Nothing,
    /// Nothing, for ever: all reactors have left.
    End,
}

/// The way of one reactor, a source, to the committer.
#[derive(Debug)]
pub struct FileStore {
    commits: Arc<CommitQueue>,
    source: usize,
}

impl FileStore {
    /// The ways of so many reactors.
    pub fn of(commits: &Arc<CommitQueue>, sources: usize) -> Vec<FileStore> {
        let store = |source| FileStore { commits: Arc::clone(commits), source };
        (0..sources).map(store).collect()
    }

    /// See [`crate::store::Store::send_state`].
    pub fn send_state(&self, counter: CounterId) -> SendState {
        self.commits.lock().send_state(self.source, counter)
    }

    /// Hands over a batch that wants the numbers of these keys and so many more.
    pub fn send(&self, counter: CounterId, count: u64, keys: Keys, now: Instant) {
        self.commits.lock().push(self.source, counter, Wants { count, keys }, now);
    }

    /// See [`crate::store::Store::finish_requests`]: the committer begins, unless it is at work.
    pub fn finish_requests(&self) {
        let has_work = self.commits.lock().has_work();
        if has_work {
            self.commits.work_ready.notify_one();
        }
    }

    /// See [`crate::store::Store::is_awaiting_reply`].
    pub fn is_awaiting_reply(&self) -> bool {
        self.commits.lock().is_awaiting_reply(self.source)
    }

    /// What is counted of the commits, for the first reactor; the others have nothing of their own.
    pub fn metrics(&self) -> Arc<StoreMetrics> {
        match self.source {
            0 => Arc::clone(&self.commits.metrics),
            _ => Arc::new(StoreMetrics::new(0, 0)),
        }
    }

    /// Whether there is an event for this reactor, which from now on is woken for the next one.
    pub fn look_for_events(&self) -> bool {
        self.commits.lock().mailboxes.look(self.source)
    }

    /// See [`crate::store::Store::poll`].
    pub fn poll(&self) -> Option<StoreEvent> {
        self.commits.lock().mailboxes.pop(self.source)
    }

    /// See [`crate::store::Store::known_writes`].
    pub fn known_writes(&self) -> Result<(), StoreError> {
        self.commits.lock().health.last_write()
    }

    /// See [`crate::store::Store::check_writes`].
    pub fn check_writes(&self, now: Instant) -> Option<Result<(), StoreError>> {
        self.commits.lock().check_writes(now)
    }

    /// See [`crate::store::Store::refusal`].
    pub fn refusal(&self, counter: CounterId) -> Option<StoreError> {
        self.commits.lock().refusal(counter)
    }

    /// See [`crate::store::Store::absence`].
    pub fn absence(&self) -> Option<StoreError> {
        self.commits.lock().health.absence()
    }

    /// See [`crate::store::Store::tick`].
    pub fn tick(&self, now: Instant) {
        self.commits.lock().health.tick(now);
    }

    /// See [`crate::store::Store::deadline`].
    pub fn deadline(&self) -> Option<Instant> {
        self.commits.lock().health.deadline()
    }

    /// See [`crate::store::Store::away_at`].
    pub fn away_at(&self) -> Option<Instant> {
        self.commits.lock().health.away_at()
    }

    /// See [`crate::store::Store::last_error`].
    pub fn last_error(&self, counter: CounterId) -> StoreError {
        let queue = self.commits.lock();
        let refusal = queue.refusal(counter).or(queue.health.last_write().err());
        refusal.unwrap_or(StoreError::Timeout)
    }

    /// The reactor ends.
    pub fn leave(&self) {
        self.commits.lock().leave(self.source);
        self.commits.work_ready.notify_one();
    }
}

impl Drop for FileStore {
    /// However a reactor ends, the committer does not wait for it.
    fn drop(&mut self) {
        self.leave();
    }
}
