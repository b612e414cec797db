//! The journal: takes and changes become records of a file, and are answered when these are on the
//! disk.
//!
//! ```text
//!   thought out -> written -> synced -> applied, answered
//!                     |          `-> Failed: for ever
//!                     `-> NoRoom: cut off again; the next commit is tried anew
//! ```
//!
//! Between the commits a compaction makes the file short, step by step.
//!
//! Invariants: one commit is one record and one sync. The next record is written after it, so at
//! most one is not on the disk for sure. What the state holds is on the disk. What failed is
//! neither in the state, nor, after NoRoom, in the file.

mod compacting;

use std::io;

use crate::limits::{FILE_PAYLOAD_BYTES_MAX, KEY_BYTES_MAX, KEYS_PER_BATCH_MAX};
use crate::store::change::{Change, Changed};
use crate::store::file::compaction::Compaction;
use crate::store::file::disk::{Disk, Target, is_no_room};
use crate::store::file::draft::{Draft, Take};
use crate::store::file::entry::{self, Entry};
use crate::store::file::format;
use crate::store::file::outcome::{ChangeError, CommitError, Opened};
use crate::store::file::plan::Planned;
use crate::store::file::recovery::{self, OpenError, Recovered};
use crate::store::file::snapshot;
use crate::store::file::state::FileState;
use crate::store::file::tail::{Sizes, Tail};
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
    /// With more bytes than this a snapshot takes the journal's place.
    compaction_bytes: u64,
    compaction: Option<Compaction>,
    /// Why a compaction was given up for a commit: nobody was told yet.
    postponed: Option<io::Error>,
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
        Journal::open_with(disk, seed, Sizes::default())
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
        let Recovered { state, is_new, torn } = recovery::read(&mut disk, sizes)?;
        let mut salts = fastrand::Rng::with_seed(seed);
        let tail = snapshot::write_all(&mut disk, &state, salts.u64(..), sizes)
            .inspect_err(|_| disk.remove_next())
            .map_err(OpenError::Io)?;
        disk.rename_next().and_then(|()| disk.sync_folder()).map_err(OpenError::Io)?;
        let compaction_bytes = sizes.compaction_bytes(tail.offset());
        let (compaction, postponed, record, failed) = (None, None, Vec::new(), None);
        let journal = Journal {
            disk,
            state,
            tail,
            salts,
            sizes,
            compaction_bytes,
            compaction,
            postponed,
            record,
            failed,
        };
        Ok((journal, Opened { is_new, torn }))
    }

    /// How many records the file has: each was synced.
    pub fn records(&self) -> u64 {
        self.tail.records()
    }

    /// Whether the disk would take a record, as far as that shows without one.
    ///
    /// # Errors
    /// It would not.
    pub fn check_writes(&mut self) -> Result<(), CommitError> {
        self.check().map_err(CommitError::Failed)?;
        // Where the file system cannot tell, a commit does.
        let room = self.tail.check_room(&mut self.disk);
        if let Some(error) = room.err().filter(is_no_room)
            && !self.compaction_gives_way(&error)
        {
            return Err(CommitError::NoRoom(error));
        }
        let synced = self.disk.sync(Target::Journal);
        synced.map_err(|error| CommitError::Failed(self.fail(error)))
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
        self.begin_record();
        for entry in draft.entries(&self.state) {
            put(&mut self.record, self.compaction.as_mut(), &self.state, &entry);
        }
        if format::payload_bytes(&self.record) > 0 {
            self.write_record()?;
        }
        draft.into_parts().for_each(|(place, taken, keys)| self.state.advance(place, taken, keys));
        Ok(replies)
    }

    /// The reply to a request of which nothing is to be written: a read, or a replay, or one that
    /// gets nothing. `None` to any other.
    pub fn reply_of_read(&self, take: &Take) -> Option<Reply> {
        let mut draft = Draft::default();
        let reply = draft.take(&self.state, take);
        draft.entries(&self.state).next().is_none().then_some(reply)
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
                self.begin_record();
                let entry = Entry::Counter(name, fields.clone());
                put(&mut self.record, self.compaction.as_mut(), &self.state, &entry);
                self.write_record().map_err(ChangeError::Commit)?;
                self.state.put(name, fields);
                Ok(changed)
            }
        }
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

    fn begin_record(&mut self) {
        format::begin_record(&mut self.record);
        self.compaction.iter_mut().for_each(Compaction::begin_copy);
    }

    /// Brings the record, whose payload is there, to the disk. Where there is no room, a compaction
    /// gives back what it has.
    fn write_record(&mut self) -> Result<(), CommitError> {
        let end = self.tail.finish_record(&mut self.record, self.sizes);
        let end = end.map_err(CommitError::NoRoom)?;
        let mut written = self.try_write(end);
        if let Err(CommitError::NoRoom(error)) = &written
            && self.compaction_gives_way(error)
        {
            written = self.try_write(end);
        }
        written?;
        self.tail.advance(end);
        if let Some(compaction) = &mut self.compaction {
            compaction.write_copy(&mut self.disk);
        }
        Ok(())
    }

    fn try_write(&mut self, end: u64) -> Result<(), CommitError> {
        self.tail.allocate(&mut self.disk, Target::Journal, end, self.sizes);
        match self.disk.write(Target::Journal, self.tail.offset(), &self.record) {
            Err(error) if is_no_room(&error) => return Err(self.cut_off(error)),
            written => written.map_err(|error| CommitError::Failed(self.fail(error)))?,
        }
        let synced = self.disk.sync(Target::Journal);
        synced.map_err(|error| CommitError::Failed(self.fail(error)))
    }

    /// Cuts off what was written of a record, for good: all of it may be there but for zeros, which
    /// are there already.
    fn cut_off(&mut self, error: io::Error) -> CommitError {
        self.tail.forget_allocated();
        let cut = self.disk.cut(self.tail.offset());
        match cut.and_then(|()| self.disk.sync(Target::Journal)) {
            Ok(()) => CommitError::NoRoom(error),
            Err(error) => CommitError::Failed(self.fail(error)),
        }
    }
}

/// Puts an entry into the record, and into the copy for the next file.
fn put(
    record: &mut Vec<u8>,
    compaction: Option<&mut Compaction>,
    state: &FileState,
    entry: &Entry,
) {
    entry::put(record, entry);
    if let Some(compaction) = compaction {
        compaction.put_copy(state, entry);
    }
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
