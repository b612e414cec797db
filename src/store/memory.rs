//! The counts in the process itself: one lock a counter, shared by the reactors. They end with the
//! process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::counter::{self, Count, CounterId, Grant};
use crate::store::change::{ChangeKind, Changed, NotAllowed};
use crate::store::counters::{Made, Seen};
use crate::store::error::StoreError;
use crate::store::key_book::KeyBook;
use crate::store::keys::{Key, KeyedNumber};

/// One reactor's access to the process's counters; clone it for the next reactor.
#[derive(Clone, Debug)]
pub struct Memory {
    counters: Arc<[Mutex<MemoryCounter>]>,
}

/// Locked once a batch, for a few instructions: a count and a limit of 53 bits each fit no atomic.
#[derive(Debug)]
struct MemoryCounter {
    count: Count,
    epoch: u64,
    made: Made,
    keys: KeyBook,
}

/// Why a change was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotChanged {
    /// The counter is in another epoch, which is this one.
    OtherEpoch(u64),
    /// It is not to be done.
    NotAllowed(NotAllowed),
}

impl Memory {
    /// Counters with these limits, from which nothing is taken yet. `epoch` is their first one: the
    /// time in microseconds, so that it is another one after a restart.
    pub fn new(limits: impl Iterator<Item = u64>, epoch: u64) -> Memory {
        let counter = |limit| {
            let count = Count { taken: 0, limit };
            let (made, keys) = (Made::Created, KeyBook::default());
            Mutex::new(MemoryCounter { count, epoch, made, keys })
        };
        Memory { counters: limits.map(counter).collect() }
    }

    /// Grants up to `count` numbers at once.
    pub fn take(&self, counter: CounterId, count: u64) -> Grant {
        let mut held = self.lock(counter);
        held.keys.drop_some();
        held.take(count)
    }

    /// Gives each of `keys` its number, and then grants up to `count` more, at once.
    pub fn take_with_keys(
        &self,
        counter: CounterId,
        count: u64,
        keys: &[Key],
    ) -> (Grant, Box<[KeyedNumber]>) {
        let mut held = self.lock(counter);
        held.keys.drop_some();
        let keyed = keys.iter().map(|key| held.take_for(key)).collect();
        (held.take(count), keyed)
    }

    /// What a counter holds now, which is the second `unix_s`.
    pub fn seen(&self, counter: CounterId, unix_s: u64) -> Seen {
        let held = self.lock(counter);
        let (count, epoch, made) = (held.count, held.epoch, Some(held.made));
        Seen { count, epoch, made, read_at_s: unix_s }
    }

    /// Changes a counter, only in the epoch that was shown, if one was. `now_us`: the wall clock.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn change(
        &self,
        counter: CounterId,
        kind: ChangeKind,
        epoch_shown: Option<u64>,
        now_us: u64,
    ) -> Result<Changed, NotChanged> {
        let mut held = self.lock(counter);
        if epoch_shown.is_some_and(|shown| shown != held.epoch) {
            return Err(NotChanged::OtherEpoch(held.epoch));
        }
        let before = held.count;
        let (after, made) = kind.leaves(before, 0).map_err(NotChanged::NotAllowed)?;
        held.count = after;
        if made == Some(Made::Reset) {
            held.keys.end_sale();
        }
        if let Some(made) = made {
            (held.made, held.epoch) = (made, now_us.max(held.epoch + 1));
        }
        Ok(Changed { before: Some(before), after })
    }

    /// A panic elsewhere leaves a count whole: it is written at once.
    fn lock(&self, counter: CounterId) -> MutexGuard<'_, MemoryCounter> {
        self.counters[counter.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryCounter {
    fn take(&mut self, count: u64) -> Grant {
        let grant = Grant { epoch: self.epoch, ..counter::take(self.count, count) };
        if grant.granted > 0 {
            self.count.taken = grant.count().taken;
        }
        grant
    }

    fn take_for(&mut self, key: &Key) -> KeyedNumber {
        if let Some((number, epoch)) = self.keys.number(key) {
            return KeyedNumber::Replayed { number, epoch };
        }
        if self.count.halted() {
            return KeyedNumber::NoneLeft;
        }
        if self.keys.is_full() {
            return KeyedNumber::Refused(StoreError::Keys);
        }
        let grant = self.take(1);
        let number = grant.first;
        self.keys.insert(key.clone(), number, grant.epoch);
        KeyedNumber::Granted(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A number of the first epoch that a key has already.
    fn replayed(number: u64) -> KeyedNumber {
        KeyedNumber::Replayed { number, epoch: 1 }
    }

    fn take_keyed(memory: &Memory, keys: &[&str], count: u64) -> (Vec<KeyedNumber>, Grant) {
        let key = |key: &&str| Key::new(key.as_bytes()).expect("it is a key");
        let keys: Vec<Key> = keys.iter().map(key).collect();
        let (grant, keyed) = memory.take_with_keys(CounterId::FIRST, count, &keys);
        (keyed.into_vec(), grant)
    }

    fn take_all(memory: &Memory) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            let grant = memory.take(CounterId::FIRST, 3);
            if grant.granted == 0 {
                return numbers;
            }
            numbers.extend(grant.first..grant.first + grant.granted);
        }
    }

    #[test]
    fn threads_get_every_number_exactly_once() {
        let memory = Memory::new([10_000].into_iter(), 1);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let memory = memory.clone();
                std::thread::spawn(move || take_all(&memory))
            })
            .collect();
        let taken: Vec<u64> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no thread panics"))
            .collect();
        assert_eq!(taken.len(), 10_000);
        let distinct: BTreeSet<u64> = taken.into_iter().collect();
        assert_eq!(distinct, (1..=10_000).collect());
    }

    #[test]
    fn each_counter_has_numbers_of_its_own() {
        let memory = Memory::new([2, 0, 2].into_iter(), 1);
        let granted = |counter, count| memory.take(CounterId(counter), count).granted;
        assert_eq!([granted(0, 1), granted(2, 5), granted(1, 1), granted(0, 5)], [1, 2, 0, 1]);
    }

    #[test]
    fn a_read_takes_nothing() {
        let memory = Memory::new([9, 5].into_iter(), 0);
        let count = Count { taken: 0, limit: 5 };
        assert_eq!(memory.take(CounterId(1), 0), counter::take(count, 0));
        assert_eq!(memory.take(CounterId(1), 1).first, 1);
    }

    #[test]
    fn a_changed_limit_begins_no_epoch_and_never_lies_below_what_is_taken() {
        let memory = Memory::new([9].into_iter(), 1);
        memory.take(CounterId::FIRST, 4);
        let before = Some(Count { taken: 4, limit: 9 });
        let closed = memory.change(CounterId::FIRST, ChangeKind::SetLimit { limit: 2 }, None, 7);
        assert_eq!(closed, Ok(Changed { before, after: Count { taken: 4, limit: 4 } }));
        assert_eq!(memory.take(CounterId::FIRST, 1).granted, 0);
        assert_eq!(memory.seen(CounterId::FIRST, 3).epoch, 1);
    }

    #[test]
    fn a_reset_and_a_set_begin_an_epoch_and_run_in_the_one_that_was_shown() {
        let memory = Memory::new([9].into_iter(), 5);
        memory.take(CounterId::FIRST, 4);
        let change = |kind, shown, now_us| memory.change(CounterId::FIRST, kind, shown, now_us);
        let reset = ChangeKind::Reset { limit: None };
        assert_eq!(change(reset, Some(4), 9), Err(NotChanged::OtherEpoch(5)));
        assert!(change(reset, Some(5), 3).is_ok());
        let grant = memory.take(CounterId::FIRST, 1);
        assert_eq!((grant.first, grant.epoch), (1, 6), "later than before, whatever the clock");
        let set = |taken, limit| ChangeKind::SetTaken { taken, limit };
        assert_eq!(
            change(set(10, None), None, 90),
            Err(NotChanged::NotAllowed(NotAllowed::PastLimit(9)))
        );
        assert!(change(set(10, Some(12)), None, 90).is_ok());
        let grant = memory.take(CounterId::FIRST, 5);
        assert_eq!((grant.first, grant.granted, grant.epoch), (11, 2, 90));
    }

    #[test]
    fn a_key_keeps_its_number_and_is_served_before_the_others() {
        use KeyedNumber::{Granted, NoneLeft};
        let memory = Memory::new([5].into_iter(), 1);
        let (keyed, grant) = take_keyed(&memory, &["a", "b", "a"], 1);
        assert_eq!(keyed, [Granted(1), Granted(2), replayed(1)]);
        assert_eq!((grant.first, grant.granted), (3, 1));
        let (keyed, grant) = take_keyed(&memory, &["b", "c"], 0);
        assert_eq!(keyed, [replayed(2), Granted(4)]);
        assert_eq!((grant.first, grant.granted, grant.count().taken), (5, 0, 4));
        let (keyed, grant) = take_keyed(&memory, &["d", "e", "a"], 1);
        assert_eq!(keyed, [Granted(5), NoneLeft, replayed(1)]);
        assert_eq!((grant.granted, grant.count().halted()), (0, true));
    }

    #[test]
    fn a_key_gets_its_number_again_under_a_lowered_limit_and_may_get_one_under_a_raised_one() {
        use KeyedNumber::{Granted, NoneLeft};
        let memory = Memory::new([9].into_iter(), 1);
        take_keyed(&memory, &["a", "b"], 0);
        let set = |limit| {
            let change = ChangeKind::SetLimit { limit };
            assert!(memory.change(CounterId::FIRST, change, None, 7).is_ok());
        };
        set(1);
        assert_eq!(take_keyed(&memory, &["b", "c"], 0).0, [replayed(2), NoneLeft]);
        set(3);
        assert_eq!(take_keyed(&memory, &["c"], 0).0, [Granted(3)], "none was written for it");
    }

    #[test]
    fn a_set_keeps_the_keys_and_a_reset_forgets_them() {
        use KeyedNumber::Granted;
        let memory = Memory::new([9].into_iter(), 1);
        take_keyed(&memory, &["a"], 0);
        let change = |kind| assert!(memory.change(CounterId::FIRST, kind, None, 7).is_ok());
        change(ChangeKind::SetTaken { taken: 4, limit: None });
        assert_eq!(take_keyed(&memory, &["a", "b"], 0).0, [replayed(1), Granted(5)]);
        change(ChangeKind::Reset { limit: None });
        assert_eq!(take_keyed(&memory, &["b", "a"], 0).0, [Granted(1), Granted(2)]);
    }

    #[test]
    fn where_no_other_key_has_room_the_known_ones_and_those_without_go_on() {
        use KeyedNumber::{Granted, Refused};
        let memory = Memory::new([9].into_iter(), 1);
        memory.lock(CounterId::FIRST).keys = KeyBook::new(1);
        let (keyed, grant) = take_keyed(&memory, &["a", "b", "a"], 1);
        assert_eq!(keyed, [Granted(1), Refused(StoreError::Keys), replayed(1)]);
        assert_eq!((grant.first, grant.granted), (2, 1), "nothing was taken for it");
    }

    #[test]
    fn threads_that_take_with_the_same_keys_get_the_same_numbers() {
        let memory = Memory::new([1_000].into_iter(), 1);
        let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        use KeyedNumber::{Granted, Replayed};
        let take_each = |memory: Memory, names: Vec<String>| {
            let number = |name: &String| match take_keyed(&memory, &[name], 0).0[..] {
                [Granted(number) | Replayed { number, .. }] => number,
                ref other => panic!("{other:?}"),
            };
            names.iter().map(number).collect::<Vec<u64>>()
        };
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (memory, names) = (memory.clone(), names.clone());
                std::thread::spawn(move || take_each(memory, names))
            })
            .collect();
        let mut numbers: Vec<Vec<u64>> =
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), 1, "all threads were given the same");
        let distinct: BTreeSet<u64> = numbers[0].iter().copied().collect();
        assert_eq!(distinct, (1..=100).collect());
    }
}
