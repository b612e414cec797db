//! The file as reactors see it: what they hand over is committed together, and told to each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sim_disk::{Fault, SimDisk};
use super::{SMALL, create, grant, keyed, keys};
use crate::counter::{Count, CounterId, Grant};
use crate::metrics::store_metrics::StoreMetrics;
use crate::store::change::{Change, ChangeKind};
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::file::committer::{self, Committer};
use crate::store::file::journal::Journal;
use crate::store::file::outcome::ChangeError;
use crate::store::file::plan::ChangeRefusal;
use crate::store::file::queue::{Queue, ResultSlot};
use crate::store::file::served::{CommitQueue, FileStore, Next};
use crate::store::keys::{KeyedNumber, Keys};
use crate::store::request::{Reply, SendState, StoreEvent};

const SHOES: CounterId = CounterId::FIRST;
const HATS: CounterId = CounterId(1);
const TIMEOUT: Duration = Duration::from_millis(500);

/// Reactors with a file, whose clock the test moves.
struct Bench {
    stores: Vec<FileStore>,
    committer: Committer<SimDisk>,
    disk: SimDisk,
    commits: Arc<CommitQueue>,
    now: Instant,
}

impl Bench {
    /// Two counters, `shoes` and `hats`; the file has the first one alone, with this limit.
    fn new(reactors: usize, limit: u64) -> Bench {
        Bench::with_file_of(reactors, limit, &["shoes"])
    }

    /// The same, and the file has these.
    fn with_file_of(reactors: usize, limit: u64, names: &[&str]) -> Bench {
        let (disk, now) = (SimDisk::new(3), Instant::now());
        let (mut journal, _) =
            Journal::open_with(disk.clone(), 1, SMALL).expect("a disk that is well");
        for name in names {
            journal.change(name, &create(limit), 5).expect("it is new");
        }
        let counters = Arc::new(Counters::new([("shoes", limit), ("hats", 9)].into_iter(), false));
        let refusals = ["shoes", "hats"].map(|name| committer::refusal(journal.state(), name));
        let queue = Queue::new(Arc::clone(&counters), refusals.to_vec(), reactors, TIMEOUT);
        let metrics = StoreMetrics::new(2, StoreError::ALL.len());
        let commits = Arc::new(CommitQueue::new(queue, metrics));
        let stores = FileStore::of(&commits, reactors);
        let committer = Committer::new(journal, Arc::clone(&commits), counters, now);
        Bench { stores, committer, disk, commits, now }
    }

    fn change(&self, counter: CounterId, kind: ChangeKind, deadline: Instant) -> Arc<ResultSlot> {
        self.commits.change(counter, Change::new("t".to_owned(), kind), (self.now, deadline))
    }

    fn send(&self, reactor: usize, count: u64, texts: &[&str]) {
        assert_eq!(self.stores[reactor].send_state(SHOES), SendState::Ready);
        self.stores[reactor].send(SHOES, count, keys(texts), self.now);
    }

    /// The committer does all that has gathered; who is woken for it.
    fn commit(&mut self) -> Vec<usize> {
        let work = self.committer.take(self.now);
        let done = self.committer.commit(work, 7);
        self.committer.settle(done, self.now)
    }

    fn records(&self) -> u64 {
        self.commits.metrics().requests.get()
    }

    fn events(&self, reactor: usize) -> Vec<StoreEvent> {
        self.stores[reactor].look_for_events();
        std::iter::from_fn(|| self.stores[reactor].poll()).collect()
    }

    fn reply(&self, reactor: usize) -> Reply {
        match self.events(reactor).into_iter().next() {
            Some(StoreEvent::Replied(SHOES, reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn fail_next(&self, fault: Fault) {
        self.disk.fail_at(self.disk.operations(), fault);
    }
}

fn granted(reply: &Reply) -> (u64, u64) {
    let Grant { first, granted, .. } = grant(reply);
    (first, granted)
}

#[test]
fn what_has_gathered_is_one_commit_and_each_gets_its_own() {
    let mut bench = Bench::new(3, 100);
    bench.send(2, 5, &[]);
    bench.send(0, 1, &["a", "b"]);
    assert_eq!(bench.stores[0].send_state(SHOES), SendState::Waiting, "it has handed one over");
    assert_eq!(bench.commit(), [2, 0]);
    assert_eq!(bench.records(), 1);
    let reply = bench.reply(0);
    assert_eq!(granted(&reply), (8, 1));
    assert_eq!(keyed(reply), [KeyedNumber::Granted(1), KeyedNumber::Granted(2)]);
    assert_eq!(granted(&bench.reply(2)), (3, 5), "behind all keys");
    assert!(bench.commit().is_empty());
    assert_eq!(bench.records(), 1, "nothing is written for nobody");
}

#[test]
fn a_halt_is_cached_until_a_change() {
    let mut bench = Bench::new(2, 2);
    bench.send(0, 3, &[]);
    bench.commit();
    let events = bench.events(0);
    assert!(matches!(events[..], [StoreEvent::Replied(..), StoreEvent::Halted(SHOES, _)]));
    assert!(bench.events(1).is_empty(), "it has not asked");
    let result = bench.change(SHOES, ChangeKind::SetLimit { limit: 3 }, bench.now + TIMEOUT);
    bench.commit();
    let changed = result.wait(Duration::ZERO).expect("it was told").expect("it is done");
    assert_eq!(changed.after, Count { taken: 2, limit: 3 });
    for reactor in 0..2 {
        assert_eq!(bench.events(reactor), [StoreEvent::MayHaveChanged(Some(SHOES))]);
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let mut bench = Bench::new(1, 100);
    // At first the write fails; then also to allocate room for it, which alone is no harm.
    for operations in [1, 2] {
        let next = bench.disk.operations();
        (next..next + operations).for_each(|it| bench.disk.fail_at(it, Fault::NoRoom));
        bench.send(0, 1, &[]);
        bench.commit();
        bench.disk.heal();
        assert_eq!(bench.reply(0), Reply::Failed(StoreError::Disk));
        let store = &bench.stores[0];
        assert_eq!((store.known_writes(), store.absence()), (Err(StoreError::Disk), None));
    }
    bench.send(0, 1, &[]);
    bench.commit();
    assert_eq!(granted(&bench.reply(0)), (1, 1), "nothing was taken for those before");
    assert_eq!(bench.stores[0].known_writes(), Ok(()));
}

#[test]
fn a_failed_disk_is_away_for_good() {
    let mut bench = Bench::new(1, 100);
    bench.fail_next(Fault::Broken);
    bench.send(0, 1, &[]);
    bench.commit();
    bench.disk.heal();
    assert_eq!(bench.reply(0), Reply::Failed(StoreError::Disk));
    assert_eq!(bench.stores[0].absence(), Some(StoreError::Disk));
    assert_eq!(bench.stores[0].away_at(), Some(bench.now));
    bench.send(0, 1, &[]);
    bench.commit();
    assert_eq!(bench.reply(0), Reply::Failed(StoreError::Disk));
    assert_eq!(bench.stores[0].check_writes(bench.now), Some(Err(StoreError::Disk)));
}

#[test]
fn a_slow_commit_is_waited_for_no_longer_than_the_timeout_and_its_numbers_come() {
    let mut bench = Bench::new(1, 100);
    bench.send(0, 1, &[]);
    let work = bench.committer.take(bench.now);
    let due = bench.stores[0].deadline().expect("it is under way");
    assert_eq!(due, bench.now + TIMEOUT);
    bench.stores[0].tick(due - Duration::from_millis(1));
    assert_eq!(bench.stores[0].away_at(), None);
    bench.stores[0].tick(due);
    let store = &bench.stores[0];
    assert_eq!((store.away_at(), store.absence()), (Some(due), Some(StoreError::Timeout)));
    assert_eq!(store.check_writes(due), Some(Err(StoreError::Timeout)));
    let done = bench.committer.commit(work, 7);
    bench.committer.settle(done, due);
    assert_eq!((store.away_at(), store.absence()), (None, None));
    assert_eq!(granted(&bench.reply(0)), (1, 1));
}

#[test]
fn a_write_check_tries_the_disk_and_all_hear_of_it() {
    let mut bench = Bench::new(2, 100);
    bench.send(0, 1, &[]);
    bench.fail_next(Fault::NoRoom);
    bench.commit();
    bench.disk.heal();
    assert_eq!(bench.reply(0), Reply::Failed(StoreError::Disk));
    bench.now += Duration::from_secs(60);
    assert_eq!(bench.stores[1].check_writes(bench.now), None);
    bench.fail_next(Fault::NoRoom);
    bench.commit();
    bench.disk.heal();
    for reactor in 0..2 {
        assert_eq!(bench.events(reactor), [StoreEvent::Written(Err(StoreError::Disk))]);
    }
    bench.now += Duration::from_secs(60);
    assert_eq!(bench.stores[1].check_writes(bench.now), None);
    bench.commit();
    assert_eq!(bench.events(0), [StoreEvent::Written(Ok(()))]);
    assert_eq!(bench.stores[0].check_writes(bench.now), Some(Ok(())), "it was just seen");
    assert_eq!(bench.records(), 0, "a check is no record");
}

#[test]
fn a_counter_that_the_file_does_not_have_is_refused_by_itself() {
    let mut bench = Bench::new(1, 100);
    let missing = StoreError::Missing;
    assert_eq!(bench.stores[0].refusal(HATS), Some(missing));
    assert_eq!(bench.stores[0].send_state(HATS), SendState::Refused(missing));
    assert_eq!(bench.stores[0].refusal(SHOES), None);
    bench.stores[0].send(HATS, 1, Keys::NONE, bench.now);
    bench.send(0, 1, &[]);
    bench.commit();
    let events = bench.events(0);
    assert!(events.contains(&StoreEvent::Replied(HATS, Reply::Failed(missing))));
    assert_eq!(events.len(), 2);
}

#[test]
fn one_who_leaves_leaves_its_numbers_to_others_and_the_last_one_ends_it() {
    let mut bench = Bench::new(2, 100);
    bench.send(0, 2, &[]);
    bench.send(1, 3, &[]);
    let work = bench.committer.take(bench.now);
    bench.stores.remove(0);
    let done = bench.committer.commit(work, 7);
    assert_eq!(bench.committer.settle(done, bench.now), [1]);
    let store = &bench.stores[0];
    assert!(store.is_awaiting_reply(), "it has not taken its reply out");
    store.look_for_events();
    match store.poll() {
        Some(StoreEvent::Replied(SHOES, reply)) => assert_eq!(granted(&reply), (1, 5)),
        other => panic!("{other:?}"),
    }
    assert!(!store.is_awaiting_reply());
    drop(bench.stores);
    assert_eq!(bench.commits.wait(None, Instant::now), Next::End, "nobody is left");
}

#[test]
fn what_needs_two_records_is_told_to_those_who_asked_for_it() {
    let mut bench = Bench::with_file_of(20, 10_000, &["shoes", "hats"]);
    bench.stores[19].send(HATS, 1, Keys::NONE, bench.now);
    for reactor in 0..19 {
        let texts: Vec<String> =
            (0..256).map(|number| format!("{reactor:03}{number:0>252}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        bench.send(reactor, 0, &texts);
    }
    bench.commit();
    assert_eq!(bench.records(), 2);
    for reactor in 0..19_u64 {
        let keyed = keyed(bench.reply(reactor as usize));
        let first = KeyedNumber::Granted(reactor * 256 + 1);
        assert_eq!((keyed.len(), keyed[0]), (256, first), "reactor {reactor}");
    }
    match &bench.events(19)[..] {
        [StoreEvent::Replied(HATS, reply)] => assert_eq!(granted(reply), (1, 1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_handed_over_while_the_disk_was_too_slow_is_given_back() {
    let mut bench = Bench::new(2, 100);
    bench.send(0, 1, &[]);
    let work = bench.committer.take(bench.now);
    bench.send(1, 40, &[]);
    bench.now += TIMEOUT;
    let done = bench.committer.commit(work, 7);
    bench.committer.settle(done, bench.now);
    assert_eq!(granted(&bench.reply(0)), (1, 1));
    assert_eq!(bench.reply(1), Reply::NotRun, "who has given up is not taken for");
    bench.send(1, 1, &[]);
    bench.commit();
    assert_eq!(granted(&bench.reply(1)), (2, 1));
}

#[test]
fn a_committer_that_is_busy_with_something_else_is_slow_too() {
    let bench = Bench::new(1, 100);
    assert_eq!(bench.stores[0].deadline(), None);
    bench.send(0, 1, &[]);
    let due = bench.stores[0].deadline().expect("somebody waits");
    bench.stores[0].tick(due);
    assert_eq!(bench.stores[0].absence(), Some(StoreError::Timeout));
}

#[test]
fn a_change_makes_no_counter_and_is_not_begun_too_late() {
    let mut bench = Bench::new(1, 100);
    let create = ChangeKind::SetTaken { taken: 0, limit: Some(9) };
    let result = bench.change(HATS, create, bench.now + TIMEOUT);
    let late = bench.change(SHOES, ChangeKind::SetLimit { limit: 5 }, bench.now);
    bench.commit();
    let refused = result.wait(Duration::ZERO).expect("it was told").expect_err("there is none");
    assert!(matches!(refused, ChangeError::Refused(ChangeRefusal::Missing)), "{refused:?}");
    assert!(late.wait(Duration::ZERO).is_none());
    assert_eq!(bench.stores[0].refusal(HATS), Some(StoreError::Missing));
    bench.send(0, 0, &[]);
    bench.commit();
    assert_eq!(grant(&bench.reply(0)).limit, 100);
}

#[test]
fn a_full_disk_answers_those_of_whom_nothing_is_written() {
    let mut bench = Bench::new(3, 100);
    bench.send(0, 0, &["a"]);
    bench.commit();
    bench.reply(0);
    bench.send(0, 0, &["a"]);
    bench.commit();
    assert_eq!(bench.records(), 1, "a replay is no record");
    bench.reply(0);
    bench.send(0, 1, &[]);
    let work = bench.committer.take(bench.now);
    bench.fail_next(Fault::NoRoom);
    let mut done = bench.committer.commit(work, 7);
    bench.disk.heal();
    bench.committer.settle(done, bench.now);
    assert_eq!(bench.reply(0), Reply::Failed(StoreError::Disk));
    // Of one counter what is merged is one request: these come one after the other.
    bench.stores[1].send(SHOES, 0, keys(&["a"]), bench.now);
    let mut work = bench.committer.take(bench.now);
    bench.stores[2].send(SHOES, 1, Keys::NONE, bench.now);
    work.takes.append(&mut bench.committer.take(bench.now).takes);
    bench.disk.fail_at(bench.disk.operations(), Fault::NoRoom);
    bench.disk.fail_at(bench.disk.operations() + 1, Fault::NoRoom);
    done = bench.committer.commit(work, 7);
    bench.disk.heal();
    bench.committer.settle(done, bench.now);
    let replayed = KeyedNumber::Replayed { number: 1, epoch: 5 };
    assert_eq!(keyed(bench.reply(1)), [replayed]);
    assert_eq!(bench.reply(2), Reply::Failed(StoreError::Disk));
}

#[test]
fn the_time_that_somebody_has_waited_counts_over_a_commit() {
    let mut bench = Bench::new(2, 100);
    bench.send(0, 1, &[]);
    let work = bench.committer.take(bench.now);
    bench.send(1, 40, &[]);
    bench.now += TIMEOUT - Duration::from_millis(1);
    let done = bench.committer.commit(work, 7);
    bench.committer.settle(done, bench.now);
    bench.now += Duration::from_millis(1); // Of a compaction's step.
    bench.commit();
    assert_eq!(bench.reply(1), Reply::NotRun);
}

#[test]
fn a_reactor_that_leaves_what_it_has_queued_leaves_nobody_waiting() {
    let mut bench = Bench::new(2, 100);
    bench.send(0, 1, &[]);
    bench.stores.remove(0);
    assert_eq!(bench.stores[0].deadline(), None);
}

#[test]
fn what_one_who_left_had_queued_makes_nobody_late() {
    let mut bench = Bench::new(2, 100);
    bench.send(1, 1, &[]);
    let work = bench.committer.take(bench.now);
    bench.send(0, 1, &[]);
    bench.stores.remove(0);
    bench.now += TIMEOUT / 2;
    bench.send(0, 1, &[]);
    let done = bench.committer.commit(work, 7);
    bench.committer.settle(done, bench.now);
    assert_eq!(bench.stores[0].deadline(), Some(bench.now + TIMEOUT));
}
