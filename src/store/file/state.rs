//! What the file holds: all its counters, those that this process does not serve included.
//!
//! A take or a change is first thought out, as a draft or as the fields that the counter would
//! have. It is applied when its record is on the disk, and so one that fails leaves nothing.

use crate::limits::{FILE_COUNTERS_MAX, KEYS_PER_BATCH_MAX};
use crate::store::error::Fault;
use crate::store::file::entry::{CounterFields, Entry, KeyNumber, Unreadable};
use crate::store::high_water::Position;
use crate::store::key_book::KeyBook;

/// A counter's place in the file. It stays as long as the file is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(u32);

impl Place {
    /// Counters before it in the file.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// All counters of a file.
#[derive(Debug, Default)]
pub struct FileState {
    counters: Vec<FileCounter>,
    /// The same, in the order of their names.
    by_name: Vec<Place>,
}

/// One of them.
#[derive(Debug)]
pub struct FileCounter {
    /// What it is called.
    pub name: Box<str>,
    /// What it holds.
    pub fields: CounterFields,
    /// The keys of its sale.
    pub keys: KeyBook,
}

impl FileState {
    /// The counter of this name.
    pub fn find(&self, name: &str) -> Option<Place> {
        self.search(name).ok().map(|found| self.by_name[found])
    }

    /// The counter in this place, which comes from [`FileState::find`].
    pub fn counter(&self, place: Place) -> &FileCounter {
        &self.counters[place.index()]
    }

    /// All counters, in the order in which they came.
    pub fn counters(&self) -> &[FileCounter] {
        &self.counters
    }

    /// All counters, in the order of their names.
    pub fn by_name(&self) -> impl Iterator<Item = &FileCounter> {
        self.by_name.iter().map(|place| self.counter(*place))
    }

    /// Keys of all counters.
    pub fn keys(&self) -> u64 {
        self.counters.iter().map(|counter| counter.keys.len() as u64).sum()
    }

    /// The counter holds this now. There is room for one more.
    pub fn put(&mut self, name: &str, fields: CounterFields) {
        match self.search(name) {
            Ok(found) => {
                let counter = self.counter_mut(self.by_name[found]);
                if counter.fields.sale != fields.sale {
                    counter.keys.end_sale();
                }
                counter.fields = fields;
            }
            Err(before) => {
                debug_assert!(self.counters.len() < FILE_COUNTERS_MAX);
                self.by_name.insert(before, Place(self.counters.len() as u32));
                let keys = KeyBook::default();
                self.counters.push(FileCounter { name: name.into(), fields, keys });
            }
        }
    }

    /// So many are taken of the counter now, and these keys, which had none, have numbers. There is
    /// room for them.
    pub fn advance(&mut self, place: Place, taken: u64, keys: Vec<KeyNumber>) {
        let FileCounter { fields, keys: book, .. } = self.counter_mut(place);
        fields.count.taken = taken;
        book.drop_some();
        for (index, KeyNumber { key, number, epoch }) in keys.into_iter().enumerate() {
            // One call drops more keys than one request brings, and a commit has many requests.
            if index > 0 && index.is_multiple_of(KEYS_PER_BATCH_MAX) {
                book.drop_some();
            }
            book.insert(key, number, epoch);
        }
    }

    /// What a record says was done. The highest counts win, and the first number of a key.
    ///
    /// # Errors
    /// It cannot have been, after what was read before.
    pub fn restore(&mut self, entry: Entry) -> Result<(), Unreadable> {
        match entry {
            Entry::Counter(name, fields) => {
                let place = self.find(name);
                let position = |fields: &CounterFields| (fields.epoch, fields.count.taken);
                let may_follow = match place.map(|place| &self.counter(place).fields) {
                    Some(held) => position(held) <= position(&fields),
                    None => self.counters.len() < FILE_COUNTERS_MAX,
                };
                if !may_follow {
                    return Err(Unreadable);
                }
                self.put(name, fields);
                // A file may have many ended sales, and here nobody waits.
                place.into_iter().for_each(|place| self.counter_mut(place).keys.drop_ended());
                Ok(())
            }
            Entry::Taken { name, position, keys } => {
                let place = self.find(name).ok_or(Unreadable)?;
                self.counter_mut(place).restore(position, keys)
            }
            Entry::KeysToCome { name, keys, table_seed } => {
                let place = self.find(name).ok_or(Unreadable)?;
                self.counter_mut(place).keys.reserve(keys as usize, table_seed);
                Ok(())
            }
            Entry::SnapshotEnd { counters, keys } => {
                let is_whole = (self.counters.len(), self.keys()) == (counters as usize, keys);
                is_whole.then_some(()).ok_or(Unreadable)
            }
        }
    }

    /// Where the name is among those of all counters, or would be.
    fn search(&self, name: &str) -> Result<usize, usize> {
        self.by_name.binary_search_by(|place| (*self.counter(*place).name).cmp(name))
    }

    fn counter_mut(&mut self, place: Place) -> &mut FileCounter {
        &mut self.counters[place.index()]
    }
}

impl FileCounter {
    /// Checks that it may be taken from.
    ///
    /// # Errors
    /// It holds less than its floor.
    pub fn check_floor(&self) -> Result<(), Fault> {
        self.fields.check_floor()
    }

    fn restore(&mut self, position: Position, keys: Vec<KeyNumber>) -> Result<(), Unreadable> {
        let CounterFields { count, epoch, .. } = &mut self.fields;
        if position.epoch > *epoch || position.taken > count.limit {
            return Err(Unreadable);
        }
        if position.epoch == *epoch {
            count.taken = count.taken.max(position.taken);
        }
        for KeyNumber { key, number, epoch } in keys {
            let is_sound = number > 0 && epoch <= self.fields.epoch;
            if !is_sound || !self.keys.restore(key, number, epoch) {
                return Err(Unreadable);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl FileState {
    /// A counter, for a test to change.
    pub fn counter_for_test(&mut self, name: &str) -> &mut FileCounter {
        let place = self.find(name).expect("it is there");
        self.counter_mut(place)
    }
}
