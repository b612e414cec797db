//! What the payload of a record says: entries, one behind the other. `docs/file.md` has their
//! bytes.
//!
//! What is read is checked as far as one entry can be: no number is larger than headcount counts,
//! no name or key is one that could not have been written.

use crate::config::is_counter_name;
use crate::counter::Count;
use crate::limits::{CHANGE_TOKEN_BYTES_MAX, LIMIT_MAX};
use crate::store::counters::Made;
use crate::store::high_water::Position;
use crate::store::keys::Key;

const END: u8 = 0;
const COUNTER: u8 = 1;
const TAKEN: u8 = 2;
const SNAPSHOT_END: u8 = 3;
const KEYS_TO_COME: u8 = 5;

/// All that a counter holds, but for its name and its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterFields {
    /// How many are taken, and the limit: `taken <= limit`.
    pub count: Count,
    /// Which life of the counter this is.
    pub epoch: u64,
    /// How that began.
    pub made: Made,
    /// The epoch of the last create or reset: the keys belong to it.
    pub sale: u64,
    /// Below this nobody takes; all 0 for none.
    pub floor: Position,
    /// The token of the last change, empty for none.
    pub token: Box<str>,
}

/// A key with its number, and the epoch that the number is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNumber {
    /// The key.
    pub key: Key,
    /// Its number.
    pub number: u64,
    /// The epoch of the number.
    pub epoch: u64,
}

/// One thing that a payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// The counter holds this now. Its keys stay if the sale is the same, and else are gone.
    Counter(&'a str, CounterFields),
    /// So many of the counter are taken now, in this epoch, and these keys have numbers.
    Taken {
        /// The counter.
        name: &'a str,
        /// The epoch and how many are taken in it.
        position: Position,
        /// The keys that got a number.
        keys: Vec<KeyNumber>,
    },
    /// So many keys of the counter follow, or some more or fewer: the reader makes room for them.
    KeysToCome {
        /// The counter.
        name: &'a str,
        /// How many.
        keys: u64,
        /// They follow table by table, in tables of this seed.
        table_seed: u64,
    },
    /// The snapshot ends here, and has so much.
    SnapshotEnd {
        /// Counters.
        counters: u32,
        /// Keys of all counters.
        keys: u64,
    },
}

/// Puts an entry behind a payload.
pub fn put(payload: &mut Vec<u8>, entry: &Entry) {
    match entry {
        Entry::Counter(name, fields) => put_counter(payload, name, fields),
        Entry::Taken { name, position, keys } => {
            let keys = keys.iter().map(|it| (&it.key, it.number, it.epoch));
            put_taken(payload, name, *position, keys);
        }
        Entry::KeysToCome { name, keys, table_seed } => {
            payload.push(KEYS_TO_COME);
            put_text(payload, name);
            put_numbers(payload, &[*keys, *table_seed]);
        }
        Entry::SnapshotEnd { counters, keys } => {
            payload.push(SNAPSHOT_END);
            payload.extend(counters.to_le_bytes());
            put_numbers(payload, &[*keys]);
        }
    }
}

/// Puts an [`Entry::Taken`], whose keys nobody copies.
pub fn put_taken<'a>(
    payload: &mut Vec<u8>,
    name: &str,
    position: Position,
    keys: impl ExactSizeIterator<Item = (&'a Key, u64, u64)>,
) {
    payload.push(TAKEN);
    put_text(payload, name);
    put_numbers(payload, &[position.epoch, position.taken]);
    payload.extend((keys.len() as u32).to_le_bytes());
    for (key, number, epoch) in keys {
        put_text(payload, key.as_str());
        put_numbers(payload, &[number, epoch]);
    }
}

/// Bytes that [`put`] adds at most for what was taken, without its keys.
pub const TAKEN_BYTES_MAX: usize = 1 + 1 + crate::limits::COUNTER_NAME_BYTES_MAX + 2 * 8 + 4;

/// Bytes that the shortest key takes in an entry.
pub const KEY_BYTES_MIN: usize = 1 + 1 + 2 * 8;

/// Bytes that a key takes in an entry.
pub fn key_bytes(key: &Key) -> usize {
    1 + key.as_str().len() + 2 * 8
}

fn put_counter(payload: &mut Vec<u8>, name: &str, fields: &CounterFields) {
    let CounterFields { count, epoch, made, sale, floor, token } = fields;
    payload.push(COUNTER);
    put_text(payload, name);
    put_numbers(payload, &[count.limit, count.taken, *epoch, *sale, floor.epoch, floor.taken]);
    payload.push(made.code());
    put_text(payload, token);
}

/// No name, key or token is longer than a byte counts.
fn put_text(payload: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() <= usize::from(u8::MAX));
    payload.push(text.len() as u8);
    payload.extend(text.as_bytes());
}

fn put_numbers(payload: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| payload.extend(number.to_le_bytes()));
}

/// A payload that is read from its start.
#[derive(Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

/// A payload says what none can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl<'a> Entries<'a> {
    /// Reads these bytes.
    pub fn new(payload: &'a [u8]) -> Entries<'a> {
        Entries { rest: payload }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// There is none, and no end either.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'a>>, Unreadable> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let entry = match self.byte().ok_or(Unreadable)? {
            END if self.rest.iter().all(|byte| *byte == 0) => return Ok(None),
            COUNTER => self.counter(),
            TAKEN => self.taken(),
            SNAPSHOT_END => self.snapshot_end(),
            KEYS_TO_COME => self.keys_to_come(),
            _ => None,
        };
        entry.ok_or(Unreadable).map(Some)
    }

    fn counter(&mut self) -> Option<Entry<'a>> {
        let name = self.name()?;
        let (limit, taken) = (self.number()?, self.number()?);
        let (epoch, sale) = (self.number()?, self.number()?);
        let floor = Position { epoch: self.number()?, taken: self.number()? };
        let made = Made::from_code(self.byte()?)?;
        let token = str::from_utf8(self.text()?).ok()?;
        let is_sound = taken <= limit && epoch > 0 && token.len() <= CHANGE_TOKEN_BYTES_MAX;
        let count = Count { taken, limit };
        let fields = CounterFields { count, epoch, made, sale, floor, token: token.into() };
        is_sound.then_some(Entry::Counter(name, fields))
    }

    fn taken(&mut self) -> Option<Entry<'a>> {
        let name = self.name()?;
        let position = Position { epoch: self.number()?, taken: self.number()? };
        // Nothing is set aside for as many as it says: each is there, or this ends.
        let mut keys = Vec::new();
        for _ in 0..u32::from_le_bytes(self.array()?) {
            let key = Key::new(self.text()?)?;
            keys.push(KeyNumber { key, number: self.number()?, epoch: self.number()? });
        }
        Some(Entry::Taken { name, position, keys })
    }

    fn keys_to_come(&mut self) -> Option<Entry<'a>> {
        let (name, keys) = (self.name()?, self.number()?);
        Some(Entry::KeysToCome { name, keys, table_seed: self.number()? })
    }

    fn snapshot_end(&mut self) -> Option<Entry<'a>> {
        let counters = u32::from_le_bytes(self.array()?);
        Some(Entry::SnapshotEnd { counters, keys: self.number()? })
    }

    fn name(&mut self) -> Option<&'a str> {
        str::from_utf8(self.text()?).ok().filter(|name| is_counter_name(name))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?);
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    /// A count, or an epoch: none is larger than headcount counts.
    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?)).filter(|number| *number <= LIMIT_MAX)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Entry<'static>; 4] {
        let key = |text: &str| Key::new(text.as_bytes()).expect("it is a key");
        let fields = CounterFields {
            count: Count { taken: 3, limit: 100 },
            epoch: 9,
            made: Made::Set,
            sale: 7,
            floor: Position { epoch: 8, taken: 2 },
            token: "t0".into(),
        };
        let keys = vec![
            KeyNumber { key: key("a"), number: 1, epoch: 7 },
            KeyNumber { key: key("bc"), number: 2, epoch: 9 },
        ];
        [
            Entry::Counter("shoes", fields),
            Entry::Taken { name: "hats", position: Position { epoch: 5, taken: 4 }, keys },
            Entry::KeysToCome { name: "hats", keys: 3, table_seed: 6 },
            Entry::SnapshotEnd { counters: 2, keys: 1 },
        ]
    }

    fn bytes(entries: &[Entry]) -> Vec<u8> {
        let mut payload = Vec::new();
        entries.iter().for_each(|entry| put(&mut payload, entry));
        payload
    }

    fn read(payload: &[u8]) -> Result<Vec<Entry<'_>>, Unreadable> {
        let (mut reader, mut entries) = (Entries::new(payload), Vec::new());
        while let Some(entry) = reader.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }

    #[test]
    fn what_was_put_is_read_again_with_and_without_what_fills_the_last_bytes() {
        let mut payload = bytes(&all());
        assert_eq!(read(&payload), Ok(all().to_vec()));
        payload.extend([0; 7]);
        assert_eq!(read(&payload), Ok(all().to_vec()));
        payload.push(1);
        assert_eq!(read(&payload), Err(Unreadable));
    }

    #[test]
    fn entries_have_the_bytes_of_the_document() {
        let [counter, taken, room, whole] = all();
        let zeros = [0; 7];
        let number = |low: u8| [&[low][..], &zeros].concat();
        let expected = [
            b"\x01\x05shoes".to_vec(),
            [100, 3, 9, 7, 8, 2].into_iter().flat_map(number).collect(),
            b"\x03\x02t0".to_vec(),
        ];
        assert_eq!(bytes(&[counter]), expected.concat());
        let expected = [
            b"\x02\x04hats".to_vec(),
            [5, 4].into_iter().flat_map(number).collect(),
            b"\x02\0\0\0".to_vec(),
            [b"\x01a".to_vec(), number(1), number(7)].concat(),
            [b"\x02bc".to_vec(), number(2), number(9)].concat(),
        ];
        assert_eq!(bytes(&[taken]), expected.concat());
        assert_eq!(bytes(&[room]), [b"\x05\x04hats".to_vec(), number(3), number(6)].concat());
        assert_eq!(bytes(&[whole]), [b"\x03\x02\0\0\0".to_vec(), number(1)].concat());
    }

    #[test]
    fn what_cannot_be_is_unreadable() {
        let [counter, taken, room, whole] = all();
        for entry in [counter, taken, room, whole] {
            let whole = bytes(&[entry]);
            for length in 1..whole.len() {
                assert_eq!(read(&whole[..length]), Err(Unreadable), "{length} of {whole:?}");
            }
        }
        let with = |change: &dyn Fn(&mut CounterFields)| {
            let [Entry::Counter(name, mut fields), ..] = all() else { panic!("a counter") };
            change(&mut fields);
            bytes(&[Entry::Counter(name, fields)])
        };
        for payload in [
            with(&|fields| fields.count.taken = 101),
            with(&|fields| fields.count.limit = LIMIT_MAX + 1),
            with(&|fields| fields.epoch = 0),
            with(&|fields| fields.token = "t".repeat(CHANGE_TOKEN_BYTES_MAX + 1).into()),
            bytes(&[Entry::Counter(
                "..",
                match all() {
                    [Entry::Counter(_, it), ..] => it,
                    _ => panic!(),
                },
            )]),
            [b"\x04\x04hats".to_vec(), 3_u64.to_le_bytes().to_vec()].concat(),
            vec![6],
        ] {
            assert_eq!(read(&payload), Err(Unreadable), "{payload:?}");
        }
    }
}
