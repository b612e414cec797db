//! Opens the file: to serve it, or for one command. All errors are whole sentences.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{info, warn};

use crate::counter::CounterId;
use crate::metrics::store_metrics::StoreMetrics;
use crate::store::change::{self, Change, ChangeKind};
use crate::store::counters::{Counters, Origin};
use crate::store::error::StoreError;
use crate::store::file::committer::{self, Committer};
use crate::store::file::disk::is_no_room;
use crate::store::file::file_disk::FileDisk;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{ChangeError, CommitError};
use crate::store::file::plan::ChangeRefusal;
use crate::store::file::queue::Queue;
use crate::store::file::recovery::{self, OpenError, Recovered, RecoveryError};
use crate::store::file::served::{CommitQueue, FileStore};
use crate::store::file::state::FileState;
use crate::store::file::tail::Sizes;

/// A file that is served: what commits, and the ways to it.
#[derive(Debug)]
pub struct ServedFile {
    /// Does the work, on a thread of its own.
    pub committer: Committer<FileDisk>,
    /// One for each reactor.
    pub stores: Vec<FileStore>,
}

/// Opens the file for so many reactors, and creates the counters that it does not have, if they
/// may be. A commit that takes longer than `timeout` counts as too slow. `seed`: a random number.
/// Both clocks: `now`, and the wall clock in microseconds, `now_us`.
///
/// # Errors
/// The file cannot be served: in one line, with what to do.
pub fn serve(
    path: &Path,
    counters: &Arc<Counters>,
    reactors: usize,
    timeout: Duration,
    seed: u64,
    (now, now_us): (Instant, u64),
) -> io::Result<ServedFile> {
    let mut journal = open(path, seed)?;
    let mut refusals = Vec::new();
    for id in counters.ids() {
        create_missing(&mut journal, counters, id, now_us).map_err(|error| {
            let name = &counters.get(id).name;
            failed(path, &format!("cannot create counter {name}: {}", change_words(name, &error)))
        })?;
        committer::observe(journal.state(), counters, id);
        refusals.push(refusal(journal.state(), counters, id));
    }
    let metrics = StoreMetrics::new(counters.len(), StoreError::ALL.len());
    metrics.ready.set(1);
    let queue = Queue::new(Arc::clone(counters), refusals, reactors, timeout);
    let commits = Arc::new(CommitQueue::new(queue, metrics));
    let stores = FileStore::of(&commits, reactors);
    let committer = Committer::new(journal, Arc::clone(&commits), Arc::clone(counters), now);
    Ok(ServedFile { committer, stores })
}

/// Opens the file, or creates it.
///
/// # Errors
/// It cannot be used: in one line, with what to do.
pub fn open(path: &Path, seed: u64) -> io::Result<Journal<FileDisk>> {
    open_journal(path, FileDisk::open(path), seed)
}

/// Opens the file, which must be there.
///
/// # Errors
/// It is not, or cannot be used: in one line, with what to do.
pub fn open_existing(path: &Path, seed: u64) -> io::Result<Journal<FileDisk>> {
    open_journal(path, FileDisk::open_existing(path).map_err(|error| missing(path, error)), seed)
}

fn open_journal(
    path: &Path,
    disk: io::Result<FileDisk>,
    seed: u64,
) -> io::Result<Journal<FileDisk>> {
    let disk = disk.map_err(|error| cannot_open(path, &error))?;
    let (journal, opened) = Journal::open(disk, seed).map_err(|error| cannot_use(path, &error))?;
    let (path, counters) = (path.display().to_string(), journal.state().counters().len());
    if let Some(torn) = opened.torn {
        let (offset, bytes) = (torn.offset, torn.bytes);
        info!(path, offset, bytes; "the last write was not finished, and is cut off: nobody was \
            answered for it");
    }
    let (is_new, keys) = (opened.is_new, journal.state().keys());
    info!(path, is_new, counters, keys; "file opened");
    Ok(journal)
}

/// Reads the file, and leaves it as it is.
///
/// # Errors
/// There is none, or it cannot be read: in one line, with what to do.
pub fn read(path: &Path) -> io::Result<FileState> {
    let disk = FileDisk::open_existing(path).map_err(|error| missing(path, error));
    let mut disk = disk.map_err(|error| cannot_open(path, &error))?;
    let read = recovery::read(&mut disk, Sizes::default());
    let Recovered { state, .. } = read.map_err(|error| cannot_use(path, &error))?;
    Ok(state)
}

fn create_missing(
    journal: &mut Journal<FileDisk>,
    counters: &Counters,
    id: CounterId,
    now_us: u64,
) -> Result<(), ChangeError> {
    let counter = counters.get(id);
    if journal.state().find(&counter.name).is_some() || !counters.may_create(id) {
        return Ok(());
    }
    let create = Change::new(String::new(), ChangeKind::Create { limit: counter.limit });
    journal.change(&counter.name, &create, now_us)?;
    counter.confirmed(Origin::Created);
    Ok(())
}

fn refusal(state: &FileState, counters: &Counters, id: CounterId) -> Option<StoreError> {
    let counter = counters.get(id).name.as_str();
    let error = committer::refusal(state, counter)?;
    let hint = match error {
        StoreError::Missing => {
            "stop this process, create the counter in the file (headcount create \
            NAME --limit N --store URL), and start it again"
        }
        _ => error.hint(),
    };
    let reason = error.word();
    warn!(counter, reason, hint; "counter refused");
    Some(error)
}

// --- words -------------------------------------------------------------------------------------

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

/// A file that is not there holds no counter, and a look at it makes none.
fn missing(path: &Path, error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::NotFound if path.parent().is_none_or(|folder| folder.exists()) => {
            io::Error::other("there is none: headcount create NAME --limit N makes it")
        }
        _ => error,
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> io::Error {
    let words = match error.kind() {
        ErrorKind::WouldBlock => return failed(path, IN_USE),
        ErrorKind::NotFound => "its folder does not exist: create it",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => PERMISSION,
        _ if is_no_room(error) => NO_ROOM,
        _ => return failed(path, &error.to_string()),
    };
    failed(path, &format!("{words} ({error})"))
}

fn cannot_use(path: &Path, error: &OpenError) -> io::Error {
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

fn failed(path: &Path, words: &str) -> io::Error {
    io::Error::other(format!("cannot use the file {}: {words}", path.display()))
}

const IN_USE: &str = "another process serves it: that one's admin listener (--admin-listen) reads \
    and changes its counters, and GET /status/NAME reads one; a second process needs another file";
const PERMISSION: &str = "this user must be able to read and write the file, and to write its \
    folder: from time to time a new file takes its place";
const NO_ROOM: &str = "the disk is full: a start needs room for a second file";
