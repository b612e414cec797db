//! A snapshot: all that a state holds, as the records of a new file.
//!
//! It comes record by record, none of them large, so that whoever writes them can do something else
//! between two.

use std::{io, iter};

use crate::limits::{
    FILE_PAYLOAD_BYTES_MAX, FILE_SNAPSHOT_PAYLOAD_BYTES, KEY_BYTES_MAX, KEYS_PER_BATCH_MAX,
};
use crate::store::file::disk::{Disk, Target};
use crate::store::file::entry::{self, Entry, KeyNumber};
use crate::store::file::format::{self, HEADER_BYTES};
use crate::store::file::state::{FileCounter, FileState};
use crate::store::high_water::Position;

/// The largest entry comes behind a payload that was not yet large enough.
const _: () = assert!(
    FILE_SNAPSHOT_PAYLOAD_BYTES + KEYS_PER_BATCH_MAX * (KEY_BYTES_MAX + 17) + 1_024
        <= FILE_PAYLOAD_BYTES_MAX
);

/// Where the next record goes.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// The file's.
    pub salt: u64,
    /// Of the next record.
    pub sequence: u64,
    /// Where that begins.
    pub offset: u64,
    /// So far the file has room on the disk.
    pub allocated: u64,
    /// With more bytes than this a snapshot takes its place.
    pub compaction_bytes: u64,
}

/// The sizes that a test makes small.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// See [`crate::limits::FILE_COMPACTION_BYTES_MIN`].
    pub compaction_bytes_min: u64,
    /// See [`crate::limits::FILE_PREALLOCATED_BYTES`].
    pub preallocated_bytes: u64,
    /// See [`crate::limits::FILE_BYTES_MAX`].
    pub bytes_max: u64,
}

/// Writes the next file, whole and synced. Says where the records behind it go.
///
/// # Errors
/// Of the system; [`io::ErrorKind::FileTooLarge`] if it would be larger than it may be.
pub fn write<D: Disk>(
    disk: &mut D,
    state: &FileState,
    salt: u64,
    sizes: Sizes,
) -> io::Result<Tail> {
    disk.create_next()?;
    disk.write(Target::Next, 0, &format::header(salt))?;
    let (mut offset, mut sequence) = (HEADER_BYTES as u64, 1);
    for record in records(state, salt) {
        let end = offset + record.len() as u64;
        if end > sizes.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        disk.write(Target::Next, offset, &record)?;
        offset = end;
        sequence += 1;
    }
    disk.sync(Target::Next)?;
    // As far as the file may grow, but never so soon that each commit would be followed by one.
    let least = sizes.compaction_bytes_min;
    let most = sizes.bytes_max.saturating_sub(least);
    let compaction_bytes = least.max(2 * offset).min(most).max(offset + least);
    Ok(Tail { salt, sequence, offset, allocated: 0, compaction_bytes })
}

/// The records of a snapshot, in their order; their sequence begins at 1. The last one says that it
/// is whole.
pub fn records(state: &FileState, salt: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut entries = entries(state).peekable();
    let mut sequence = 0;
    iter::from_fn(move || {
        entries.peek()?;
        let mut record = Vec::new();
        format::begin_record(&mut record);
        while format::payload_bytes(&record) < FILE_SNAPSHOT_PAYLOAD_BYTES
            && let Some(entry) = entries.next()
        {
            entry::put(&mut record, &entry);
        }
        sequence += 1;
        format::finish_record(&mut record, salt, sequence);
        Some(record)
    })
}

fn entries(state: &FileState) -> impl Iterator<Item = Entry<'_>> {
    let counters = state.counters().len() as u32; // There are no more than FILE_COUNTERS_MAX.
    let end = iter::once_with(move || Entry::SnapshotEnd { counters, keys: state.keys() });
    state.counters().iter().flat_map(entries_of).chain(end)
}

fn entries_of(counter: &FileCounter) -> impl Iterator<Item = Entry<'_>> {
    let FileCounter { name, fields, keys } = counter;
    let position = Position { epoch: fields.epoch, taken: fields.count.taken };
    let mut keys = keys.iter();
    let of_keys = iter::from_fn(move || {
        let some = keys.by_ref().take(KEYS_PER_BATCH_MAX);
        let key =
            |(key, number, epoch): (&_, _, _)| KeyNumber { key: Clone::clone(key), number, epoch };
        let keys: Vec<KeyNumber> = some.map(key).collect();
        (!keys.is_empty()).then_some(Entry::Taken { name, position, keys })
    });
    iter::once(Entry::Counter(name, fields.clone())).chain(of_keys)
}
