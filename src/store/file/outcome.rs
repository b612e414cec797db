//! The results of opening a journal, of a commit, of a change, and of a compaction.

use std::io;

use crate::store::file::plan::ChangeRefusal;
use crate::store::file::recovery::Torn;

/// What was found at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// There was no file, or nothing in it.
    pub is_new: bool,
    /// What was cut off.
    pub torn: Option<Torn>,
}

/// Why nothing was committed.
#[derive(Debug)]
pub enum CommitError {
    /// The disk is full, or a record or the file would be larger than it may be. Nothing of the
    /// commit is left, and later ones are tried.
    NoRoom(io::Error),
    /// The disk failed. It is not known what of the commit is on it, and there will be no other.
    Failed(io::Error),
}

/// How far a compaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is none: the journal is not large.
    Idle,
    /// There is more to do, at once if nothing else is.
    More,
    /// The disk is at work. The next step has something to do with the next commit, or soon.
    Waiting,
    /// A snapshot has taken the journal's place.
    Done,
}

/// Why no snapshot took the journal's place.
#[derive(Debug)]
pub enum CompactionError {
    /// It could not be written. The journal goes on as it is, and it is tried again when that has
    /// grown.
    Postponed(io::Error),
    /// The disk failed: there will be no other commit.
    Failed(io::Error),
}

/// Why a change was not done.
#[derive(Debug)]
pub enum ChangeError {
    /// The counter does not allow it.
    Refused(ChangeRefusal),
    /// The disk does not take it.
    Commit(CommitError),
}
