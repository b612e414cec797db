//! How a snapshot takes the journal's place, step by step.

use std::io;

use super::Journal;
use crate::store::file::compaction::{Compaction, Step};
use crate::store::file::disk::{Disk, Target, is_no_room};
use crate::store::file::outcome::{CompactionError, Progress};

impl<D: Disk> Journal<D> {
    /// One step of a compaction, which puts a snapshot in the place of a journal that has become
    /// large. To be called after each commit, when those who waited for it have their answers, and
    /// while there is nothing else to do, as [`Progress`] tells.
    ///
    /// # Errors
    /// It is given up, and whether the journal goes on.
    pub fn compact_step(&mut self) -> Result<Progress, CompactionError> {
        self.check().map_err(CompactionError::Failed)?;
        if let Some(error) = self.postponed.take() {
            return Err(CompactionError::Postponed(error));
        }
        let step = match &mut self.compaction {
            Some(compaction) => compaction.step(&mut self.disk, &self.state),
            None if self.tail.offset() <= self.compaction_bytes => return Ok(Progress::Idle),
            None => self.begin_compaction(),
        };
        match step.map_err(|error| self.postpone(error))? {
            Step::More => Ok(Progress::More),
            Step::Waiting => Ok(Progress::Waiting),
            Step::Ready => self.finish_compaction(),
        }
    }

    fn begin_compaction(&mut self) -> io::Result<Step> {
        let salt = self.salts.u64(..);
        self.compaction = Some(Compaction::begin(&mut self.disk, salt, self.sizes)?);
        Ok(Step::More)
    }

    fn finish_compaction(&mut self) -> Result<Progress, CompactionError> {
        // Before the file has the name: behind a failure the journal still goes on.
        self.disk.sync(Target::Next).map_err(|error| self.postpone(error))?;
        // Whose place it takes must still be the journal's.
        let named = self.disk.sync(Target::Journal);
        named.map_err(|error| CompactionError::Failed(self.fail(error)))?;
        match self.disk.rename_next() {
            Err(error) if is_not_begun(&error) => return Err(self.postpone(error)),
            renamed => renamed.map_err(|error| CompactionError::Failed(self.fail(error)))?,
        }
        let synced = self.disk.sync_folder();
        synced.map_err(|error| CompactionError::Failed(self.fail(error)))?;
        if let Some(compaction) = self.compaction.take() {
            self.tail = compaction.into_tail();
        }
        self.compaction_bytes = self.sizes.compaction_bytes(self.tail.offset());
        Ok(Progress::Done)
    }

    /// There is no room for a record: a compaction that has not written all of its snapshot gives
    /// back what it has. One that has is done soon, and gives back the whole journal.
    pub(super) fn compaction_gives_way(&mut self, error: &io::Error) -> bool {
        let gives_way = self.compaction.as_ref().is_some_and(|it| !it.is_whole());
        if gives_way {
            self.postponed = Some(io::Error::new(error.kind(), error.to_string()));
            self.give_up_compaction();
        }
        gives_way
    }

    fn postpone(&mut self, error: io::Error) -> CompactionError {
        self.give_up_compaction();
        CompactionError::Postponed(error)
    }

    /// The journal goes on as it is.
    fn give_up_compaction(&mut self) {
        self.compaction = None;
        self.disk.remove_next();
        self.compaction_bytes = self.sizes.next_try_bytes(self.tail.offset());
    }
}

/// Whether a rename that failed so has changed nothing for sure.
fn is_not_begun(error: &io::Error) -> bool {
    let kind = error.kind();
    is_no_room(error) || matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound)
}
