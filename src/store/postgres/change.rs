//! A change of a counter: the row is read once, and a statement runs on what was read alone, on
//! this connection or, sent again, on a later one.
//!
//! ```text
//!   Read --> Change, ReadChanged, Confirm
//! ```

use super::Postgres;
use super::due::Due;
use super::message;
use super::outcome::Outcome;
use super::row::{self, Held, ReadBefore};
use crate::counter::CounterId;
use crate::store::change::{Change, ChangeKind, ChangeProgress, lost_counter, no_counter};
use crate::store::error::{Fault, StoreError};

impl Postgres {
    /// What is known of a change.
    pub fn change_progress(&self) -> &ChangeProgress {
        &self.task.change_progress
    }

    /// Reads the counter; a change that was read for on an earlier connection is sent again.
    pub(super) fn begin_change(&mut self, out: &mut Vec<u8>) {
        match self.task.read_before {
            None => self.write_read(Due::Read, out),
            Some(_) => self.write_change(out),
        }
    }

    fn write_read(&mut self, due: Due, out: &mut Vec<u8>) {
        let name = &self.counters.get(CounterId::FIRST).name;
        message::read_counter(name, &mut self.unsent);
        self.send(due, out);
    }

    pub(super) fn read_before_change(
        &mut self,
        outcome: Outcome,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if let Some(error) = outcome.error {
            return Err(self.fault(error));
        }
        let held = outcome.row.as_ref().map(row::held).transpose()?;
        let count = held.as_ref().filter(|held| held.epoch > 0).map(|held| held.count);
        let before = held.map_or_else(ReadBefore::default, |held| ReadBefore {
            epoch: held.epoch,
            token: held.token,
        });
        if self.task.change.as_ref().is_some_and(|change| !change.fits_epoch(before.epoch)) {
            return Err(declined("the counter was changed by somebody else meanwhile"));
        }
        self.task.change_progress.read(count);
        self.task.read_before = Some(before);
        self.write_change(out);
        Ok(())
    }

    fn write_change(&mut self, out: &mut Vec<u8>) {
        let (Some(change), Some(before)) = (&self.task.change, &self.task.read_before) else {
            return;
        };
        let counter = self.counters.get(CounterId::FIRST);
        message::change_counter(counter, change, before, &mut self.unsent);
        self.task.change_progress.sent();
        self.send(Due::Change, out);
        self.write_read(Due::ReadChanged, out);
        self.confirm(CounterId::FIRST, out);
    }

    /// It was done if it gives a row.
    pub(super) fn changed(&mut self, outcome: Outcome) -> Result<(), Fault> {
        let is_create = matches!(&self.task.change, Some(change) if is_create(change));
        match &outcome.row {
            Some(row) if is_create => self.task.change_progress.created(row::count(row)?),
            Some(row) => self.task.change_progress.done(row::count(row)?),
            None if outcome.error.is_some() => self.task.change_progress.refused(),
            None => {}
        }
        self.stepped(outcome.error)
    }

    /// Whether it was done when it was sent before, by its token; if not, why.
    pub(super) fn read_changed(&mut self, outcome: Outcome) -> Result<(), Fault> {
        if self.task.change_progress.result().is_some() {
            return Ok(());
        }
        if let Some(error) = outcome.error {
            return Err(self.fault(error));
        }
        let (Some(change), Some(before)) = (&self.task.change, &self.task.read_before) else {
            return Ok(());
        };
        let held = outcome.row.as_ref().map(row::held).transpose()?;
        if let Some(held) = held.as_ref().filter(|held| held.token == change.token) {
            match change.kind {
                ChangeKind::Create { .. } => self.task.change_progress.created(held.count),
                _ => self.task.change_progress.done(held.count),
            }
            return Ok(());
        }
        if let Some(held) = held.as_ref().filter(|held| is_create(change) && held.is_well()) {
            self.task.change_progress.found(held.count);
            return Ok(());
        }
        let limit_default = self.counters.get(CounterId::FIRST).limit;
        let detail = why_not(self.first_name(), change, before, held.as_ref(), limit_default);
        self.task.change_progress.refused();
        Err(declined(&detail))
    }

    /// There is not even a table.
    pub(super) fn no_counter(&self) -> Fault {
        declined(&no_counter(self.first_name()))
    }

    fn first_name(&self) -> &str {
        &self.counters.get(CounterId::FIRST).name
    }
}

fn is_create(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Create { .. })
}

fn declined(detail: &str) -> Fault {
    Fault { error: StoreError::Declined, detail: detail.to_owned() }
}

/// Why a change left the row as it is.
fn why_not(
    name: &str,
    change: &Change,
    before: &ReadBefore,
    held: Option<&Held>,
    limit_default: u64,
) -> String {
    let is_refused = |held: &&Held| {
        let has_epoch =
            matches!(change.kind, ChangeKind::SetTaken { .. } | ChangeKind::Reset { .. });
        held.is_of_this_version() && !has_epoch && (held.epoch == 0 || is_create(change))
    };
    match held {
        Some(held) if is_refused(&held) => lost_counter(name, held.taken_seen()),
        Some(held) if held.epoch == before.epoch && held.token != before.token => {
            "the counter was changed by somebody else meanwhile".to_owned()
        }
        Some(held) if held.epoch == before.epoch || is_create(change) => {
            held.why_not(change, limit_default)
        }
        None if before.epoch == 0 && !change.may_create() => no_counter(name),
        None if before.epoch == 0 && !is_create(change) => {
            let taken = change.taken().unwrap_or_default();
            let limit = change.limit().unwrap_or(limit_default);
            format!("--taken {taken}: the limit is {limit}; raise it with --limit")
        }
        held => {
            let what = held.map_or("deleted", |held| &held.made);
            format!("the counter was {what} by somebody else meanwhile")
        }
    }
}
