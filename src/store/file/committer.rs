//! What the one thread does that commits for all reactors: work in, records to the disk, replies
//! out. It knows no thread, and no clock but the one that it is handed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{debug, warn};

use crate::counter::{self, CounterId, Grant};
use crate::limits::FILE_SYNC_POLL_INTERVAL;
use crate::store::change::Changed;
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::file::disk::Disk;
use crate::store::file::draft::Take;
use crate::store::file::entry::CounterFields;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{ChangeError, CommitError, CompactionError, Progress};
use crate::store::file::plan::ChangeRefusal;
use crate::store::file::queue::{QueuedChange, Work};
use crate::store::file::served::{CommitQueue, Next};
use crate::store::file::state::FileState;
use crate::store::keys::Keys;
use crate::store::request::Reply;

/// The journal, and those whom it serves.
#[derive(Debug)]
pub struct Committer<D> {
    journal: Journal<D>,
    commits: Arc<CommitQueue>,
    counters: Arc<Counters>,
    /// When the work in hand was taken.
    begun_at: Instant,
    /// How far a compaction is.
    progress: Progress,
}

/// What came of some work.
#[derive(Debug, Default)]
pub struct Outcome {
    replies: Vec<(CounterId, Reply)>,
    changes: Vec<ChangeOutcome>,
    checked_writes: bool,
    /// Whether the disk took what was written; `None`: nothing had to be.
    written: Option<Result<(), CommitError>>,
    /// So many numbers were asked for.
    takes: u64,
    /// Records that were written.
    records: u64,
}

/// A change that came to its end.
#[derive(Debug)]
struct ChangeOutcome {
    queued: QueuedChange,
    result: Result<Changed, ChangeError>,
}

impl<D: Disk> Committer<D> {
    /// Commits to this journal what is handed over there.
    pub fn new(
        journal: Journal<D>,
        commits: Arc<CommitQueue>,
        counters: Arc<Counters>,
        now: Instant,
    ) -> Committer<D> {
        Committer { journal, commits, counters, begun_at: now, progress: Progress::Idle }
    }

    /// What is handed over to it.
    pub fn commits(&self) -> &Arc<CommitQueue> {
        &self.commits
    }

    /// Waits until there is something to do; while a compaction goes on, not for long.
    pub fn wait(&self, clock: fn() -> Instant) -> Next {
        let timeout = match self.progress {
            Progress::Idle | Progress::Done => None,
            Progress::More => Some(Duration::ZERO),
            Progress::Waiting => Some(FILE_SYNC_POLL_INTERVAL),
        };
        self.commits.wait(timeout, clock)
    }

    /// Takes all that has gathered.
    pub fn take(&mut self, now: Instant) -> Work {
        self.begun_at = now;
        self.commits.take(now)
    }

    /// Does the work: at first the takes, all with one sync if one record has room for them. The
    /// wall clock tells when a change happens, `now_us`.
    pub fn commit(&mut self, work: Work, now_us: u64) -> Outcome {
        let Work { takes, changes, checks_writes } = work;
        let mut done = Outcome { checked_writes: checks_writes, ..Outcome::default() };
        let records_before = self.journal.records();
        self.commit_takes(takes, &mut done);
        for queued in changes {
            let name = &self.counters.get(queued.counter).name;
            let result = match self.journal.state().find(name) {
                Some(_) => self.journal.change(name, &queued.change, now_us),
                // A set of the count, or a reset, would create it.
                None => Err(ChangeError::Refused(ChangeRefusal::Missing)),
            };
            done.changes.push(ChangeOutcome { queued, result });
        }
        done.records = self.journal.records() - records_before;
        if done.records > 0 && done.written.is_none() {
            done.written = Some(Ok(())); // Of changes alone.
        }
        if checks_writes && done.written.is_none() {
            done.written = Some(self.journal.check_writes());
        }
        done
    }

    fn commit_takes(&mut self, takes: Vec<(CounterId, u64, Keys)>, done: &mut Outcome) {
        let (mut counters, mut found) = (Vec::new(), Vec::new());
        for (counter, count, keys) in takes {
            done.takes += count + keys.len() as u64;
            match self.journal.state().find(&self.counters.get(counter).name) {
                Some(place) => {
                    counters.push(counter);
                    found.push(Take { place, count, keys });
                }
                None => done.replies.push((counter, Reply::Failed(StoreError::Missing))),
            }
        }
        let mut next = 0;
        while next < found.len() {
            for reply in self.commit_some(&found[next..], done) {
                done.replies.push((counters[next], reply));
                next += 1;
            }
        }
    }

    /// As many as one record has room for. There is at least one reply.
    fn commit_some(&mut self, takes: &[Take], done: &mut Outcome) -> Vec<Reply> {
        let records_before = self.journal.records();
        match self.journal.commit(takes) {
            Ok(replies) => {
                if self.journal.records() > records_before {
                    done.written = Some(Ok(()));
                }
                replies
            }
            Err(error) => {
                // A full disk does not keep those from being answered of whom nothing is written.
                let is_full = matches!(error, CommitError::NoRoom(_));
                done.written = Some(Err(error));
                let reply = |take| self.journal.reply_of_read(take).filter(|_| is_full);
                let failed = Reply::Failed(StoreError::Disk);
                takes.iter().map(|take| reply(take).unwrap_or(failed.clone())).collect()
            }
        }
    }

    /// Tells all what came of it. Which reactors are to be woken for that, by their places.
    pub fn settle(&self, done: Outcome, now: Instant) -> Vec<usize> {
        self.record_metrics(&done, now);
        let Outcome { replies, changes, checked_writes, written, .. } = done;
        let refusals: Vec<_> = changes.iter().map(|it| self.refusal(it.queued.counter)).collect();
        let wakes = self.commits.settle(|queue| {
            match &written {
                Some(Ok(())) => queue.health.write_succeeded(now),
                Some(Err(error)) => queue.health.write_failed(error, now),
                None => {}
            }
            for ChangeOutcome { result, .. } in &changes {
                if let Err(ChangeError::Commit(error)) = result {
                    queue.health.write_failed(error, now);
                }
            }
            for (counter, reply) in replies {
                queue.replied(counter, reply, now);
            }
            queue.end(now);
            for (change, refusal) in changes.iter().zip(refusals) {
                if change.result.is_ok() {
                    queue.changed(change.queued.counter, refusal);
                }
            }
            if checked_writes {
                queue.answer_check();
            }
        });
        for ChangeOutcome { queued, result } in changes {
            if result.is_ok() {
                self.observe(queued.counter);
            }
            queued.result.put(result);
        }
        wakes
    }

    fn record_metrics(&self, done: &Outcome, now: Instant) {
        let metrics = self.commits.metrics();
        metrics.requests.add(done.records);
        if done.records > 0 && done.takes > 0 {
            let duration = now.saturating_duration_since(self.begun_at);
            metrics.request_duration.observe_time(duration, 1);
            metrics.request_takes.observe(done.takes, 1);
        }
        let of_changes = done.changes.iter().filter_map(|change| match &change.result {
            Err(ChangeError::Commit(error)) => Some(error),
            _ => None,
        });
        for error in done.written.iter().filter_map(|it| it.as_ref().err()).chain(of_changes) {
            metrics.errors[StoreError::Disk.index()].add(1);
            if let CommitError::Failed(_) = error {
                metrics.ready.set(0);
            }
        }
    }

    /// Does a little to make the journal short again, if it has become large: to be called when
    /// those who waited have their answers.
    pub fn compact(&mut self) {
        self.progress = match self.journal.compact_step() {
            Ok(progress) => progress,
            Err(CompactionError::Postponed(error)) => {
                let detail = error.to_string();
                let hint = "free some disk space; it is tried again when the file has grown";
                warn!(detail, hint; "compaction failed");
                Progress::Idle
            }
            // The next commit fails for it, and tells.
            Err(CompactionError::Failed(_)) => Progress::Idle,
        };
        if self.progress == Progress::Done {
            debug!("compaction done");
        }
    }

    fn refusal(&self, counter: CounterId) -> Option<StoreError> {
        refusal(self.journal.state(), &self.counters.get(counter).name)
    }

    fn observe(&self, counter: CounterId) {
        observe(self.journal.state(), &self.counters, counter);
    }
}

/// Why nothing can be taken from a counter, if that is so.
pub fn refusal(state: &FileState, name: &str) -> Option<StoreError> {
    match state.find(name) {
        Some(place) => state.counter(place).check_floor().err().map(|fault| fault.error),
        None => Some(StoreError::Missing),
    }
}

/// The process has seen what the file holds of a counter.
pub fn observe(state: &FileState, counters: &Counters, counter: CounterId) {
    if let Some(place) = state.find(&counters.get(counter).name) {
        let CounterFields { count, epoch, made, .. } = state.counter(place).fields;
        let grant = Grant { epoch, ..counter::take(count, 0) };
        counters.observe(counter, grant, Some(made));
    }
}
