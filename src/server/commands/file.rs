//! The commands on a file that nobody serves: read or changed here, by nobody else meanwhile.

use std::io;
use std::path::Path;

use crate::limits::STATUS_COUNTERS_MAX;
use crate::net::committer::now_us;
use crate::store::change::{Change, ChangeKind, Changed};
use crate::store::error::Fault;
use crate::store::file::open;
use crate::store::file::state::FileCounter;
use crate::store::file::words;
use crate::store::open::random;
use crate::store::survey::{Found, Held, Scope};

/// Changes a counter. A create makes the file, if there is none.
///
/// # Errors
/// It was not done, or it is not known whether it was.
pub fn change(path: &Path, verb: &str, name: &str, change: &Change) -> io::Result<Changed> {
    let not_done = |words: &str| io::Error::other(format!("{verb}: not done: {words}"));
    let seed = random()?;
    let journal = match change.kind {
        ChangeKind::Create { .. } => open::open(path, seed),
        _ => open::open_existing(path, seed),
    };
    let mut journal = journal.map_err(|error| not_done(&error.to_string()))?;
    let changed = journal.change(name, change, now_us());
    changed.map_err(|error| not_done(&words::change_words(name, &error)))
}

/// Reads one counter, or all.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path, verb: &str, scope: &Scope) -> io::Result<Found> {
    let state = open::read(path).map_err(|error| io::Error::other(format!("{verb}: {error}")))?;
    let is_meant = |counter: &&FileCounter| match scope {
        Scope::One(name) => *counter.name == **name,
        Scope::All => true,
    };
    let mut counters = state.by_name().filter(is_meant);
    let rows = counters.by_ref().take(STATUS_COUNTERS_MAX).map(row).collect();
    Ok(Found { rows, is_cut_short: counters.next().is_some() })
}

fn row(counter: &FileCounter) -> (String, Result<Held, Fault>) {
    let fields = &counter.fields;
    let held = Held { count: fields.count, epoch: fields.epoch, made: fields.made };
    (counter.name.to_string(), counter.check_floor().map(|()| held))
}
