//! How it ended to open the journal, to commit, to change, to compact.

use std::io;

use crate::store::file::plan::ChangeRefusal;
use crate::store::file::recovery::{RecoveryError, Torn};

/// What was found at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// There was no file, or nothing in it.
    pub is_new: bool,
    /// What was cut off.
    pub torn: Option<Torn>,
}

/// Why a file was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// Of the system; [`crate::store::file::disk::is_no_room`] tells a full disk.
    Io(io::Error),
    /// What is in the file.
    Recovery(RecoveryError),
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
