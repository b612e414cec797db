//! From the bytes of a file to what it holds.
//!
//! The records stand one behind the other, and each was on the disk before the next was written. So
//! bytes that are no record, with none behind them, are the last write, which a crash has torn:
//! nobody was told of it, and it is cut off. With a record behind them they are damage: what was
//! acknowledged is lost, and to go on would hand it out again.

use std::io;

use crate::limits::{FILE_PAYLOAD_BYTES_MAX, FILE_RECORD_CANDIDATES_MAX};
use crate::store::file::disk::Disk;
use crate::store::file::entry::{self, Entries, Entry, Unreadable};
use crate::store::file::format::{self, ALIGNMENT, HEADER_BYTES, HeaderError};
use crate::store::file::state::FileState;
use crate::store::file::tail::Sizes;

/// What a file held.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Its counters.
    pub state: FileState,
    /// Whether there was no file, or nothing in it.
    pub is_new: bool,
    /// What a crash left of the last write, if it left something.
    pub torn: Option<Torn>,
}

/// The rest of a write that a crash has torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where it begins in the file.
    pub offset: u64,
    /// How many bytes of it are there.
    pub bytes: u64,
}

/// Why a file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryError {
    /// Some other program's file.
    Foreign,
    /// This later version of the format.
    Newer(u32),
    /// The bytes from here on are not what was written.
    Damaged {
        /// Where in the file.
        offset: u64,
    },
}

/// Why a file was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// Of the system; [`crate::store::file::disk::is_no_room`] tells a full disk.
    Io(io::Error),
    /// What is in the file.
    Recovery(RecoveryError),
}

/// What the disk has; it is left as it is.
///
/// # Errors
/// It cannot be read.
pub fn read<D: Disk>(disk: &mut D, sizes: Sizes) -> Result<Recovered, OpenError> {
    let start = disk.read_start(HEADER_BYTES).map_err(OpenError::Io)?;
    check_start(&start).map_err(OpenError::Recovery)?;
    // What was allocated ahead may lie past the bound.
    let bytes_max = sizes.bytes_max.saturating_add(sizes.preallocated_bytes);
    let bytes = disk.read(bytes_max).map_err(OpenError::Io)?;
    recover(&bytes).map_err(OpenError::Recovery)
}

/// Checks that a file which begins with these bytes, [`HEADER_BYTES`] of them or all that it has,
/// may be read.
///
/// # Errors
/// Why it cannot be used.
pub fn check_start(bytes: &[u8]) -> Result<(), RecoveryError> {
    match bytes.is_empty() {
        true => Ok(()),
        false => format::read_header(bytes).map(|_| ()).map_err(RecoveryError::from),
    }
}

/// Reads a whole file; of none, or an empty one, nothing.
///
/// # Errors
/// Why it cannot be used.
pub fn recover(bytes: &[u8]) -> Result<Recovered, RecoveryError> {
    if bytes.is_empty() {
        return Ok(Recovered { is_new: true, ..Recovered::default() });
    }
    let salt = format::read_header(bytes).map_err(RecoveryError::from)?;
    // No more room is made than for the keys that the file can have.
    let room = (bytes.len() / entry::KEY_BYTES_MIN) as u64;
    let mut reading = Reading { state: FileState::default(), has_end: false, room };
    let (mut offset, mut sequence) = (HEADER_BYTES, 1);
    let damaged = |offset: usize| RecoveryError::Damaged { offset: offset as u64 };
    while let Some(record) = format::read_record(&bytes[offset..], salt, sequence..=sequence) {
        reading.restore(record.payload).map_err(|_| damaged(offset))?;
        offset += record.bytes();
        sequence += 1;
    }
    let rest = &bytes[offset..];
    let torn_bytes = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let is_one_write = torn_bytes <= FILE_PAYLOAD_BYTES_MAX + HEADER_BYTES;
    let Reading { state, has_end, .. } = reading;
    if !has_end || !is_one_write || may_have_record(rest, salt, sequence + 1) {
        return Err(damaged(offset));
    }
    let torn = Torn { offset: offset as u64, bytes: torn_bytes as u64 };
    Ok(Recovered { state, is_new: false, torn: (torn_bytes > 0).then_some(torn) })
}

/// What was read so far.
struct Reading {
    state: FileState,
    has_end: bool,
    /// So many keys may still be made room for before they come.
    room: u64,
}

impl Reading {
    fn restore(&mut self, payload: &[u8]) -> Result<(), Unreadable> {
        let mut entries = Entries::new(payload);
        while let Some(mut entry) = entries.next_entry()? {
            match &mut entry {
                Entry::SnapshotEnd { .. } if self.has_end => return Err(Unreadable),
                Entry::SnapshotEnd { .. } => self.has_end = true,
                Entry::KeysToCome { keys, .. } => {
                    *keys = self.room.min(*keys);
                    self.room -= *keys;
                }
                Entry::Counter(..) | Entry::Taken { .. } => {}
            }
            self.state.restore(entry)?;
        }
        Ok(())
    }
}

/// Whether there is a record anywhere in these bytes, with this sequence or a later one. What a
/// client sends cannot look like one: its bytes are visible ones, and a length has others. A torn
/// write has next to nothing that looks like one: where much does, it is no torn write.
fn may_have_record(bytes: &[u8], salt: u64, sequence: u64) -> bool {
    let latest = sequence.saturating_add((bytes.len() / ALIGNMENT) as u64);
    let candidates = (0..bytes.len())
        .step_by(ALIGNMENT)
        .filter(|offset| format::read_unchecked(&bytes[*offset..], sequence..=latest).is_some());
    for (seen, offset) in candidates.enumerate() {
        let is_record = || format::read_record(&bytes[offset..], salt, sequence..=latest).is_some();
        if seen >= FILE_RECORD_CANDIDATES_MAX || is_record() {
            return true;
        }
    }
    false
}

impl From<HeaderError> for RecoveryError {
    fn from(error: HeaderError) -> RecoveryError {
        match error {
            HeaderError::Foreign => RecoveryError::Foreign,
            HeaderError::Newer(version) => RecoveryError::Newer(version),
            HeaderError::Damaged => RecoveryError::Damaged { offset: 0 },
        }
    }
}
