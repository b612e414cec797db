//! A reset or a set of the first counter, which takes the place of confirming it.
//!
//! ```text
//!   Read --> Change, ReadChanged, Confirm
//! ```
//!
//! It runs on the epoch that it has read, and on no other. Sent again on another connection, it
//! tells by its token whether it was done before.

use super::message;
use super::outcome::Outcome;
use super::row;
use super::{Due, Postgres};
use crate::counter::CounterId;
use crate::store::change::Change;
use crate::store::error::{Fault, StoreError};

impl Postgres {
    pub(super) fn write_read(&mut self, due: Due, out: &mut Vec<u8>) {
        message::read_counter(&self.counters.get(CounterId::FIRST).name, &mut self.unsent);
        self.send(due, out);
    }

    pub(super) fn write_change(&mut self, change: &Change, read_epoch: u64, out: &mut Vec<u8>) {
        let counter = self.counters.get(CounterId::FIRST);
        message::change_counter(counter, change, read_epoch, &mut self.unsent);
        self.change_progress.sent();
        self.send(Due::Change, out);
        self.write_read(Due::ReadChanged, out);
        self.confirm(CounterId::FIRST, out);
    }

    pub(super) fn read(&mut self, outcome: Outcome, out: &mut Vec<u8>) -> Result<(), Fault> {
        if let Some(error) = outcome.error {
            return Err(self.fault(error));
        }
        let held = outcome.row.as_ref().map(row::held).transpose()?;
        let read_epoch = held.map_or(0, |held| held.epoch);
        self.read_epoch = Some(read_epoch);
        if let Some(change) = self.change.clone() {
            self.write_change(&change, read_epoch, out);
        }
        Ok(())
    }

    /// It was done if it gives a row.
    pub(super) fn changed(&mut self, outcome: Outcome) -> Result<(), Fault> {
        if let Some(row) = &outcome.row {
            self.change_progress.done(row::count(row)?);
        } else if outcome.error.is_some() {
            self.change_progress.refused();
        }
        self.stepped(outcome.error)
    }

    /// Whether it was done when it was sent before, by its token; if not, why.
    pub(super) fn read_changed(&mut self, outcome: Outcome) -> Result<(), Fault> {
        if self.change_progress.result().is_some() {
            return Ok(());
        }
        if let Some(error) = outcome.error {
            return Err(self.fault(error));
        }
        let Some(change) = &self.change else {
            return Ok(());
        };
        let held = outcome.row.as_ref().map(row::held).transpose()?;
        if let Some(held) = held.as_ref().filter(|held| held.token == change.token) {
            self.change_progress.done(held.count);
            return Ok(());
        }
        self.change_progress.refused();
        let limit_default = self.counters.get(CounterId::FIRST).limit;
        let detail = match held {
            Some(held) if Some(held.epoch) == self.read_epoch => {
                held.why_not(change, limit_default)
            }
            None if self.read_epoch == Some(0) => {
                let taken = change.taken.unwrap_or_default();
                let limit = change.limit.unwrap_or(limit_default);
                format!("--taken {taken}: the limit is {limit}; raise it with --limit")
            }
            held => {
                let what = held.map_or("deleted".to_owned(), |held| held.made);
                format!("the counter was {what} by somebody else meanwhile")
            }
        };
        Err(Fault { error: StoreError::Declined, detail })
    }
}
