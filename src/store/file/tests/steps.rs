//! What happens between two steps of a compaction.

use super::sim_disk::{Fault, SimDisk};
use super::{SMALL, compact, create, digest, key, keyed, take};
use crate::limits::FILE_LAST_SYNCS_MAX;
use crate::store::change::{Change, ChangeKind};
use crate::store::file::draft::Take;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{CompactionError, Progress};
use crate::store::file::recovery::recover;
use crate::store::file::tail::Sizes;
use crate::store::keys::{KeyedNumber, Keys};

/// Steps that the compaction below needs at the most.
const STEPS_MAX: usize = 60;

/// A journal with two counters, which a compaction is about to make short.
fn large() -> Journal<SimDisk> {
    let (mut journal, _) =
        Journal::open_with(SimDisk::new(1), 1, SMALL).expect("a disk that is well");
    for name in ["shoes", "hats"] {
        journal.change(name, &create(100_000), 5).expect("it is new");
        for number in 0..20 {
            take(&mut journal, name, &[&format!("key-{number}")], 0);
        }
    }
    journal
}

fn change(journal: &mut Journal<SimDisk>, name: &str, kind: ChangeKind) {
    let token = format!("{name} {kind:?} {}", journal.disk_for_test().operations());
    journal.change(name, &Change::new(token, kind), 50).expect("it can be done");
}

/// All that can come between two steps, and between two of them.
fn events() -> Vec<fn(&mut Journal<SimDisk>)> {
    vec![
        |journal| _ = take(journal, "hats", &["new-1", "new-2", "key-1"], 2),
        |journal| _ = take(journal, "shoes", &["new-1"], 1),
        |journal| change(journal, "shoes", ChangeKind::Reset { limit: Some(50) }),
        |journal| change(journal, "hats", ChangeKind::Reset { limit: Some(50) }),
        |journal| change(journal, "hats", ChangeKind::SetTaken { taken: 60, limit: Some(90) }),
        |journal| change(journal, "shoes", ChangeKind::SetLimit { limit: 70 }),
        |journal| {
            if journal.state().find("gloves").is_none() {
                change(journal, "gloves", ChangeKind::Create { limit: 9 });
            }
            take(journal, "gloves", &["new-1"], 1);
        },
    ]
}

/// What a start would find is what the journal holds.
fn check(journal: &Journal<SimDisk>, what: &str) {
    let recovered = recover(&journal.disk_for_test().bytes());
    let state = recovered.unwrap_or_else(|error| panic!("{what}: {error:?}")).state;
    assert_eq!(digest(&state), digest(journal.state()), "{what}");
}

#[test]
fn whatever_comes_between_two_steps_is_in_the_file_that_takes_the_place() {
    let events = events();
    let mut most = 0;
    for (number, event) in events.iter().enumerate() {
        for (other_number, other) in events.iter().enumerate() {
            for before in 0..STEPS_MAX {
                let mut journal = large();
                let what = format!("{number} and {other_number} after {before} steps");
                let (mut steps, mut ran) = (0, 0);
                loop {
                    if steps == before {
                        event(&mut journal);
                        ran += 1;
                    }
                    if steps == before + 2 {
                        other(&mut journal);
                        ran += 1;
                    }
                    match journal.compact_step().expect("the disk is well") {
                        Progress::Done => break,
                        Progress::Idle => panic!("it is large"),
                        Progress::More | Progress::Waiting => steps += 1,
                    }
                }
                if ran < 2 {
                    break; // It was done before both of them.
                }
                check(&journal, &what);
                assert!(!journal.disk_for_test().has_next());
                take(&mut journal, "hats", &["after"], 1);
                check(&journal, &what);
                most = most.max(steps);
            }
        }
    }
    assert!((15..STEPS_MAX).contains(&most), "{most}");
}

#[test]
fn a_key_of_an_ended_sale_gets_a_new_number_after_the_compaction() {
    for before in 1..12 {
        let mut journal = large();
        (0..before).for_each(|_| _ = journal.compact_step().expect("the disk is well"));
        change(&mut journal, "shoes", ChangeKind::Reset { limit: Some(50) });
        assert!(compact(&mut journal).expect("the disk is well"), "{before} steps are not all");
        let disk = journal.disk_for_test().clone();
        drop(journal);
        disk.restart();
        let (mut journal, _) = Journal::open_with(disk, 2, SMALL).expect("it is sound");
        let reply = take(&mut journal, "shoes", &["key-7"], 0);
        assert_eq!(keyed(reply), [KeyedNumber::Granted(1)], "after {before} steps");
    }
}

#[test]
fn a_copy_that_finds_no_room_ends_the_compaction_and_no_commit() {
    let mut journal = large();
    (0..3).for_each(|_| _ = journal.compact_step().expect("the disk is well"));
    let disk = journal.disk_for_test().clone();
    // The record, its sync, its copy; room was asked for before.
    take(&mut journal, "shoes", &[], 1);
    disk.fail_at(disk.operations() + 2, Fault::NoRoom);
    take(&mut journal, "shoes", &["late"], 1);
    assert!(disk.has_next());
    take(&mut journal, "shoes", &[], 1);
    let step = journal.compact_step();
    assert!(matches!(step, Err(CompactionError::Postponed(_))), "{step:?}");
    assert!(!disk.has_next());
    check(&journal, "it goes on");
    assert_eq!(journal.compact_step().expect("it is not tried at once"), Progress::Idle);
    while !compact(&mut journal).expect("there is room") {
        take(&mut journal, "shoes", &[], 1);
    }
    check(&journal, "later");
}

#[test]
fn much_that_comes_during_a_sync_is_synced_in_the_background_but_not_for_ever() {
    let mut journal = large();
    let disk = journal.disk_for_test().clone();
    let (mut steps, mut waits) = (0, 0);
    let mut texts = 0;
    loop {
        match journal.compact_step().expect("the disk is well") {
            Progress::Done => break,
            Progress::Waiting => waits += 1,
            Progress::More | Progress::Idle => {}
        }
        // More than may be left for the last sync.
        texts += 1;
        take(&mut journal, "shoes", &[&format!("{texts:0>200}")], 0);
        steps += 1;
        assert!(steps < 1_000, "it comes to an end");
    }
    assert!(waits >= FILE_LAST_SYNCS_MAX, "{waits}");
    check(&journal, "after all");
    disk.restart();
    check(&journal, "after a loss of power");
}

#[test]
fn a_commit_after_a_compaction_needs_no_other_length() {
    let mut journal = large();
    assert!(compact(&mut journal).expect("the disk is well"));
    let before = journal.disk_for_test().operations();
    take(&mut journal, "shoes", &[], 1);
    assert_eq!(journal.disk_for_test().operations() - before, 2, "a record and its sync");
}

/// A table has some 390 keys then: more than one entry, and more than one record.
#[test]
fn no_step_writes_more_than_a_table_and_none_leaves_a_part_of_it_for_later() {
    const KEYS: u64 = 100_000;
    let sizes = Sizes { snapshot_payload_bytes: 4_096, ..SMALL };
    let (mut journal, _) =
        Journal::open_with(SimDisk::new(1), 1, sizes).expect("a disk that is well");
    journal.change("shoes", &create(KEYS), 5).expect("it is new");
    let place = journal.state().find("shoes").expect("it is there");
    for first in (0..KEYS).step_by(250) {
        let keys: Keys = (first..first + 250).map(|number| key(&number.to_string())).collect();
        journal.commit(&[Take { place, count: 0, keys }]).expect("the disk is well");
    }
    journal.disk_for_test().take_written_bytes();
    let mut steps = 0;
    loop {
        match journal.compact_step().expect("the disk is well") {
            Progress::Done => break,
            Progress::Idle => panic!("it is large"),
            Progress::More | Progress::Waiting => steps += 1,
        }
        let written = journal.disk_for_test().take_written_bytes();
        assert!(written < 4 * 4_096, "{written} bytes in one step");
        // What was read of the table must be written before this.
        if steps == 150 {
            change(&mut journal, "shoes", ChangeKind::Reset { limit: None });
            journal.disk_for_test().take_written_bytes();
        }
    }
    assert!(steps > 150, "{steps}");
    check(&journal, "the keys have ended");
}
