//! How large a file may become, and what happens when no snapshot can take its place.

use super::sim_disk::{Fault, SimDisk};
use super::{SMALL, create, digest, key, take};
use crate::store::change::{Change, ChangeKind};
use crate::store::file::draft::Take;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{CommitError, CompactionError};
use crate::store::file::snapshot::Sizes;
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
    assert!(journal.compact_if_large().expect("a snapshot is small"));
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
    while !matches!(journal.compact_if_large(), Err(CompactionError::Postponed(_))) {
        commit(&mut journal).expect("there is room until then");
    }
    assert!(!journal.disk_for_test().has_next());
    assert!(commit(&mut journal).is_ok(), "the journal goes on");
}

#[test]
fn a_snapshot_that_fails_before_it_has_the_name_leaves_the_journal_as_it_is() {
    for operation in 0..4 {
        let mut journal = journal(1 << 20);
        let first = loop {
            commit(&mut journal).expect("the disk is well");
            let next = journal.disk_for_test().operations() + operation;
            journal.disk_for_test().fail_at(next, Fault::Broken);
            match journal.compact_if_large() {
                Ok(_) => journal.disk_for_test().heal(),
                failed => break failed,
            }
        };
        assert!(matches!(first, Err(CompactionError::Postponed(_))), "{operation}: {first:?}");
        assert!(!journal.disk_for_test().has_next());
        journal.disk_for_test().heal();
        commit(&mut journal).expect("the journal goes on");
        assert!(!journal.compact_if_large().expect("it is not tried at once"));
        let mut tried = 0;
        while !journal.compact_if_large().expect("the disk is well") {
            commit(&mut journal).expect("the disk is well");
            tried += 1;
        }
        assert!(tried > 3, "{tried}");
    }
}

#[test]
fn where_room_cannot_be_had_ahead_it_is_asked_for_once() {
    let (mut journal, _) =
        Journal::open_with(SimDisk::new(1), 1, SMALL).expect("a disk that is well");
    let disk = journal.disk_for_test().clone();
    disk.fail_at(disk.operations(), Fault::Unsupported);
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
