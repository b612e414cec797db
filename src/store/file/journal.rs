//! The journal: takes and changes become records of a file, and are answered when these are on the
//! disk.
//!
//! ```text
//!   thought out -> written -> synced -> applied, answered
//!                     |          `-> Failed: for ever
//!                     `-> NoRoom: cut off again; the next commit is tried anew
//! ```
//!
//! Invariants: one commit is one record and one sync. The next record is written after it, so at
//! most one is not on the disk for sure. What the state holds is on the disk. What failed is
//! neither in the state, nor, after NoRoom, in the file.

use std::io;

use crate::limits::{
    FILE_BYTES_MAX, FILE_COMPACTION_BYTES_MIN, FILE_PAYLOAD_BYTES_MAX, FILE_PREALLOCATED_BYTES,
    KEY_BYTES_MAX, KEYS_PER_BATCH_MAX,
};
use crate::store::change::{Change, Changed};
use crate::store::file::disk::{Disk, Target, is_no_room};
use crate::store::file::draft::{Draft, Take};
use crate::store::file::entry::{self, Entry};
use crate::store::file::format::{self, HEADER_BYTES};
use crate::store::file::outcome::{ChangeError, CommitError, CompactionError, OpenError, Opened};
use crate::store::file::plan::Planned;
use crate::store::file::recovery::{self, Recovered};
use crate::store::file::snapshot::{self, Sizes, Tail};
use crate::store::file::state::FileState;
use crate::store::request::Reply;

const _: () = assert!(KEYS_PER_BATCH_MAX * (KEY_BYTES_MAX + 17) + 1_024 <= FILE_PAYLOAD_BYTES_MAX);

/// All counters of a file, and the way to its disk.
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    state: FileState,
    tail: Tail,
    /// The salts of the files to come.
    salts: fastrand::Rng,
    sizes: Sizes,
    /// Whether room can be had ahead, as far as is known.
    can_allocate: bool,
    /// The record that is being written.
    record: Vec<u8>,
    /// Why nothing more is committed.
    failed: Option<(io::ErrorKind, String)>,
}

impl<D: Disk> Journal<D> {
    /// Reads what the disk has, and puts a fresh snapshot of it, synced, in its place: what was
    /// read may not have been on the disk yet. `seed`: a random number.
    ///
    /// # Errors
    /// The file was left as it is, or replaced by one that says the same.
    pub fn open(disk: D, seed: u64) -> Result<(Journal<D>, Opened), OpenError> {
        let sizes = Sizes {
            compaction_bytes_min: FILE_COMPACTION_BYTES_MIN,
            preallocated_bytes: FILE_PREALLOCATED_BYTES,
            bytes_max: FILE_BYTES_MAX,
        };
        Journal::open_with(disk, seed, sizes)
    }

    /// [`Journal::open`] with other sizes.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(
        mut disk: D,
        seed: u64,
        sizes: Sizes,
    ) -> Result<(Journal<D>, Opened), OpenError> {
        let start = disk.read_start(HEADER_BYTES).map_err(OpenError::Io)?;
        recovery::check_start(&start).map_err(OpenError::Recovery)?;
        // What was allocated ahead may lie past the bound.
        let bytes_max = sizes.bytes_max.saturating_add(sizes.preallocated_bytes);
        let bytes = disk.read(bytes_max).map_err(OpenError::Io)?;
        let recovered = recovery::recover(&bytes).map_err(OpenError::Recovery)?;
        drop(bytes);
        let Recovered { state, is_new, torn } = recovered;
        let mut salts = fastrand::Rng::with_seed(seed);
        let tail = snapshot::write(&mut disk, &state, salts.u64(..), sizes)
            .inspect_err(|_| disk.remove_next())
            .map_err(OpenError::Io)?;
        replace(&mut disk).map_err(OpenError::Io)?;
        let (record, can_allocate, failed) = (Vec::new(), true, None);
        let journal = Journal { disk, state, tail, salts, sizes, can_allocate, record, failed };
        Ok((journal, Opened { is_new, torn }))
    }

    /// What is on the disk.
    pub fn state(&self) -> &FileState {
        &self.state
    }

    /// Grants what the requests ask for, in their order: as many as one record has room for, and at
    /// least the first. There are as many replies.
    ///
    /// # Errors
    /// None of them got anything.
    pub fn commit(&mut self, takes: &[Take]) -> Result<Vec<Reply>, CommitError> {
        self.check().map_err(CommitError::Failed)?;
        let mut draft = Draft::default();
        let mut replies = Vec::with_capacity(takes.len());
        for take in takes {
            if !replies.is_empty() && !draft.has_room(take) {
                break;
            }
            replies.push(draft.take(&self.state, take));
        }
        format::begin_record(&mut self.record);
        draft.entries(&self.state).for_each(|entry| entry::put(&mut self.record, &entry));
        if format::payload_bytes(&self.record) > 0 {
            self.write_record()?;
        }
        draft.into_parts().for_each(|(place, taken, keys)| {
            self.state.advance(place, taken, keys.into_iter());
        });
        Ok(replies)
    }

    /// Changes a counter. `now_us`: the wall clock.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn change(
        &mut self,
        name: &str,
        change: &Change,
        now_us: u64,
    ) -> Result<Changed, ChangeError> {
        self.check().map_err(|error| ChangeError::Commit(CommitError::Failed(error)))?;
        match self.state.plan(name, change, now_us).map_err(ChangeError::Refused)? {
            Planned::Done(changed) => Ok(changed),
            Planned::Write(changed, fields) => {
                format::begin_record(&mut self.record);
                entry::put(&mut self.record, &Entry::Counter(name, fields.clone()));
                self.write_record().map_err(ChangeError::Commit)?;
                self.state.put(name, fields);
                Ok(changed)
            }
        }
    }

    /// Puts a snapshot in the place of a journal that has become large; to be called when those who
    /// waited for a commit have their answers. Says whether it did.
    ///
    /// # Errors
    /// It did not, and whether the journal goes on.
    pub fn compact_if_large(&mut self) -> Result<bool, CompactionError> {
        self.check().map_err(CompactionError::Failed)?;
        if self.tail.offset <= self.tail.compaction_bytes {
            return Ok(false);
        }
        let salt = self.salts.u64(..);
        let written = snapshot::write(&mut self.disk, &self.state, salt, self.sizes);
        let tail = written.map_err(|error| {
            self.disk.remove_next();
            self.tail.compaction_bytes = self.tail.offset + self.sizes.compaction_bytes_min;
            CompactionError::Postponed(error)
        })?;
        replace(&mut self.disk).map_err(|error| CompactionError::Failed(self.fail(error)))?;
        self.tail = tail;
        Ok(true)
    }

    fn check(&self) -> io::Result<()> {
        let error = |(kind, text): &(_, String)| io::Error::new(*kind, text.clone());
        self.failed.as_ref().map_or(Ok(()), |failed| Err(error(failed)))
    }

    /// Nothing more is committed: what the disk has is not known.
    fn fail(&mut self, error: io::Error) -> io::Error {
        self.failed = Some((error.kind(), error.to_string()));
        error
    }

    /// Brings the record, whose payload is there, to the disk.
    fn write_record(&mut self) -> Result<(), CommitError> {
        let Tail { salt, sequence, offset, .. } = self.tail;
        if format::payload_bytes(&self.record) > FILE_PAYLOAD_BYTES_MAX {
            return Err(CommitError::NoRoom(io::ErrorKind::FileTooLarge.into()));
        }
        format::finish_record(&mut self.record, salt, sequence);
        let end = offset + self.record.len() as u64;
        if end > self.sizes.bytes_max {
            return Err(CommitError::NoRoom(io::ErrorKind::FileTooLarge.into()));
        }
        self.allocate(end);
        match self.disk.write(Target::Journal, offset, &self.record) {
            Err(error) if is_no_room(&error) => return Err(self.cut_off(error)),
            written => written.map_err(|error| CommitError::Failed(self.fail(error)))?,
        }
        let synced = self.disk.sync(Target::Journal);
        synced.map_err(|error| CommitError::Failed(self.fail(error)))?;
        (self.tail.offset, self.tail.sequence) = (end, sequence + 1);
        Ok(())
    }

    /// Asks for room ahead. Where there is none, the write decides; where the file system cannot do
    /// it, it is not asked again.
    fn allocate(&mut self, end: u64) {
        if !self.can_allocate || end <= self.tail.allocated {
            return;
        }
        let length = (end + self.sizes.preallocated_bytes).min(self.sizes.bytes_max);
        match self.disk.allocate(length) {
            Ok(()) => self.tail.allocated = length,
            Err(error) => self.can_allocate = error.kind() != io::ErrorKind::Unsupported,
        }
    }

    /// Cuts off what was written of a record, for good: all of it may be there but for zeros, which
    /// are there already.
    fn cut_off(&mut self, error: io::Error) -> CommitError {
        self.tail.allocated = 0;
        let cut = self.disk.cut(self.tail.offset);
        match cut.and_then(|()| self.disk.sync(Target::Journal)) {
            Ok(()) => CommitError::NoRoom(error),
            Err(error) => CommitError::Failed(self.fail(error)),
        }
    }
}

/// Puts the next file in the place of the journal, for good.
fn replace<D: Disk>(disk: &mut D) -> io::Result<()> {
    disk.rename_next()?;
    disk.sync_folder()
}

#[cfg(test)]
impl<D> Journal<D> {
    /// The disk, for a test to look at and to break.
    pub fn disk_for_test(&self) -> &D {
        &self.disk
    }

    /// The keys of a counter are these.
    pub fn set_keys_for_test(&mut self, name: &str, keys: crate::store::key_book::KeyBook) {
        self.state.counter_for_test(name).keys = keys;
    }

    /// The counter has this floor.
    pub fn set_floor_for_test(&mut self, name: &str, floor: crate::store::high_water::Position) {
        self.state.counter_for_test(name).fields.floor = floor;
    }
}
