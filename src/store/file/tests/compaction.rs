//! How large a file may become, and what happens when no snapshot can take its place.

use super::sim_disk::{Fault, SimDisk};
use super::{SMALL, compact, create, digest, key, take};
use crate::store::change::{Change, ChangeKind};
use crate::store::file::draft::Take;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{CommitError, CompactionError, Progress};
use crate::store::file::tail::Sizes;
use crate::store::key_book::KeyBook;
use crate::store::keys::Keys;

fn journal(bytes_max: u64) -> Journal<SimDisk> {
    let sizes = Sizes { bytes_max, ..SMALL };
    let opened = Journal::open_with(SimDisk::new(1), 1, sizes);
    let (mut journal, _) = opened.expect("a disk that is well");
    journal.change("shoes", &create(100_000), 5).expect("it is new");
    journal
}

fn commit(journal: &mut Journal<SimDisk>) -> Result<(), CommitError> {
    let place = journal.state().find("shoes").expect("it is there");
    journal.commit(&[Take { place, count: 1, keys: Keys::NONE }]).map(|_| ())
}

#[test]
fn a_file_grows_to_its_bound_and_not_past_it() {
    let mut journal = journal(2_000);
    let refused = (0..100).find_map(|_| commit(&mut journal).err());
    assert!(matches!(refused, Some(CommitError::NoRoom(_))));
    let disk = journal.disk_for_test().clone();
    assert!((1_900..=2_000).contains(&disk.bytes().len()), "{}", disk.bytes().len());
    let held = digest(journal.state());
    assert!(compact(&mut journal).expect("a snapshot is small"));
    assert!(commit(&mut journal).is_ok());
    let taken_since = digest(journal.state());
    assert_ne!(held, taken_since);
    drop(journal);
    let (journal, _) = Journal::open_with(disk, 2, SMALL).expect("it is sound");
    assert_eq!(digest(journal.state()), taken_since);
}

#[test]
fn a_snapshot_that_would_be_too_large_is_none() {
    let mut journal = journal(3_000);
    let mut book = KeyBook::default();
    (0..100).for_each(|number| book.insert(key(&format!("{number:0>36}")), number + 1, 5));
    journal.set_keys_for_test("shoes", book);
    while !matches!(compact(&mut journal), Err(CompactionError::Postponed(_))) {
        commit(&mut journal).expect("there is room until then");
    }
    assert!(!journal.disk_for_test().has_next());
    assert!(commit(&mut journal).is_ok(), "the journal goes on");
}

/// A journal that has just become large, and the operations of the disk that a compaction takes.
fn large() -> (Journal<SimDisk>, usize) {
    let grow = || {
        let mut journal = journal(1 << 20);
        (0..16).for_each(|_| commit(&mut journal).expect("the disk is well"));
        journal
    };
    let mut other = grow();
    let before = other.disk_for_test().operations();
    assert!(compact(&mut other).expect("the disk is well"), "it is large");
    (grow(), other.disk_for_test().operations() - before)
}

#[test]
fn a_snapshot_that_fails_before_it_has_the_name_leaves_the_journal_as_it_is() {
    let (_, operations) = large();
    // The last three are a look at the journal, the rename and the sync of the folder.
    for operation in 0..operations - 3 {
        let (mut journal, _) = large();
        let disk = journal.disk_for_test().clone();
        disk.fail_at(disk.operations() + operation, Fault::Broken);
        match compact(&mut journal) {
            // Without room that was set aside, it goes on.
            Ok(is_done) => assert!(is_done && operation == 3, "{operation}"),
            Err(error) => assert!(matches!(error, CompactionError::Postponed(_)), "{error:?}"),
        }
        assert!(!disk.has_next());
        disk.heal();
        commit(&mut journal).expect("the journal goes on");
        assert!(!compact(&mut journal).expect("it is not tried at once"));
        let mut tried = 0;
        while !compact(&mut journal).expect("the disk is well") {
            commit(&mut journal).expect("the disk is well");
            tried += 1;
        }
        assert!(tried > 3, "{tried}");
    }
}

#[test]
fn a_failure_of_the_rename_or_of_the_folder_is_final() {
    let (_, operations) = large();
    for operation in operations - 3..operations {
        let (mut journal, _) = large();
        let disk = journal.disk_for_test().clone();
        disk.fail_at(disk.operations() + operation, Fault::Broken);
        assert!(matches!(compact(&mut journal), Err(CompactionError::Failed(_))), "{operation}");
        disk.heal();
        assert!(matches!(commit(&mut journal), Err(CommitError::Failed(_))));
        assert!(matches!(journal.compact_step(), Err(CompactionError::Failed(_))));
    }
}

#[test]
fn a_rename_that_was_not_begun_is_tried_again_later() {
    let (mut journal, operations) = large();
    let disk = journal.disk_for_test().clone();
    disk.fail_at(disk.operations() + operations - 2, Fault::NoRoom);
    assert!(matches!(compact(&mut journal), Err(CompactionError::Postponed(_))));
    assert!(!disk.has_next());
    disk.heal();
    while !compact(&mut journal).expect("the disk is well") {
        commit(&mut journal).expect("the disk is well");
    }
}

#[test]
fn a_compaction_gives_its_room_to_a_commit_that_has_none() {
    let (mut journal, _) = large();
    let disk = journal.disk_for_test().clone();
    journal.compact_step().expect("it begins");
    assert!(disk.has_next());
    disk.fail_at(disk.operations(), Fault::NoRoom);
    commit(&mut journal).expect("there is room once the next file is gone");
    assert!(!disk.has_next());
    assert!(matches!(journal.compact_step(), Err(CompactionError::Postponed(_))), "it is told");
    assert_eq!(journal.compact_step().expect("the disk is well"), Progress::Idle);
}

#[test]
fn a_compaction_that_has_written_all_goes_on_when_a_commit_has_no_room() {
    let (mut journal, _) = large();
    let disk = journal.disk_for_test().clone();
    while journal.compact_step().expect("the disk is well") != Progress::Waiting {}
    disk.fail_at(disk.operations(), Fault::NoRoom);
    assert!(matches!(commit(&mut journal), Err(CommitError::NoRoom(_))));
    disk.heal();
    assert!(disk.has_next());
    assert!(compact(&mut journal).expect("the disk is well"), "that makes room");
    commit(&mut journal).expect("there is room");
}

#[test]
fn where_room_cannot_be_had_ahead_it_is_asked_for_once() {
    let disk = SimDisk::new(1);
    disk.fail_at(5, Fault::Unsupported); // Two reads; a new file, its header, its snapshot; this.
    let (mut journal, _) = Journal::open_with(disk.clone(), 1, SMALL).expect("it does without");
    journal.change("shoes", &create(100_000), 5).expect("it is new");
    let before = disk.operations();
    (0..10).for_each(|_| commit(&mut journal).expect("the disk is well"));
    assert_eq!(disk.operations() - before, 20, "a record and its sync, ten times");
}

#[test]
fn the_keys_of_an_ended_sale_are_dropped_as_fast_as_others_come() {
    let (mut journal, _) = Journal::open(SimDisk::new(1), 1).expect("a disk that is well");
    journal.change("shoes", &create(100_000), 5).expect("it is new");
    let place = journal.state().find("shoes").expect("it is there");
    let ended = |journal: &Journal<SimDisk>| journal.state().counter(place).keys.ended_for_test();
    let bring = |journal: &mut Journal<SimDisk>| {
        let key = |number: usize| key(&number.to_string());
        let request = |of: usize| Take {
            place,
            count: 0,
            keys: (of * 200..of * 200 + 200).map(key).collect(),
        };
        journal.commit(&(0..25).map(request).collect::<Vec<_>>()).expect("the disk is well");
    };
    bring(&mut journal);
    let reset = Change::new("reset".into(), ChangeKind::Reset { limit: None });
    journal.change("shoes", &reset, 6).expect("it is there");
    assert_eq!(ended(&journal), 5_000);
    bring(&mut journal);
    assert_eq!(ended(&journal), 0);
    take(&mut journal, "shoes", &["one"], 0);
    let bytes = journal.disk_for_test().bytes();
    journal.change("shoes", &Change { token: "other".into(), ..reset }, 7).expect("it is there");
    assert_ne!(journal.disk_for_test().bytes(), bytes);
    let bytes = journal.disk_for_test().bytes();
    let state = crate::store::file::recovery::recover(&bytes).expect("it is sound").state;
    assert_eq!((state.keys(), state.counter(place).keys.ended_for_test()), (0, 0));
}

#[test]
fn a_start_keeps_each_key_in_its_table() {
    let mut journal = journal(1 << 20);
    (0..100).for_each(|number| drop(take(&mut journal, "shoes", &[&number.to_string()], 0)));
    let seed = |journal: &Journal<SimDisk>| {
        let place = journal.state().find("shoes").expect("it is there");
        journal.state().counter(place).keys.table_seed()
    };
    // The first start reads commits, the second the snapshot of the first.
    let disk = journal.disk_for_test().clone();
    let (first, _) = Journal::open(disk, 2).expect("it is sound");
    let (second, _) = Journal::open(first.disk_for_test().clone(), 3).expect("it is sound");
    assert_eq!(seed(&first), seed(&second));
    assert_ne!(seed(&journal), seed(&first), "that is a random one");
    assert_eq!(digest(second.state()), digest(journal.state()));
}
