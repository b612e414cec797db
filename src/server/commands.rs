//! The commands: `create`, `set`, `reset` and `status`, each one handshake of a store connection
//! with a task in it, and `probe`.
//!
//! Processes that are running see what a command has done at their next request, and follow. No
//! text here ever has a password in it.

mod answer;
mod change;
mod confirm;
mod drive;
mod file;
mod probe;
mod remote;
mod status;
mod text;

use std::io;

use crate::config::{Action, Command, StoreUrl};

pub use answer::Answer;
pub use probe::probe;
pub use remote::RemoteChange;

/// Carries out a command.
///
/// # Errors
/// It was not done, or it is not known whether it was: in one line.
pub fn run(command: &Command) -> io::Result<Answer> {
    if command.store == StoreUrl::Memory {
        return Err(io::Error::other(format!("{}: {IN_THE_PROCESS}", verb(&command.action))));
    }
    match &command.action {
        Action::Create(spec) => change::create(command, &spec.name, spec.limit),
        Action::SetLimit { name, limit } => change::set_limit(command, name, *limit),
        Action::SetTaken { name, taken, limit } => change::set_taken(command, name, *taken, *limit),
        Action::Reset { name, limit, yes } => change::reset(command, name, *limit, *yes),
        Action::Status { name, json } => status::status(command, name.as_deref(), *json),
    }
}

fn verb(action: &Action) -> &'static str {
    match action {
        Action::Create(_) => "create",
        Action::SetLimit { .. } | Action::SetTaken { .. } => "set",
        Action::Reset { .. } => "reset",
        Action::Status { .. } => "status",
    }
}

const IN_THE_PROCESS: &str = "memory: keeps its counts inside the serving process, where no \
    command reaches them; use a store that processes share: --store redis://... or postgres://...";
