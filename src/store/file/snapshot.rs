//! A snapshot: all that a state holds, as the records of a new file. It is written piece by piece,
//! and between two pieces the state goes on.
//!
//! # Invariant
//!
//! Whoever reads the file holds, after each of its records, what the state held when that was
//! written, but for what the snapshot has not passed yet. A counter is passed when its fields are
//! written, and then its keys table by table. So it is kept:
//!
//! - **Each commit and change of a counter that is passed, also of one that is passed in part, is
//!   copied** behind the pieces, in the order in which it happened, and only once it is in the
//!   journal: what is refused there is not here. One of a counter that is not passed yet is not
//!   copied: its turn comes, and the snapshot takes what it holds then. A counter that is created
//!   meanwhile stands behind all others, so its turn comes too. Once the end is written, all is
//!   copied.
//! - **A key with a number**: if its table is passed, its commit was copied, or came before and the
//!   table had it. If its table is not passed, it comes with that, perhaps for the second time:
//!   with the same number, for a key gets no other one in a sale, and the reader keeps the first.
//! - **A reset** is copied with the new sale, so the reader drops the keys that came before it, as
//!   the state does. The tables that are passed later have keys of the new sale alone. A set is
//!   copied with the new epoch and the same sale, and the keys stay.
//! - **Counts**: a piece says how many are taken now, in the epoch of now, which the reader knows
//!   from the fields or from a change that was copied. Neither ever goes back, so it cannot say
//!   less than a copy before it.
//! - **The end** says how many counters and keys the state has. All is passed then, so the reader
//!   has the same.

use std::io;

use crate::limits::{FILE_PAYLOAD_BYTES_MAX, KEY_BYTES_MAX, KEYS_PER_BATCH_MAX};
use crate::store::file::disk::{Disk, Target};
use crate::store::file::entry::{self, Entry};
use crate::store::file::format;
use crate::store::file::state::{FileCounter, FileState};
use crate::store::file::tail::{Sizes, Tail};
use crate::store::high_water::Position;
use crate::store::keys::Key;

/// The largest entry comes behind a payload that was not yet large enough.
const _: () = assert!(
    crate::limits::FILE_SNAPSHOT_PAYLOAD_BYTES + KEYS_PER_BATCH_MAX * (KEY_BYTES_MAX + 17) + 1_024
        <= FILE_PAYLOAD_BYTES_MAX
);

/// Writes the next file, whole and synced. Says where the records behind it go.
///
/// # Errors
/// Of the system; [`io::ErrorKind::FileTooLarge`] if it would be larger than it may be.
pub fn write_all<D: Disk>(
    disk: &mut D,
    state: &FileState,
    salt: u64,
    sizes: Sizes,
) -> io::Result<Tail> {
    let mut snapshot = Snapshot::begin(disk, salt, sizes)?;
    while !snapshot.is_whole() {
        snapshot.write_piece(disk, state)?;
    }
    disk.sync(Target::Next)?;
    Ok(snapshot.into_tail())
}

/// The next file, with the part of the snapshot that was written.
#[derive(Debug)]
pub struct Snapshot {
    tail: Tail,
    sizes: Sizes,
    /// Counters whose fields are written. Of all but the last one so are the keys.
    counters: usize,
    /// Tables of the last one whose keys are written.
    tables: usize,
    is_whole: bool,
    /// The record of a piece.
    record: Vec<u8>,
    /// The copy of what is being committed.
    copy: Vec<u8>,
}

impl Snapshot {
    /// Begins the next file. `salt`: a random one.
    ///
    /// # Errors
    /// Of the system.
    pub fn begin<D: Disk>(disk: &mut D, salt: u64, sizes: Sizes) -> io::Result<Snapshot> {
        disk.create_next()?;
        disk.write(Target::Next, 0, &format::header(salt))?;
        let (mut record, mut copy) = (Vec::new(), Vec::new());
        format::begin_record(&mut record);
        format::begin_record(&mut copy);
        let (tail, counters, tables, is_whole) = (Tail::new(salt), 0, 0, false);
        Ok(Snapshot { tail, sizes, counters, tables, is_whole, record, copy })
    }

    /// Writes one piece, about a record of it or the keys of one table. With the last one it asks
    /// for the room of the records to come.
    ///
    /// # Errors
    /// Of the system; [`io::ErrorKind::FileTooLarge`] if the file would be larger than it may be.
    /// The file is of no use then.
    pub fn write_piece<D: Disk>(&mut self, disk: &mut D, state: &FileState) -> io::Result<()> {
        let start = self.tail.offset();
        while !self.is_whole && self.tail.offset() == start {
            self.put_next(disk, state)?;
            self.write_if_large(disk, self.sizes.snapshot_payload_bytes)?;
        }
        // A copy that comes next must stand behind all that is passed.
        self.write_if_large(disk, 1)?;
        if self.is_whole {
            self.tail.allocate(disk, Target::Next, self.tail.offset() + 1, self.sizes);
        }
        Ok(())
    }

    /// Whether all of it is written.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Bytes of the file so far.
    pub fn offset(&self) -> u64 {
        self.tail.offset()
    }

    /// A commit or a change begins.
    pub fn begin_copy(&mut self) {
        format::begin_record(&mut self.copy);
    }

    /// A part of it, which the state does not hold yet.
    pub fn put_copy(&mut self, state: &FileState, entry: &Entry) {
        let is_passed = || {
            let (Entry::Counter(name, _) | Entry::Taken { name, .. }) = entry else { return false };
            state.find(name).is_some_and(|place| place.index() < self.counters)
        };
        if self.is_whole || is_passed() {
            entry::put(&mut self.copy, entry);
        }
    }

    /// It is on the disk, and so its copy is written.
    ///
    /// # Errors
    /// As of [`Snapshot::write_piece`].
    pub fn write_copy<D: Disk>(&mut self, disk: &mut D) -> io::Result<()> {
        match format::payload_bytes(&self.copy) {
            0 => Ok(()),
            _ => write(&mut self.tail, disk, &mut self.copy, self.sizes),
        }
    }

    /// Where the records behind it go, once it has the journal's place.
    pub fn into_tail(self) -> Tail {
        self.tail
    }

    /// Puts what comes next: keys of the last counter, the next counter, the end.
    fn put_next<D: Disk>(&mut self, disk: &mut D, state: &FileState) -> io::Result<()> {
        let counters = state.counters();
        let last = self.counters.checked_sub(1).map(|last| &counters[last]);
        if let Some(last) = last.filter(|last| self.tables < last.keys.tables()) {
            return self.put_keys(disk, last);
        }
        if let Some(FileCounter { name, fields, keys }) = counters.get(self.counters) {
            entry::put(&mut self.record, &Entry::Counter(name, fields.clone()));
            let (keys, table_seed) = (keys.len() as u64, keys.table_seed());
            if keys > 0 {
                entry::put(&mut self.record, &Entry::KeysToCome { name, keys, table_seed });
            }
            (self.counters, self.tables) = (self.counters + 1, 0);
            return Ok(());
        }
        let counters = counters.len() as u32; // There are no more than FILE_COUNTERS_MAX.
        entry::put(&mut self.record, &Entry::SnapshotEnd { counters, keys: state.keys() });
        self.is_whole = true;
        Ok(())
    }

    /// Puts the keys of the next tables, until they fill a record.
    fn put_keys<D: Disk>(&mut self, disk: &mut D, counter: &FileCounter) -> io::Result<()> {
        let FileCounter { name, fields, keys: book } = counter;
        let (mut keys, mut bytes) = (Vec::new(), format::payload_bytes(&self.record));
        while self.tables < book.tables() && bytes < self.sizes.snapshot_payload_bytes {
            let before = keys.len();
            keys.extend(book.keys_of(self.tables));
            fetch(&keys[before..]);
            bytes += keys[before..].iter().map(|(key, ..)| entry::key_bytes(key)).sum::<usize>();
            self.tables += 1;
        }
        let position = Position { epoch: fields.epoch, taken: fields.count.taken };
        for keys in keys.chunks(KEYS_PER_BATCH_MAX) {
            entry::put_taken(&mut self.record, name, position, keys.iter().copied());
            self.write_if_large(disk, self.sizes.snapshot_payload_bytes)?;
        }
        Ok(())
    }

    /// Writes the record, if its payload has so many bytes, and begins the next.
    fn write_if_large<D: Disk>(&mut self, disk: &mut D, bytes: usize) -> io::Result<()> {
        if format::payload_bytes(&self.record) < bytes {
            return Ok(());
        }
        write(&mut self.tail, disk, &mut self.record, self.sizes)?;
        format::begin_record(&mut self.record);
        Ok(())
    }
}

/// Looks at each key once, and does nothing with it: so their bytes come from memory side by side,
/// and not one after the other when they are written.
fn fetch(keys: &[(&Key, u64, u64)]) {
    let first = |key: &Key| key.as_str().as_bytes().first().copied().unwrap_or_default();
    let sum = keys.iter().fold(0_u8, |sum, (key, ..)| sum.wrapping_add(first(key)));
    std::hint::black_box(sum);
}

/// Writes a record of the next file, whose payload is there.
fn write<D: Disk>(
    tail: &mut Tail,
    disk: &mut D,
    record: &mut Vec<u8>,
    sizes: Sizes,
) -> io::Result<()> {
    let end = tail.finish_record(record, sizes)?;
    disk.write(Target::Next, tail.offset(), record)?;
    tail.advance(end);
    Ok(())
}
