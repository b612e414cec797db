//! The end of a file: where the next record goes, and how large the file may become.

use std::io;

use crate::limits::{
    FILE_BYTES_MAX, FILE_COMPACTION_BYTES_MIN, FILE_LAST_SYNC_BYTES, FILE_PAYLOAD_BYTES_MAX,
    FILE_PREALLOCATED_BYTES, FILE_ROOM_CHECKED_BYTES, FILE_SNAPSHOT_PAYLOAD_BYTES, FILE_SYNC_BYTES,
};
use crate::store::file::disk::{Disk, Target};
use crate::store::file::format::{self, HEADER_BYTES};

/// Where the next record goes.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// The file's.
    salt: u64,
    /// Of the next record.
    sequence: u64,
    /// Where that begins.
    offset: u64,
    /// So far the file has room on the disk; `None` if the file system cannot set it aside.
    allocated: Option<u64>,
}

/// The sizes that a test makes small. Each is a bound of [`crate::limits`].
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// See [`FILE_COMPACTION_BYTES_MIN`].
    pub compaction_bytes_min: u64,
    /// See [`FILE_PREALLOCATED_BYTES`].
    pub preallocated_bytes: u64,
    /// See [`FILE_BYTES_MAX`].
    pub bytes_max: u64,
    /// See [`FILE_SNAPSHOT_PAYLOAD_BYTES`].
    pub snapshot_payload_bytes: usize,
    /// See [`FILE_SYNC_BYTES`].
    pub sync_bytes: u64,
    /// See [`FILE_LAST_SYNC_BYTES`].
    pub last_sync_bytes: u64,
}

impl Tail {
    /// Of a file that has its header and nothing else.
    pub fn new(salt: u64) -> Tail {
        Tail { salt, sequence: 1, offset: HEADER_BYTES as u64, allocated: Some(0) }
    }

    /// Bytes of the file so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many records it has.
    pub fn records(&self) -> u64 {
        self.sequence - 1
    }

    /// Makes the next record of a payload. Says where it will end.
    ///
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`] if it, or the file, would be larger than it may be.
    pub fn finish_record(&self, record: &mut Vec<u8>, sizes: Sizes) -> io::Result<u64> {
        if format::payload_bytes(record) > FILE_PAYLOAD_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        format::finish_record(record, self.salt, self.sequence);
        let end = self.offset + record.len() as u64;
        match end > sizes.bytes_max {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(end),
        }
    }

    /// The record is written, and ends there.
    pub fn advance(&mut self, end: u64) {
        (self.offset, self.sequence) = (end, self.sequence + 1);
    }

    /// Asks for room ahead, unless there is room up to this end. Where there is none, the write
    /// decides; where the file system cannot do it, it is not asked again.
    pub fn allocate<D: Disk>(&mut self, disk: &mut D, target: Target, end: u64, sizes: Sizes) {
        if self.allocated.is_none_or(|allocated| end <= allocated) {
            return;
        }
        let length = (end + sizes.preallocated_bytes).min(sizes.bytes_max);
        match disk.allocate(target, length) {
            Ok(()) => self.allocated = Some(length),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.allocated = None,
            Err(_) => {}
        }
    }

    /// Looks whether the journal has room for a small record, or can have.
    ///
    /// # Errors
    /// It has none.
    pub fn check_room<D: Disk>(&mut self, disk: &mut D) -> io::Result<()> {
        if self.allocated.is_some_and(|allocated| allocated <= self.offset) {
            let length = self.offset + FILE_ROOM_CHECKED_BYTES;
            disk.allocate(Target::Journal, length)?;
            self.allocated = Some(length);
        }
        Ok(())
    }

    /// The file was cut off here: what had room has none.
    pub fn forget_allocated(&mut self) {
        self.allocated = self.allocated.map(|_| 0);
    }
}

impl Sizes {
    /// How large a journal of this length may become before a compaction that was given up is
    /// tried again.
    pub fn next_try_bytes(&self, offset: u64) -> u64 {
        let least = self.compaction_bytes_min;
        (offset + least).min(self.bytes_max.saturating_sub(least)).max(offset)
    }

    /// How large a journal may become that was so large when it took its place. As far as the file
    /// may grow, but never so little that each commit would be followed by a snapshot.
    pub fn compaction_bytes(&self, offset: u64) -> u64 {
        let least = self.compaction_bytes_min;
        let most = self.bytes_max.saturating_sub(least);
        least.max(2 * offset).min(most).max(offset + least)
    }
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes {
            compaction_bytes_min: FILE_COMPACTION_BYTES_MIN,
            preallocated_bytes: FILE_PREALLOCATED_BYTES,
            bytes_max: FILE_BYTES_MAX,
            snapshot_payload_bytes: FILE_SNAPSHOT_PAYLOAD_BYTES,
            sync_bytes: FILE_SYNC_BYTES,
            last_sync_bytes: FILE_LAST_SYNC_BYTES,
        }
    }
}
