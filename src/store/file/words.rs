//! What can go wrong with a file, in one line each, with what to do about it.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::store::change;
use crate::store::file::disk::is_no_room;
use crate::store::file::outcome::{ChangeError, CommitError};
use crate::store::file::plan::ChangeRefusal;
use crate::store::file::recovery::{OpenError, RecoveryError};

/// Why a change was not done to the counter of this name.
pub fn change_words(name: &str, error: &ChangeError) -> String {
    match error {
        ChangeError::Refused(ChangeRefusal::Missing) => change::no_counter(name),
        ChangeError::Refused(ChangeRefusal::Lost(taken)) => change::lost_counter(name, *taken),
        ChangeError::Refused(ChangeRefusal::NotAllowed(why)) => why.to_string(),
        ChangeError::Refused(ChangeRefusal::OtherEpoch(_)) => {
            "the counter was changed by somebody else meanwhile".to_owned()
        }
        ChangeError::Refused(ChangeRefusal::TooManyCounters) => {
            "the file has as many counters as it may".to_owned()
        }
        ChangeError::Refused(ChangeRefusal::TooLarge) => {
            "the limit or the epoch would be larger than 2^53 - 1".to_owned()
        }
        ChangeError::Commit(CommitError::NoRoom(error)) => {
            format!("the disk is full ({error}): free some space")
        }
        ChangeError::Commit(CommitError::Failed(error)) => {
            format!("the disk failed ({error}): see the system's log")
        }
    }
}

/// Why a file that must be there cannot be opened: one that is not holds no counter, and a look at
/// it makes none. Other errors stay as they are.
pub fn missing(path: &Path, error: io::Error) -> io::Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match error.kind() {
        ErrorKind::NotFound if folder.is_none_or(Path::exists) => {
            io::Error::other("there is none: headcount create NAME --limit N makes it")
        }
        _ => error,
    }
}

/// Why the file was not opened, or locked.
pub fn cannot_open(path: &Path, error: &io::Error) -> io::Error {
    let words = match error.kind() {
        ErrorKind::WouldBlock => return failed(path, IN_USE),
        ErrorKind::NotFound => "its folder does not exist: create it",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => PERMISSION,
        _ if is_no_room(error) => NO_ROOM,
        _ => return failed(path, &error.to_string()),
    };
    failed(path, &format!("{words} ({error})"))
}

/// Why what it holds cannot be used.
pub fn cannot_use(path: &Path, error: &OpenError) -> io::Error {
    match error {
        OpenError::Io(error) if is_no_room(error) => failed(path, &format!("{NO_ROOM} ({error})")),
        OpenError::Io(error) => cannot_open(path, error),
        OpenError::Recovery(RecoveryError::Foreign) => {
            failed(path, "it is no file of headcount: name another one in --store")
        }
        OpenError::Recovery(RecoveryError::Newer(version)) => {
            let words = "a newer headcount wrote it: run that version";
            failed(path, &format!("{words} (the format is version {version})"))
        }
        OpenError::Recovery(RecoveryError::Damaged { offset }) => failed(
            path,
            &format!(
                "it is damaged at byte {offset}: restore a copy of it, and before anybody takes, \
                 set each counter above every number that was handed out: headcount set NAME \
                 --taken N"
            ),
        ),
    }
}

/// An error that names the file.
pub fn failed(path: &Path, words: &str) -> io::Error {
    io::Error::other(format!("cannot use the file {}: {words}", path.display()))
}

const IN_USE: &str = "another process serves it: that one's admin listener (--admin-listen) reads \
    and changes its counters, and GET /status/NAME reads one; a second process needs another file";
const PERMISSION: &str = "this user must be able to read and write the file, and to write its \
    folder: from time to time a new file takes its place";
const NO_ROOM: &str = "the disk is full: a start needs room for a second file";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_is_told_from_its_folder() {
        let told = |path: &str| missing(Path::new(path), ErrorKind::NotFound.into()).to_string();
        for path in ["no-such-file", "./no-such-file", "/no-such-file"] {
            assert!(told(path).starts_with("there is none: "), "{path}: {}", told(path));
        }
        assert_eq!(told("/no-such-folder/file"), io::Error::from(ErrorKind::NotFound).to_string());
    }
}
