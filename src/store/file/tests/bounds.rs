//! What is too large is refused while it can be, for the next start would not read it.

use super::sim_disk::SimDisk;
use super::{create, digest, key, take};
use crate::counter::Count;
use crate::limits::{CHANGE_TOKEN_BYTES_MAX, LIMIT_MAX};
use crate::store::change::{Change, ChangeKind};
use crate::store::counters::Made;
use crate::store::file::draft::Take;
use crate::store::file::entry::{self, CounterFields, Entries, Entry};
use crate::store::file::journal::Journal;
use crate::store::file::outcome::CommitError;
use crate::store::file::plan::Planned;
use crate::store::file::state::FileState;
use crate::store::high_water::Position;
use crate::store::keys::Keys;

fn fields(epoch: u64, taken: u64) -> CounterFields {
    let (count, floor) = (Count { taken, limit: LIMIT_MAX }, Position::default());
    CounterFields { count, epoch, made: Made::Created, sale: 1, floor, token: "before".into() }
}

/// A state with this counter.
fn shoes(fields: CounterFields) -> FileState {
    let mut state = FileState::default();
    state.put("shoes", fields);
    state
}

fn kinds() -> Vec<ChangeKind> {
    let limits = [9, LIMIT_MAX, LIMIT_MAX + 1, u64::MAX];
    let of_limit = |limit| {
        [
            ChangeKind::Create { limit },
            ChangeKind::SetLimit { limit },
            ChangeKind::SetTaken { taken: 9, limit: Some(limit) },
            ChangeKind::SetTaken { taken: limit, limit: Some(limit) },
            ChangeKind::Reset { limit: Some(limit) },
            ChangeKind::Reset { limit: None },
        ]
    };
    limits.into_iter().flat_map(of_limit).collect()
}

#[test]
fn whatever_is_to_be_written_of_a_change_can_be_read_again() {
    let long = "t".repeat(CHANGE_TOKEN_BYTES_MAX + 1);
    let (mut written, mut refused) = (0, 0);
    for epoch in [1, LIMIT_MAX - 1, LIMIT_MAX] {
        let state = shoes(fields(epoch, 5));
        for now_us in [0, 7, LIMIT_MAX, LIMIT_MAX + 1, u64::MAX] {
            for (kind, token) in kinds().into_iter().flat_map(|kind| [(kind, "t"), (kind, &long)]) {
                for name in ["shoes", "hats"] {
                    let change = Change::new(token.to_owned(), kind);
                    let Ok(planned) = state.plan(name, &change, now_us) else {
                        refused += 1;
                        continue;
                    };
                    let Planned::Write(_, fields) = planned else { continue };
                    written += 1;
                    assert_eq!(*fields.token, *token, "the token is kept, or it is not done");
                    let entry = Entry::Counter(name, fields);
                    let mut payload = Vec::new();
                    entry::put(&mut payload, &entry);
                    let read = Entries::new(&payload).next_entry();
                    assert_eq!(read, Ok(Some(entry.clone())), "{change:?} at {now_us}");
                }
            }
        }
    }
    assert!(written > 100 && refused > 100, "{written} written, {refused} refused");
}

#[test]
fn a_far_clock_stops_no_change_until_the_last_epoch() {
    let reset = |epoch, now_us| {
        let change = Change::new("t".into(), ChangeKind::Reset { limit: None });
        match shoes(fields(epoch, 5)).plan("shoes", &change, now_us) {
            Ok(Planned::Write(_, fields)) => Some(fields.epoch),
            _ => None,
        }
    };
    assert_eq!(reset(7, u64::MAX), Some(LIMIT_MAX));
    assert_eq!(reset(LIMIT_MAX - 1, 9), Some(LIMIT_MAX));
    assert_eq!(reset(LIMIT_MAX, 9), None);
}

#[test]
fn a_commit_that_no_record_can_hold_is_refused_and_the_next_one_is_not() {
    let (mut journal, _) = Journal::open(SimDisk::new(1), 1).expect("a disk that is well");
    journal.change("shoes", &create(100_000), 5).expect("it is new");
    let place = journal.state().find("shoes").expect("it is there");
    let before = (digest(journal.state()), journal.disk_for_test().operations());
    let keys: Keys = (0..5_000).map(|number| key(&format!("{number:0>240}"))).collect();
    let refused = journal.commit(&[Take { place, count: 0, keys }]);
    assert!(matches!(refused, Err(CommitError::NoRoom(_))));
    assert_eq!((digest(journal.state()), journal.disk_for_test().operations()), before);
    assert_eq!(super::grant(&take(&mut journal, "shoes", &[], 1)).first, 1);
}

#[test]
fn a_counter_that_goes_back_was_not_written_by_this_program() {
    let restored = |epoch, taken| {
        let entry = Entry::Counter("shoes", fields(epoch, taken));
        shoes(fields(7, 5)).restore(entry).is_ok()
    };
    assert!(restored(7, 5) && restored(7, 6) && restored(8, 0));
    assert!(!restored(7, 4) && !restored(6, 9));
}
