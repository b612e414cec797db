//! What a commit would do, before it is on the disk: the numbers that it grants and to which keys.
//!
//! The rule is that of `store/memory.rs`: keys are served first, one that has a number gets it
//! again.

use std::collections::{BTreeMap, HashMap};

use crate::counter::{self, Count, Grant};
use crate::limits::FILE_PAYLOAD_BYTES_MAX;
use crate::store::error::StoreError;
use crate::store::file::entry::{self, Entry, KeyNumber};
use crate::store::file::state::{FileCounter, FileState, Place};
use crate::store::high_water::Position;
use crate::store::keys::{Key, KeyedNumber, Keys};
use crate::store::request::Reply;

/// A request for numbers of one counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The counter.
    pub place: Place,
    /// Up to so many numbers, beside those of the keys.
    pub count: u64,
    /// Each of these gets its number, before the others.
    pub keys: Keys,
}

/// What some requests would leave.
#[derive(Debug, Default)]
pub struct Draft {
    touched: BTreeMap<Place, Touched>,
    /// No more bytes of a payload than it takes.
    bytes: usize,
}

/// What they would leave of one counter.
#[derive(Debug)]
struct Touched {
    count: Count,
    /// What it held before.
    taken_before: u64,
    /// The keys that get a number.
    keys: HashMap<Key, u64>,
}

impl Draft {
    /// Whether one record has room for this request too.
    pub fn has_room(&self, take: &Take) -> bool {
        let keys: usize = take.keys.iter().map(entry::key_bytes).sum();
        self.bytes + entry::TAKEN_BYTES_MAX + keys <= FILE_PAYLOAD_BYTES_MAX
    }

    /// What a request would get, behind those before it.
    pub fn take(&mut self, state: &FileState, take: &Take) -> Reply {
        let counter = state.counter(take.place);
        if let Err(fault) = counter.check_floor() {
            return Reply::Failed(fault.error);
        }
        let touched = self.touched.entry(take.place).or_insert_with(|| {
            self.bytes += entry::TAKEN_BYTES_MAX;
            let (count, keys) = (counter.fields.count, HashMap::new());
            Touched { count, taken_before: count.taken, keys }
        });
        let keys_before = touched.keys.len();
        let keyed: Box<[KeyedNumber]> =
            take.keys.iter().map(|key| touched.take_for(counter, key)).collect();
        if touched.keys.len() > keys_before {
            self.bytes += take.keys.iter().map(entry::key_bytes).sum::<usize>();
        }
        let grant = Grant { epoch: counter.fields.epoch, ..touched.take(take.count) };
        match keyed.is_empty() {
            true => Reply::Granted(grant),
            false => Reply::GrantedToKeys(grant, keyed),
        }
    }

    /// What is to be written of it; none if it changes nothing.
    pub fn entries<'a>(&'a self, state: &'a FileState) -> impl Iterator<Item = Entry<'a>> {
        let changed =
            |(_, touched): &(&Place, &Touched)| touched.count.taken > touched.taken_before;
        self.touched.iter().filter(changed).map(|(place, touched)| {
            let FileCounter { name, fields, .. } = state.counter(*place);
            let epoch = fields.epoch;
            let mut keys: Vec<KeyNumber> = touched
                .keys
                .iter()
                .map(|(key, number)| KeyNumber { key: key.clone(), number: *number, epoch })
                .collect();
            keys.sort_unstable_by_key(|key| key.number);
            let position = Position { epoch, taken: touched.count.taken };
            Entry::Taken { name, position, keys }
        })
    }

    /// Each counter, how many are taken of it then, and its new keys.
    pub fn into_parts(self) -> impl Iterator<Item = (Place, u64, HashMap<Key, u64>)> {
        self.touched.into_iter().map(|(place, touched)| (place, touched.count.taken, touched.keys))
    }
}

impl Touched {
    fn take(&mut self, count: u64) -> Grant {
        let grant = counter::take(self.count, count);
        if grant.granted > 0 {
            self.count.taken = grant.count().taken;
        }
        grant
    }

    fn take_for(&mut self, counter: &FileCounter, key: &Key) -> KeyedNumber {
        if let Some((number, epoch)) = counter.keys.number(key) {
            return KeyedNumber::Replayed { number, epoch };
        }
        if let Some(number) = self.keys.get(key) {
            return KeyedNumber::Replayed { number: *number, epoch: counter.fields.epoch };
        }
        if self.count.halted() {
            return KeyedNumber::NoneLeft;
        }
        if self.keys.len() >= counter.keys.room() {
            return KeyedNumber::Refused(StoreError::Keys);
        }
        let number = self.take(1).first;
        self.keys.insert(key.clone(), number);
        KeyedNumber::Granted(number)
    }
}
