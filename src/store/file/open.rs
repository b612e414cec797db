//! Opens the file: to serve it, or for one command. All errors are whole sentences of [`words`].

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{info, warn};

use crate::counter::CounterId;
use crate::metrics::store_metrics::StoreMetrics;
use crate::store::change::{Change, ChangeKind};
use crate::store::counters::{Counters, Origin};
use crate::store::error::StoreError;
use crate::store::file::committer::{self, Committer};
use crate::store::file::file_disk::FileDisk;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::ChangeError;
use crate::store::file::queue::Queue;
use crate::store::file::recovery::{self, Recovered};
use crate::store::file::served::{CommitQueue, FileStore};
use crate::store::file::state::FileState;
use crate::store::file::tail::Sizes;
use crate::store::file::words;

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
            words::failed(
                path,
                &format!("cannot create counter {name}: {}", words::change_words(name, &error)),
            )
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
    open_journal(
        path,
        FileDisk::open_existing(path).map_err(|error| words::missing(path, error)),
        seed,
    )
}

fn open_journal(
    path: &Path,
    disk: io::Result<FileDisk>,
    seed: u64,
) -> io::Result<Journal<FileDisk>> {
    let disk = disk.map_err(|error| words::cannot_open(path, &error))?;
    let (journal, opened) =
        Journal::open(disk, seed).map_err(|error| words::cannot_use(path, &error))?;
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
    let disk = FileDisk::open_existing(path).map_err(|error| words::missing(path, error));
    let mut disk = disk.map_err(|error| words::cannot_open(path, &error))?;
    let read = recovery::read(&mut disk, Sizes::default());
    let Recovered { state, .. } = read.map_err(|error| words::cannot_use(path, &error))?;
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
