//! A compaction: a snapshot takes the journal's place, step by step, between the commits.
//!
//! ```text
//!   piece, piece, ..., last piece -> synced -> few records came since -> Ready
//!                        |   ^                   | many
//!                        `---- synced again <----'
//! ```
//!
//! A sync of much takes long, so it runs in the background; and it is started often, so that the
//! journal's own syncs never wait behind much. What comes while the last one runs is little, and
//! whoever is told that it is Ready syncs that, and puts the file in the journal's place.
//!
//! Invariant: no more than `sync_bytes` and a piece are written behind what a running sync has
//! begun with. A sync that has failed, at any time, ends the compaction: the kernel reports it
//! once.

use std::io;

use crate::limits::FILE_LAST_SYNCS_MAX;
use crate::store::file::disk::Disk;
use crate::store::file::entry::Entry;
use crate::store::file::snapshot::Snapshot;
use crate::store::file::state::FileState;
use crate::store::file::tail::{Sizes, Tail};

/// A snapshot on its way.
#[derive(Debug)]
pub struct Compaction {
    snapshot: Snapshot,
    sizes: Sizes,
    is_syncing: bool,
    /// So many bytes are on the disk, or will be with the sync that runs.
    synced_bytes: u64,
    /// Syncs that were started since the snapshot is whole.
    last_syncs: usize,
    /// Why a copy could not be written: nobody was told yet.
    failed: Option<io::Error>,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next step, at once.
    More,
    /// The next step, when the disk has done something.
    Waiting,
    /// The rest is to be synced, and the file put in the journal's place.
    Ready,
}

impl Compaction {
    /// Begins the next file. `salt`: a random one.
    ///
    /// # Errors
    /// Of the system.
    pub fn begin<D: Disk>(disk: &mut D, salt: u64, sizes: Sizes) -> io::Result<Compaction> {
        let snapshot = Snapshot::begin(disk, salt, sizes)?;
        let (is_syncing, synced_bytes, last_syncs, failed) = (false, 0, 0, None);
        Ok(Compaction { snapshot, sizes, is_syncing, synced_bytes, last_syncs, failed })
    }

    /// Does a little.
    ///
    /// # Errors
    /// Of the system, also those of the copies before: the file is of no use.
    pub fn step<D: Disk>(&mut self, disk: &mut D, state: &FileState) -> io::Result<Step> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.is_syncing
            && let Some(synced) = disk.next_synced()
        {
            synced?;
            self.is_syncing = false;
        }
        if self.snapshot.is_whole() {
            return self.finish(disk);
        }
        if self.unsynced_bytes() >= self.sizes.sync_bytes {
            if self.is_syncing {
                return Ok(Step::Waiting);
            }
            self.start_sync(disk)?;
        }
        self.snapshot.write_piece(disk, state)?;
        Ok(Step::More)
    }

    /// Whether all of the snapshot is written.
    pub fn is_whole(&self) -> bool {
        self.snapshot.is_whole()
    }

    /// A commit or a change begins.
    pub fn begin_copy(&mut self) {
        self.snapshot.begin_copy();
    }

    /// A part of it, which the state does not hold yet.
    pub fn put_copy(&mut self, state: &FileState, entry: &Entry) {
        self.snapshot.put_copy(state, entry);
    }

    /// It is on the disk, and so its copy is written. If that fails, the next step says so.
    pub fn write_copy<D: Disk>(&mut self, disk: &mut D) {
        if self.failed.is_none() {
            self.failed = self.snapshot.write_copy(disk).err();
        }
    }

    /// Where the records behind it go, once it has the journal's place.
    pub fn into_tail(self) -> Tail {
        self.snapshot.into_tail()
    }

    /// The snapshot is whole: it is brought to the disk, but for little. Commits may bring much
    /// while that is done, but not for ever.
    fn finish<D: Disk>(&mut self, disk: &mut D) -> io::Result<Step> {
        if self.is_syncing {
            return Ok(Step::Waiting);
        }
        let is_little = self.unsynced_bytes() <= self.sizes.last_sync_bytes;
        if self.last_syncs > 0 && (is_little || self.last_syncs >= FILE_LAST_SYNCS_MAX) {
            return Ok(Step::Ready);
        }
        self.last_syncs += 1;
        self.start_sync(disk)?;
        Ok(Step::Waiting)
    }

    fn start_sync<D: Disk>(&mut self, disk: &mut D) -> io::Result<()> {
        disk.start_sync_next()?;
        (self.is_syncing, self.synced_bytes) = (true, self.snapshot.offset());
        Ok(())
    }

    fn unsynced_bytes(&self) -> u64 {
        self.snapshot.offset() - self.synced_bytes
    }
}
