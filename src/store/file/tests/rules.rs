//! The rules of takes and changes, which are those of `memory:`, and what only a file has.

use super::sim_disk::{Fault, SimDisk};
use super::{compact, create, digest, grant, key, keyed, take};
use crate::counter::Count;
use crate::store::change::{Change, ChangeKind, Changed, NotAllowed};
use crate::store::error::StoreError;
use crate::store::file::draft::Take;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{ChangeError, CommitError, CompactionError};
use crate::store::file::plan::ChangeRefusal;
use crate::store::high_water::Position;
use crate::store::key_book::KeyBook;
use crate::store::keys::{KeyedNumber, Keys};
use crate::store::request::Reply;

/// A journal with the counter `shoes`, made in epoch 5.
fn journal(limit: u64) -> Journal<SimDisk> {
    let (mut journal, opened) = Journal::open(SimDisk::new(1), 1).expect("a disk that is well");
    assert!(opened.is_new);
    journal.change("shoes", &create(limit), 5).expect("it is new");
    journal
}

fn change(
    journal: &mut Journal<SimDisk>,
    token: &str,
    kind: ChangeKind,
    now_us: u64,
) -> Result<Changed, ChangeRefusal> {
    match journal.change("shoes", &Change::new(token.to_owned(), kind), now_us) {
        Ok(changed) => Ok(changed),
        Err(ChangeError::Refused(refusal)) => Err(refusal),
        Err(ChangeError::Commit(error)) => panic!("{error:?}"),
    }
}

fn fields(journal: &Journal<SimDisk>) -> (Count, u64, u64) {
    let place = journal.state().find("shoes").expect("it is there");
    let fields = &journal.state().counter(place).fields;
    (fields.count, fields.epoch, fields.sale)
}

#[test]
fn a_key_keeps_its_number_and_is_served_before_the_others() {
    use KeyedNumber::{Granted, NoneLeft};
    let replayed = |number| KeyedNumber::Replayed { number, epoch: 5 };
    let mut journal = journal(5);
    let reply = take(&mut journal, "shoes", &["a", "b", "a"], 1);
    assert_eq!((grant(&reply).first, grant(&reply).granted, grant(&reply).epoch), (3, 1, 5));
    assert_eq!(keyed(reply), [Granted(1), Granted(2), replayed(1)]);
    let reply = take(&mut journal, "shoes", &["b", "c"], 0);
    assert_eq!(keyed(reply), [replayed(2), Granted(4)]);
    let reply = take(&mut journal, "shoes", &["d", "e", "a"], 1);
    assert!(grant(&reply).count().halted());
    assert_eq!(keyed(reply), [Granted(5), NoneLeft, replayed(1)]);
}

#[test]
fn requests_of_one_commit_see_those_before_them_and_are_one_record() {
    let mut journal = journal(9);
    let place = journal.state().find("shoes").expect("it is there");
    let before = journal.disk_for_test().operations();
    let request = |count| Take { place, count, keys: [key("a")].into_iter().collect() };
    let replies = journal.commit(&[request(2), request(1)]).expect("the disk does it");
    assert_eq!(replies.iter().map(Reply::granted).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(grant(&replies[1]).first, 4);
    let read = Take { place, count: 0, keys: Keys::NONE };
    journal.commit(&[read]).expect("nothing is written");
    let operations = journal.disk_for_test().operations() - before;
    assert!(operations <= 3, "room, the record, its sync: {operations}");
}

#[test]
fn a_commit_takes_no_more_than_a_record_holds() {
    let mut journal = journal(1_000_000);
    let place = journal.state().find("shoes").expect("it is there");
    let key = |number: usize, of: usize| key(&format!("{:0>240}", number * 1_000 + of));
    let request =
        |number| Take { place, count: 1, keys: (0..256).map(|of| key(number, of)).collect() };
    let requests: Vec<Take> = (0..40).map(request).collect();
    let answered = journal.commit(&requests).expect("the disk does it").len();
    assert!((10..40).contains(&answered), "{answered}");
    let rest = journal.commit(&requests[answered..]).expect("the disk does it");
    assert_eq!(grant(&rest[0]).first, (answered as u64 + 1) * 257);
}

#[test]
fn where_no_other_key_has_room_the_known_ones_and_those_without_go_on() {
    use KeyedNumber::{Granted, Refused};
    let mut journal = journal(9);
    journal.set_keys_for_test("shoes", KeyBook::new(1));
    let reply = take(&mut journal, "shoes", &["a", "b", "a"], 1);
    assert_eq!((grant(&reply).first, grant(&reply).granted), (2, 1), "nothing was taken for it");
    let replayed = KeyedNumber::Replayed { number: 1, epoch: 5 };
    assert_eq!(keyed(reply), [Granted(1), Refused(StoreError::Keys), replayed]);
}

#[test]
fn a_create_makes_a_counter_or_finds_it() {
    let mut journal = journal(9);
    let (count, kind) = (Count { taken: 0, limit: 9 }, ChangeKind::Create { limit: 9 });
    let made = Changed { before: None, after: count };
    assert_eq!(change(&mut journal, "create-9", kind, 7), Ok(made), "sent again");
    take(&mut journal, "shoes", &[], 2);
    let count = Count { taken: 2, limit: 9 };
    let found = Changed { before: Some(count), after: count };
    assert_eq!(change(&mut journal, "other", ChangeKind::Create { limit: 3 }, 7), Ok(found));
    assert_eq!(fields(&journal), (count, 5, 5));
}

#[test]
fn changes_begin_epochs_and_sales_as_they_should() {
    use ChangeKind::{Reset, SetLimit, SetTaken};
    let mut journal = journal(9);
    take(&mut journal, "shoes", &["a"], 3);
    assert!(change(&mut journal, "1", SetLimit { limit: 2 }, 6).is_ok());
    assert_eq!(fields(&journal), (Count { taken: 4, limit: 4 }, 5, 5));
    let set = |taken, limit| SetTaken { taken, limit };
    assert_eq!(
        change(&mut journal, "2", set(3, None), 6),
        Err(ChangeRefusal::NotAllowed(NotAllowed::BelowTaken(4)))
    );
    assert_eq!(
        change(&mut journal, "2", set(5, None), 6),
        Err(ChangeRefusal::NotAllowed(NotAllowed::PastLimit(4)))
    );
    assert!(change(&mut journal, "2", set(5, Some(8)), 6).is_ok());
    assert_eq!(fields(&journal), (Count { taken: 5, limit: 8 }, 6, 5));
    let replayed = KeyedNumber::Replayed { number: 1, epoch: 5 };
    assert_eq!(keyed(take(&mut journal, "shoes", &["a"], 0)), [replayed]);
    assert!(change(&mut journal, "3", Reset { limit: None }, 1).is_ok());
    assert_eq!(fields(&journal), (Count { taken: 0, limit: 8 }, 7, 7), "whatever the clock");
    assert_eq!(keyed(take(&mut journal, "shoes", &["a"], 0)), [KeyedNumber::Granted(1)]);
    let again = change(&mut journal, "3", Reset { limit: None }, 9).map(|changed| changed.after);
    assert_eq!(again, Ok(Count { taken: 1, limit: 8 }), "sent again, it is not done again");
}

#[test]
fn a_change_runs_in_the_epoch_that_was_shown() {
    let mut journal = journal(9);
    let reset = ChangeKind::Reset { limit: Some(3) };
    let shown = |epoch| Change { epoch_shown: Some(epoch), ..Change::new("t".into(), reset) };
    let refused = journal.change("shoes", &shown(4), 9);
    assert!(matches!(refused, Err(ChangeError::Refused(ChangeRefusal::OtherEpoch(5)))));
    assert!(journal.change("shoes", &shown(5), 9).is_ok());
    assert!(journal.change("hats", &shown(0), 9).is_ok(), "0 is no counter");
    let limit = Change::new("u".into(), ChangeKind::SetLimit { limit: 3 });
    let missing = journal.change("gloves", &limit, 9);
    assert!(matches!(missing, Err(ChangeError::Refused(ChangeRefusal::Missing))));
}

#[test]
fn below_its_floor_nobody_takes_until_a_set_above_it() {
    let mut journal = journal(9);
    journal.set_floor_for_test("shoes", Position { epoch: 8, taken: 4 });
    let reply = take(&mut journal, "shoes", &["a"], 1);
    assert_eq!(reply, Reply::Failed(StoreError::Backwards));
    let create = change(&mut journal, "1", ChangeKind::Create { limit: 9 }, 6);
    assert_eq!(create, Err(ChangeRefusal::Lost(4)));
    let set = |taken| ChangeKind::SetTaken { taken, limit: None };
    assert_eq!(
        change(&mut journal, "2", set(3), 6),
        Err(ChangeRefusal::NotAllowed(NotAllowed::BelowTaken(4)))
    );
    assert!(change(&mut journal, "2", set(4), 6).is_ok());
    assert_eq!(grant(&take(&mut journal, "shoes", &[], 1)).epoch, 9, "later than the floor's");
}

#[test]
fn a_full_disk_refuses_and_goes_on_and_a_broken_one_is_final() {
    let mut journal = journal(9);
    let place = journal.state().find("shoes").expect("it is there");
    let one = [Take { place, count: 1, keys: Keys::NONE }];
    let (before, bytes) = (digest(journal.state()), journal.disk_for_test().bytes());
    let next = journal.disk_for_test().operations();
    journal.disk_for_test().fail_at(next, Fault::NoRoom); // Room was asked for before.
    assert!(matches!(journal.commit(&one), Err(CommitError::NoRoom(_))));
    assert_eq!(digest(journal.state()), before);
    let left = journal.disk_for_test().bytes();
    assert!(bytes.starts_with(&left) && left.len() < bytes.len(), "it is cut off");
    assert_eq!(grant(&journal.commit(&one).expect("there is room")[0]).first, 1);
    let next = journal.disk_for_test().operations();
    (next..next + 3).for_each(|it| journal.disk_for_test().fail_at(it, Fault::Broken));
    assert!(matches!(journal.commit(&one), Err(CommitError::Failed(_))));
    journal.disk_for_test().heal();
    assert!(matches!(journal.commit(&one), Err(CommitError::Failed(_))), "for ever");
    assert!(matches!(compact(&mut journal), Err(CompactionError::Failed(_))));
}
