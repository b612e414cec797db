//! A change that a client of the admin listener has asked for, of a file that this process serves.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::api::admin::answer::ChangeResult;
use crate::api::admin::change::ChangeRequest;
use crate::counter::CounterId;
use crate::store::file::outcome::ChangeError;
use crate::store::file::plan::ChangeRefusal;
use crate::store::file::served::CommitQueue;
use crate::store::file::words::change_words;
use crate::store::open;

/// Has the committer change a counter, until a deadline.
#[derive(Debug)]
pub struct FileChange {
    pub commits: Arc<CommitQueue>,
    pub counter: CounterId,
    /// The counter's.
    pub name: String,
    pub request: ChangeRequest,
    pub deadline: Instant,
}

impl FileChange {
    /// Carries it out.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn run(&self) -> io::Result<ChangeResult> {
        let (kind, epoch_shown) = self.request.kind();
        let change = open::new_change(kind, epoch_shown)?;
        let now = Instant::now();
        let result = self.commits.change(self.counter, change, (now, self.deadline));
        let timeout = self.deadline.saturating_duration_since(now);
        let Some(result) = result.wait(timeout) else {
            let words = "the disk did not answer in time: the change may still happen; read the \
                counter again";
            return Ok(ChangeResult::Unavailable(words.to_owned()));
        };
        Ok(match result {
            Ok(changed) => ChangeResult::Done { before: changed.before, after: changed.after },
            Err(error) => self.not_done(&error),
        })
    }

    fn not_done(&self, error: &ChangeError) -> ChangeResult {
        use ChangeRefusal::{Missing, OtherEpoch};
        let words = change_words(&self.name, error);
        match error {
            ChangeError::Refused(Missing | OtherEpoch(0)) => ChangeResult::NoCounter,
            ChangeError::Refused(OtherEpoch(epoch)) => ChangeResult::OtherEpoch(*epoch),
            ChangeError::Refused(_) => ChangeResult::Refused(words),
            ChangeError::Commit(_) => ChangeResult::Unavailable(words),
        }
    }
}
