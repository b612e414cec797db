//! `headcount create`, `set` and `reset`: a change of one counter.

use std::io;

use super::answer::Answer;
use super::drive::{StoreAccess, drive};
use super::{confirm, file, status, text};
use crate::config::{Command, StoreUrl};
use crate::store::change::{ChangeKind, Changed};
use crate::store::error::StoreError;
use crate::store::open::{self, Purpose};

/// Creates the counter, or finds it there with the same limit.
///
/// # Errors
/// It is there with another limit, was lost, or the store did not do it.
pub fn create(command: &Command, name: &str, limit: u64) -> io::Result<Answer> {
    let changed = change(command, name, "create", ChangeKind::Create { limit }, None)?;
    let is_other = changed.before.is_some() && changed.after.limit != limit;
    match changed.before {
        None => Ok(Answer::well(text::created(name, changed.after))),
        Some(_) if is_other => Err(io::Error::other(text::created_otherwise(name, limit, changed))),
        Some(count) => Ok(Answer::well(text::already_there(name, count))),
    }
}

/// Changes the limit; this begins no epoch.
///
/// # Errors
/// There is no such counter, or the store did not do it.
pub fn set_limit(command: &Command, name: &str, limit: u64) -> io::Result<Answer> {
    let changed = change(command, name, "set", ChangeKind::SetLimit { limit }, None)?;
    Ok(Answer::well(text::limit_set(name, limit, changed)))
}

/// Changes how many are taken, and perhaps the limit; this begins an epoch.
///
/// # Errors
/// More are taken than that, the limit is lower, or the store did not do it.
pub fn set_taken(
    command: &Command,
    name: &str,
    taken: u64,
    limit: Option<u64>,
) -> io::Result<Answer> {
    check_limit(command, "set", name, limit)?;
    let changed = change(command, name, "set", ChangeKind::SetTaken { taken, limit }, None)?;
    Ok(Answer::well(text::changed(name, "set", changed)))
}

/// Begins the counter anew at 1, after the operator has said so, unless `is_sure`.
///
/// # Errors
/// The operator thought better of it, or cannot be asked; or the store did not do it.
pub fn reset(
    command: &Command,
    name: &str,
    limit: Option<u64>,
    is_sure: bool,
) -> io::Result<Answer> {
    check_limit(command, "reset", name, limit)?;
    let epoch_shown = if is_sure { None } else { ask(command, name)? };
    let changed = change(command, name, "reset", ChangeKind::Reset { limit }, epoch_shown)?;
    Ok(Answer::well(text::changed(name, "reset", changed)))
}

/// A change that names no limit keeps the one in the store: so there must be one. A counter that
/// was lost must not come back with another limit than it had.
fn check_limit(command: &Command, verb: &str, name: &str, limit: Option<u64>) -> io::Result<()> {
    if limit.is_some() {
        return Ok(());
    }
    let is_missing = match status::read_one(&StoreAccess::of(command), verb, name)? {
        None => true,
        Some(Err(fault)) => fault.error == StoreError::Missing,
        Some(Ok(_)) => false,
    };
    if is_missing { Err(io::Error::other(text::no_limit(verb, name))) } else { Ok(()) }
}

/// Asks the operator; gives the epoch that was shown, 0 for no counter.
fn ask(command: &Command, name: &str) -> io::Result<Option<u64>> {
    if !confirm::can_ask() {
        return Err(io::Error::other(text::CANNOT_ASK));
    }
    let held = status::read_one(&StoreAccess::of(command), "reset", name)?;
    if !confirm::ask(&text::reset_question(name, held.as_ref()), name)? {
        return Err(io::Error::other(text::NOT_CONFIRMED));
    }
    Ok(match held {
        None => Some(0),
        Some(Ok(held)) => Some(held.epoch),
        Some(Err(_)) => None,
    })
}

fn change(
    command: &Command,
    name: &str,
    verb: &str,
    kind: ChangeKind,
    epoch_shown: Option<u64>,
) -> io::Result<Changed> {
    let change = open::new_change(kind, epoch_shown)?;
    if let StoreUrl::File(path) = &command.store {
        return file::change(path, verb, name, &change);
    }
    let counter = (name, change.limit());
    let connection =
        drive(&StoreAccess::of(command), counter, Purpose::Change(change), |connection| {
            connection.wire().change_progress().result().is_some()
        })?;
    let result = connection.wire().change_progress().result();
    result.ok_or_else(|| io::Error::other(text::failure(&connection, verb, name)))
}
