//! What comes before the first ask on a connection, and the changes of a counter.
//!
//! ```text
//!   Startup --authenticated--> Settings, Enter, Look --a row--> ready: Request, ...
//!                                   |          |
//!                         no table: Create     no row: Insert, Look
//!                       of 0.1: Migrate, Create
//!                                   Insert, Enter, Look
//!
//!   to change: Settings, Read --> Change, ReadChanged, Enter, Look
//! ```
//!
//! Enter makes the row of the table `headcount_answer` in which the answers to this link are
//! remembered. A handshake reads first, for a role that may not create may take. Only a process
//! that has not seen the counter creates anything: later a missing one was lost, and must not begin
//! at 1 again.

use super::error::not_postgres;
use super::error::{self, ServerError};
use super::message;
use super::outcome::Outcome;
use super::row;
use super::{Due, Postgres};
use crate::store::change::Change;
use crate::store::counter::Origin;
use crate::store::error::Fault;
use crate::store::error::StoreError;
use crate::store::high_water::Position;
use crate::store::request::Event;

impl Postgres {
    /// A step of the handshake is done.
    pub(super) fn handshake_step(
        &mut self,
        due: Due,
        outcome: Outcome,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Fault> {
        match due {
            Due::Startup => self.introduced(out)?,
            Due::Settings if outcome.error.is_none() => message::may_write(outcome.row.as_ref())?,
            Due::Migrate => self.migrated(outcome.error)?,
            Due::Insert => self.inserted(outcome)?,
            Due::Enter => return self.entered(outcome),
            Due::Read => self.read(outcome, out)?,
            Due::ReadChanged => self.read_changed(outcome)?,
            Due::Look(seen) => return self.looked(outcome, seen, out),
            Due::Change => self.changed(outcome)?,
            Due::Settings
            | Due::Create
            | Due::Request(..)
            | Due::Again(_)
            | Due::Answer(_)
            | Due::Lost => {
                self.stepped(outcome.error)?;
            }
        }
        Ok(None)
    }

    fn introduced(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if !self.authentication.is_done() {
            return Err(not_postgres("a handshake without authentication"));
        }
        message::settings(self.statement_timeout, &mut self.unsent);
        self.send(Due::Settings, out);
        match (self.counter.change.clone(), self.read_epoch) {
            (None, _) => {
                self.enter(out);
                self.look(out);
            }
            (Some(_), None) => self.ask_to_read(Due::Read, out),
            (Some(change), Some(read_epoch)) => self.change(&change, read_epoch, out),
        }
        Ok(())
    }

    fn looked(
        &mut self,
        outcome: Outcome,
        seen: Position,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Fault> {
        match outcome {
            Outcome { error: Some(error), .. } if self.may_create() && error.is_of_the_layout() => {
                self.create_tables(&error, out);
                self.insert(out);
                self.enter(out);
            }
            Outcome { error: Some(error), .. } => return Err(self.fault(error)),
            Outcome { row: Some(row), .. } => {
                let taken = row::taken(&row)?;
                taken.check(seen)?;
                self.counter.observe(taken.grant);
                return Ok(Some(Event::HandshakeDone));
            }
            Outcome { row: None, .. } if self.may_create() => self.insert(out),
            // The look that follows finds what was written.
            Outcome { row: None, .. } if seen.epoch > 0 && !self.is_creating => {
                self.is_creating = true;
                message::write_lost(&self.counter.name, seen, &mut self.unsent);
                self.send(Due::Lost, out);
            }
            Outcome { row: None, .. } => return Err(error::missing(seen)),
        }
        self.look(out);
        Ok(None)
    }

    fn may_create(&self) -> bool {
        !self.counter.high_water.is_seen() && !self.is_creating
    }

    fn create_tables(&mut self, error: &ServerError, out: &mut Vec<u8>) {
        self.is_creating = true;
        if error.is_missing_column() {
            message::migrate_tables(&mut self.unsent);
            self.send(Due::Migrate, out);
        }
        message::create_tables(&mut self.unsent);
        self.send(Due::Create, out);
    }

    fn migrated(&self, error: Option<ServerError>) -> Result<(), Fault> {
        match error {
            None => self.counter.confirmed(Origin::Migrated),
            // Another process was faster, or the table is none of ours, as the look will find.
            Some(error) if error.is_missing_column() => {}
            Some(error) => {
                return Err(error.with_remedy(|| message::migration_sql(&self.url.user)));
            }
        }
        Ok(())
    }

    fn insert(&mut self, out: &mut Vec<u8>) {
        self.is_creating = true;
        message::insert_counter(&self.counter, &mut self.unsent);
        self.send(Due::Insert, out);
    }

    fn inserted(&self, outcome: Outcome) -> Result<(), Fault> {
        if outcome.has_inserted && outcome.error.is_none() {
            self.counter.confirmed(Origin::Created);
        }
        self.stepped(outcome.error)
    }

    fn stepped(&self, error: Option<ServerError>) -> Result<(), Fault> {
        // What another process has created a moment before is created.
        error.filter(|it| !it.is_created_already()).map_or(Ok(()), |it| Err(self.fault(it)))
    }

    /// What the operator should know of an error while handshake.
    fn fault(&self, error: ServerError) -> Fault {
        error.with_remedy(|| message::creation_sql(&self.counter, &self.url.user))
    }

    fn enter(&mut self, out: &mut Vec<u8>) {
        message::enter(&self.counter.name, self.id, self.last_grant, &mut self.unsent);
        self.send(Due::Enter, out);
        message::prepare(&mut self.unsent);
    }

    fn entered(&mut self, outcome: Outcome) -> Result<Option<Event>, Fault> {
        let is_lost = outcome.row.is_some() && self.last_grant.sequence > 0;
        // Tables that are missing or old are found so by the look, too.
        self.stepped(outcome.error.filter(|it| !it.is_of_the_layout()))?;
        Ok(is_lost.then_some(Event::AnswersLost))
    }

    fn look(&mut self, out: &mut Vec<u8>) {
        let seen = self.counter.high_water.position();
        message::peek(&self.counter.name, seen, &mut self.unsent);
        self.send(Due::Look(seen), out);
    }

    // --- a reset or a set -----------------------------------------------------------------------

    fn ask_to_read(&mut self, due: Due, out: &mut Vec<u8>) {
        message::read_counter(&self.counter.name, &mut self.unsent);
        self.send(due, out);
    }

    fn change(&mut self, change: &Change, read_epoch: u64, out: &mut Vec<u8>) {
        message::change_counter(&self.counter, change, read_epoch, &mut self.unsent);
        self.change_progress.sent();
        self.send(Due::Change, out);
        self.ask_to_read(Due::ReadChanged, out);
        self.enter(out);
        self.look(out);
    }

    fn read(&mut self, outcome: Outcome, out: &mut Vec<u8>) -> Result<(), Fault> {
        match outcome.error {
            Some(error) if self.may_create() && error.is_of_the_layout() => {
                self.create_tables(&error, out);
                self.ask_to_read(Due::Read, out);
                return Ok(());
            }
            Some(error) => return Err(self.fault(error)),
            None => {}
        }
        let held = outcome.row.as_ref().map(row::held).transpose()?;
        let read_epoch = held.map_or(0, |held| held.epoch);
        self.read_epoch = Some(read_epoch);
        if let Some(change) = self.counter.change.clone() {
            self.change(&change, read_epoch, out);
        }
        Ok(())
    }

    /// It was done if it gives a row.
    fn changed(&mut self, outcome: Outcome) -> Result<(), Fault> {
        if let Some(row) = &outcome.row {
            self.change_progress.done(row::count(row)?);
        } else if outcome.error.is_some() {
            self.change_progress.refused();
        }
        self.stepped(outcome.error)
    }

    /// Whether it was done when it was sent before, by its token; if not, why.
    fn read_changed(&mut self, outcome: Outcome) -> Result<(), Fault> {
        if self.change_progress.result().is_some() {
            return Ok(());
        }
        if let Some(error) = outcome.error {
            return Err(self.fault(error));
        }
        let Some(change) = &self.counter.change else {
            return Ok(());
        };
        let held = outcome.row.as_ref().map(row::held).transpose()?;
        if let Some(held) = held.as_ref().filter(|held| held.token == change.token) {
            self.change_progress.done(held.count);
            return Ok(());
        }
        self.change_progress.refused();
        let detail = match held {
            Some(held) if Some(held.epoch) == self.read_epoch => {
                held.why_not(change, self.counter.limit)
            }
            None if self.read_epoch == Some(0) => {
                let taken = change.taken.unwrap_or_default();
                let limit = change.limit.unwrap_or(self.counter.limit);
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
