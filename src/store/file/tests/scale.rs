//! Many keys. How long they take is measured elsewhere, for a test has no clock.

use super::sim_disk::SimDisk;
use super::{compact, create, key, take};
use crate::store::file::draft::Take;
use crate::store::file::journal::Journal;
use crate::store::file::recovery::recover;
use crate::store::keys::KeyedNumber;

#[test]
fn keys_by_the_hundred_thousand_come_through_compactions_and_starts() {
    const KEYS: u64 = 100_000;
    let disk = SimDisk::new(1);
    let (mut journal, _) = Journal::open(disk.clone(), 1).expect("a disk that is well");
    journal.change("shoes", &create(KEYS), 5).expect("it is new");
    let place = journal.state().find("shoes").expect("it is there");
    let text = |number: u64| format!("{number:0>36}");
    let mut compacted = 0;
    for first in (1..=KEYS).step_by(2_000) {
        let request = |from: u64| {
            let keys = (from..from + 250).map(|number| key(&text(number))).collect();
            Take { place, count: 0, keys }
        };
        let requests: Vec<Take> = (first..first + 2_000).step_by(250).map(request).collect();
        let answered = journal.commit(&requests).expect("the disk does it").len();
        assert_eq!(answered, requests.len());
        compacted += u32::from(compact(&mut journal).expect("the disk is well"));
    }
    assert!(compacted > 0);
    drop(journal);
    let state = recover(&disk.bytes()).expect("it is whole").state;
    assert_eq!(state.keys(), KEYS);
    let (mut journal, _) = Journal::open(disk, 2).expect("a disk that is well");
    for number in [1, 777, KEYS] {
        let reply = take(&mut journal, "shoes", &[&text(number)], 0);
        assert_eq!(super::keyed(reply), [KeyedNumber::Replayed { number, epoch: 5 }]);
    }
}
