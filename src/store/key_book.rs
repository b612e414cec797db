//! The keys of one counter in the process, and the number of each.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, IntoIter, RandomState};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};

use crate::limits::{KEY_TABLES, KEYS_DROPPED_AT_ONCE, KEYS_MAX, LIMIT_MAX};
use crate::store::keys::Key;

/// The keys of a sale. Those of an ended one are dropped bit by bit: a million at once would hold
/// up all who wait.
///
/// Invariant: it holds at most twice as many keys as it may, those that are being dropped included,
/// for each call drops more than one request can bring.
#[derive(Debug)]
pub struct KeyBook {
    /// The number of each, and its epoch, in one of many small tables; none before the first key.
    tables: Vec<HashMap<Key, (u64, u64)>>,
    /// Tells which table is a key's. A random one of each sale, and as secret as the keys: whoever
    /// knows it can choose keys that all go into one table.
    table_seed: u64,
    keys: usize,
    keys_max: usize,
    dropping: Vec<IntoIter<Key, (u64, u64)>>,
}

impl KeyBook {
    /// Without a key; it takes so many.
    pub fn new(keys_max: usize) -> KeyBook {
        let (tables, dropping, table_seed) = (Vec::new(), Vec::new(), new_table_seed());
        KeyBook { tables, table_seed, keys: 0, keys_max, dropping }
    }

    /// The number that the key has, and its epoch.
    pub fn number(&self, key: &Key) -> Option<(u64, u64)> {
        self.tables.get(self.table_of(key))?.get(key).copied()
    }

    /// How many keys have a number.
    pub fn len(&self) -> usize {
        self.keys
    }

    /// The seed of the tables, for [`KeyBook::reserve`]: at most [`LIMIT_MAX`].
    pub fn table_seed(&self) -> u64 {
        self.table_seed
    }

    /// How many tables there are. A key stays in its table as long as it has its number.
    pub fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Each key of one of the tables, with its number and its epoch, in no order.
    pub fn keys_of(&self, table: usize) -> impl Iterator<Item = (&Key, u64, u64)> {
        self.tables[table].iter().map(|(key, (number, epoch))| (key, *number, *epoch))
    }

    /// How many more keys have room.
    pub fn room(&self) -> usize {
        self.keys_max.saturating_sub(self.keys)
    }

    /// Whether no other key has room.
    pub fn is_full(&self) -> bool {
        self.keys >= self.keys_max
    }

    /// So many keys will come, about: the tables are made so large at once, and move nothing later.
    /// They come table by table, from a book with this seed. In the same tables, those that come
    /// together lie together, and the processor's cache has them: a start with 1,000,000 keys takes
    /// 0.6 of the time. Only a book without tables takes the seed.
    pub fn reserve(&mut self, keys: usize, table_seed: u64) {
        if self.tables.is_empty() {
            self.table_seed = table_seed;
        }
        let each = keys.min(self.room()).div_ceil(KEY_TABLES);
        // Some tables get more than others.
        let each = each + each / 8;
        self.tables.resize_with(KEY_TABLES, HashMap::new);
        self.tables.iter_mut().for_each(|table| table.reserve(each));
    }

    /// The number of this epoch belongs to this key, which has none yet; only if there is room.
    pub fn insert(&mut self, key: Key, number: u64, epoch: u64) {
        debug_assert!(!self.is_full());
        let table = self.table(&key);
        table.insert(key, (number, epoch));
        self.keys += 1;
    }

    /// The number of this epoch belongs to this key, unless it has one. Whether there was room.
    pub fn restore(&mut self, key: Key, number: u64, epoch: u64) -> bool {
        let is_full = self.is_full();
        match self.table(&key).entry(key) {
            Entry::Occupied(_) => true,
            Entry::Vacant(_) if is_full => false,
            Entry::Vacant(place) => {
                place.insert((number, epoch));
                self.keys += 1;
                true
            }
        }
    }

    fn table(&mut self, key: &Key) -> &mut HashMap<Key, (u64, u64)> {
        if self.tables.is_empty() {
            self.tables = (0..KEY_TABLES).map(|_| HashMap::new()).collect();
        }
        let table = self.table_of(key);
        &mut self.tables[table]
    }

    /// The key's table. Another version of the standard library may hash in another way: keys of
    /// its file then come in no order, which costs time and nothing else.
    fn table_of(&self, key: &Key) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.table_seed);
        key.hash(&mut hasher);
        (hasher.finish() % KEY_TABLES as u64) as usize
    }

    /// The sale has ended, and no key has a number any more.
    pub fn end_sale(&mut self) {
        let ended = std::mem::take(&mut self.tables).into_iter();
        self.dropping.extend(ended.filter(|table| !table.is_empty()).map(HashMap::into_iter));
        (self.keys, self.table_seed) = (0, new_table_seed());
    }

    /// Drops all keys of ended sales, at once.
    pub fn drop_ended(&mut self) {
        self.dropping.clear();
    }

    /// Drops some of the keys of ended sales.
    #[inline]
    pub fn drop_some(&mut self) {
        if !self.dropping.is_empty() {
            self.drop_of_last();
        }
    }

    #[cold]
    fn drop_of_last(&mut self) {
        let mut left = KEYS_DROPPED_AT_ONCE;
        while left > 0
            && let Some(ended) = self.dropping.last_mut()
        {
            left -= ended.by_ref().take(left).count();
            if ended.len() == 0 {
                self.dropping.pop();
            }
        }
    }
}

/// A random one. It goes into files, where no number is larger.
fn new_table_seed() -> u64 {
    RandomState::new().hash_one(0) & LIMIT_MAX
}

impl Default for KeyBook {
    fn default() -> KeyBook {
        KeyBook::new(KEYS_MAX)
    }
}

#[cfg(test)]
impl KeyBook {
    /// Each key with its number and its epoch, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, u64, u64)> {
        (0..self.tables()).flat_map(|table| self.keys_of(table))
    }

    /// How many keys of ended sales are not dropped yet.
    pub fn ended_for_test(&self) -> usize {
        self.dropping.iter().map(IntoIter::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_sale_is_forgotten_at_once_and_dropped_bit_by_bit() {
        let key = |number: usize| Key::new(number.to_string().as_bytes()).expect("it is a key");
        let mut book = KeyBook::default();
        let kept = key(0);
        book.insert(kept.clone(), 0, 1);
        (1..=KEYS_DROPPED_AT_ONCE).for_each(|number| book.insert(key(number), number as u64, 1));
        book.end_sale();
        assert_eq!(book.number(&kept), None);
        let left = |book: &KeyBook| book.dropping.iter().map(IntoIter::len).sum::<usize>();
        for expected in [1, 0] {
            book.drop_some();
            assert_eq!(left(&book), expected);
        }
        assert!(book.dropping.is_empty(), "the table's memory is given back");
    }

    #[test]
    fn a_book_with_the_seed_of_another_has_the_same_tables() {
        let mut book = KeyBook::default();
        for number in 0..1_000 {
            let key = Key::new(number.to_string().as_bytes()).expect("it is a key");
            book.insert(key, number, 1);
        }
        let mut other = KeyBook::default();
        other.reserve(book.len(), book.table_seed());
        book.iter()
            .for_each(|(key, number, epoch)| assert!(other.restore(key.clone(), number, epoch)));
        let sorted = |book: &KeyBook, table| {
            let mut keys: Vec<_> = book.keys_of(table).map(|(_, number, _)| number).collect();
            keys.sort_unstable();
            keys
        };
        for table in 0..KEY_TABLES {
            assert_eq!(sorted(&book, table), sorted(&other, table));
        }
        other.reserve(1, other.table_seed() + 1);
        assert_eq!(other.table_seed(), book.table_seed(), "its keys stay where they are");
        // Whoever does not know the seed does not know the tables.
        other.end_sale();
        book.iter().for_each(|(key, number, epoch)| {
            assert!(other.restore(key.clone(), number, epoch));
        });
        assert!((0..KEY_TABLES).any(|table| sorted(&book, table) != sorted(&other, table)));
    }

    #[test]
    fn no_table_is_so_large_that_moving_it_holds_anybody_up() {
        const KEYS: usize = 100_000;
        let mut book = KeyBook::default();
        for number in 0..KEYS {
            let key = Key::new(number.to_string().as_bytes()).expect("it is a key");
            book.insert(key, number as u64, 1);
        }
        let largest = book.tables.iter().map(HashMap::len).max();
        assert!(largest.is_some_and(|keys| keys < KEYS / 128), "{largest:?}");
    }
}
