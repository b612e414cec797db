//! What a commit would do, before it is on the disk: the numbers that it grants and to which keys.
//!
//! The rule is that of `store/memory.rs`: keys are served first, one that has a number gets it
//! again.

use std::collections::HashMap;

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
    /// In the order in which they came.
    touched: Vec<Touched>,
    /// Where each counter is in `touched`.
    indices: HashMap<Place, usize>,
    /// No more bytes of a payload than it takes.
    bytes: usize,
}

/// What they would leave of one counter.
#[derive(Debug)]
struct Touched {
    place: Place,
    count: Count,
    /// What it held before.
    taken_before: u64,
    /// The keys that get a number, in the order of the numbers.
    keys: Vec<KeyNumber>,
    /// Where each of them is in `keys`.
    indices: HashMap<Key, usize>,
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
        let index = *self.indices.entry(take.place).or_insert_with(|| {
            self.bytes += entry::TAKEN_BYTES_MAX;
            self.touched.push(Touched::new(take.place, counter.fields.count));
            self.touched.len() - 1
        });
        let touched = &mut self.touched[index];
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
        let changed = |touched: &&Touched| touched.count.taken > touched.taken_before;
        self.touched.iter().filter(changed).map(|touched| {
            let FileCounter { name, fields, .. } = state.counter(touched.place);
            let position = Position { epoch: fields.epoch, taken: touched.count.taken };
            Entry::Taken { name, position, keys: touched.keys.clone() }
        })
    }

    /// Each counter, how many are taken of it then, and its new keys.
    pub fn into_parts(self) -> impl Iterator<Item = (Place, u64, Vec<KeyNumber>)> {
        self.touched.into_iter().map(|it| (it.place, it.count.taken, it.keys))
    }
}

impl Touched {
    fn new(place: Place, count: Count) -> Touched {
        let (keys, indices) = (Vec::new(), HashMap::new());
        Touched { place, count, taken_before: count.taken, keys, indices }
    }

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
        if let Some(index) = self.indices.get(key) {
            let KeyNumber { number, epoch, .. } = self.keys[*index];
            return KeyedNumber::Replayed { number, epoch };
        }
        if self.count.halted() {
            return KeyedNumber::NoneLeft;
        }
        if self.keys.len() >= counter.keys.room() {
            return KeyedNumber::Refused(StoreError::Keys);
        }
        let number = self.take(1).first;
        self.indices.insert(key.clone(), self.keys.len());
        self.keys.push(KeyNumber { key: key.clone(), number, epoch: counter.fields.epoch });
        KeyedNumber::Granted(number)
    }
}
