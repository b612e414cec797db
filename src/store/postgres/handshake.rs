//! What comes before the first request on a connection, and the confirming of counters.
//!
//! ```text
//!   Startup --authenticated--> Settings --> Clean, Prepare --> the handshake is done
//!                                                     |
//!                                           no table: Create, Clean, Prepare
//!                                        one of 0.1: Migrate, Create, Clean, Prepare
//!
//!   to confirm a counter: (Enter,) Confirm --a row--> it is confirmed
//!                                    |
//!                               no row: Insert, Confirm
//!
//!   to change one: see `change.rs`
//! ```
//!
//! Enter makes the row of the table `headcount_answer` in which the answers to this link are
//! remembered, and says whether the last one is there. Where none is to be there, the row can wait
//! for the first take (`transaction.rs`): of many counters few are taken from, and so few rows are
//! written.
//!
//! A counter is read first, for a role that may not create may take. Only a process that has not
//! seen a counter creates it: later a missing one was lost, and must not begin at 1 again; and only
//! one that has seen none creates the tables.

use log::debug;

use super::Postgres;
use super::due::Due;
use super::error::{self, ServerError, not_postgres};
use super::outcome::Outcome;
use super::settings::{TimeLimits, TransactionSettings};
use super::{message, remedy, row, settings, statement};
use crate::counter::CounterId;
use crate::limits::POSTGRES_LOCK_TIMEOUT_SHARED;
use crate::store::counters::Origin;
use crate::store::error::Fault;
use crate::store::high_water::Position;
use crate::store::request::{LastGrant, WireEvent};

impl Postgres {
    /// Writes what confirms a counter, or what begins a change or a survey instead.
    pub fn write_confirm(&mut self, counter: CounterId, last: LastGrant, out: &mut Vec<u8>) {
        if self.task.survey.is_some() {
            self.begin_survey(out);
        } else if self.task.change.is_some() {
            self.begin_change(out);
        } else {
            if last.sequence > 0 {
                self.enter(counter, last, out);
            }
            self.confirm(counter, out);
        }
    }

    /// A step of the handshake, of confirming, of a change or of a survey is done.
    pub(super) fn handshake_step(
        &mut self,
        due: Due,
        outcome: Outcome,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        match due {
            Due::Startup => self.introduced(out)?,
            Due::Settings if outcome.error.is_none() => {
                return self.settled(outcome, out);
            }
            Due::Prepare => return self.prepared(outcome, out),
            Due::Migrate => self.migrated(outcome.error)?,
            // Where they may not be dropped, or there are none: the next step finds that out.
            Due::Clean => {}
            Due::Insert(counter) => self.inserted(counter, outcome),
            Due::Enter(counter, last) => return Ok(self.entered(counter, last, outcome)),
            Due::Read => self.read_before_change(outcome, out)?,
            Due::ReadChanged => self.read_changed(outcome)?,
            Due::Confirm(counter, seen) => {
                return self.confirmed_or_missing(counter, outcome, seen, out);
            }
            Due::ConfirmCreated(counter, seen) => {
                return Ok(Some(self.confirmed(counter, outcome, seen, out)));
            }
            Due::Change => self.changed(outcome)?,
            Due::List => return self.listed(outcome, out),
            Due::Settings
            | Due::Create
            | Due::Requests(_)
            | Due::Answer(..)
            | Due::Check
            | Due::CleanKeys
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
        settings::write(self.process_id, self.time_limits(), &mut self.unsent);
        self.send(Due::Settings, out);
        Ok(())
    }

    fn settled(&mut self, outcome: Outcome, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        if let Some(search_path) = settings::pooled_search_path(outcome.row.as_ref())? {
            let settings = TransactionSettings::new(self.time_limits(), &search_path);
            self.transaction_settings = Some(settings);
            debug!("a pooler is in between: settings end with each transaction");
        }
        if self.task.survey.is_some() {
            return Ok(Some(WireEvent::HandshakeDone));
        }
        self.prepare(out);
        Ok(None)
    }

    fn prepare(&mut self, out: &mut Vec<u8>) {
        message::clean(self.id, &mut self.unsent);
        self.send(Due::Clean, out);
        statement::prepare(self.session(), self.counters.len() > 1, &mut self.unsent);
        self.send(Due::Prepare, out);
    }

    /// Where others wait behind it, a wait for a lock is short.
    fn time_limits(&self) -> TimeLimits {
        // It ends before the statement does, so that the error says what was waited for.
        let longest = self.statement_timeout - self.statement_timeout / 10;
        let is_shared = self.counters.len() > 1;
        let lock = if is_shared { longest.min(POSTGRES_LOCK_TIMEOUT_SHARED) } else { longest };
        TimeLimits::new(self.statement_timeout, lock)
    }

    fn prepared(
        &mut self,
        outcome: Outcome,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        match outcome.error {
            None => Ok(Some(WireEvent::HandshakeDone)),
            Some(error) if error.is_of_the_layout() && self.may_create_tables() => {
                let settings = self.settings_statements();
                self.create_tables(error.is_missing_column() && outcome.parsed <= settings, out);
                self.prepare(out);
                Ok(None)
            }
            Some(error) => Err(self.not_prepared(error)),
        }
    }

    pub(super) fn stepped(&self, error: Option<ServerError>) -> Result<(), Fault> {
        // What another process has created a moment before is created.
        error.filter(|it| !it.is_created_already()).map_or(Ok(()), |it| Err(self.fault(it)))
    }

    /// What the operator should know of an error in a handshake.
    pub(super) fn fault(&self, error: ServerError) -> Fault {
        let counter = self.counters.get(CounterId::FIRST);
        error.with_remedy(|| remedy::creation_sql(counter, &self.url.user))
    }

    // --- confirming a counter -------------------------------------------------------------------

    fn enter(&mut self, counter: CounterId, last: LastGrant, out: &mut Vec<u8>) {
        let (name, session) = (&self.counters.get(counter).name, self.session());
        message::enter(name, self.id, last, session, &mut self.unsent);
        message::sync(&mut self.unsent);
        self.send(Due::Enter(counter, last), out);
    }

    fn entered(
        &mut self,
        counter: CounterId,
        last: LastGrant,
        outcome: Outcome,
    ) -> Option<WireEvent> {
        self.refused = outcome.error.map(|error| self.fault(error));
        self.sessions[counter.index()].has_entered = self.refused.is_none();
        (outcome.row.is_some() && last.sequence > 0).then_some(WireEvent::AnswersLost(counter))
    }

    pub(super) fn confirm(&mut self, counter: CounterId, out: &mut Vec<u8>) {
        let seen = self.counters.get(counter).high_water.position();
        self.write_peek(counter, seen, Due::Confirm(counter, seen), out);
    }

    fn write_peek(&mut self, counter: CounterId, seen: Position, due: Due, out: &mut Vec<u8>) {
        let (name, mode) = (&self.counters.get(counter).name, self.mode(counter));
        message::peek(name, seen, mode, &mut self.unsent);
        message::sync(&mut self.unsent);
        self.send(due, out);
    }

    /// A counter was read: it is there, or is created, but once only.
    fn confirmed_or_missing(
        &mut self,
        counter: CounterId,
        outcome: Outcome,
        seen: Position,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        let is_missing = outcome.is_empty() && self.refused.is_none();
        let is_seen = self.counters.get(counter).high_water.is_seen();
        if is_missing && seen.epoch == 0 && is_seen {
            // Another reactor has created it a moment after this read.
            self.confirm(counter, out);
            return Ok(None);
        }
        if !is_missing || !self.counters.may_create(counter) {
            return Ok(Some(self.confirmed(counter, outcome, seen, out)));
        }
        message::insert_counter(self.counters.get(counter), &mut self.unsent);
        self.send(Due::Insert(counter), out);
        self.write_peek(counter, seen, Due::ConfirmCreated(counter, seen), out);
        Ok(None)
    }

    fn confirmed(
        &mut self,
        counter: CounterId,
        outcome: Outcome,
        seen: Position,
        out: &mut Vec<u8>,
    ) -> WireEvent {
        let refused = self.refused.take();
        let result = match outcome {
            Outcome { error: Some(error), .. } => {
                self.set_alone(counter);
                Err(self.fault(error))
            }
            Outcome { row: Some(row), .. } => row::taken(&row).and_then(|taken| {
                taken.check(seen)?;
                refused.map_or(Ok(()), Err)?;
                self.counters.observe(counter, taken.grant, taken.made());
                Ok(())
            }),
            Outcome { row: None, .. } => {
                if seen.epoch > 0 {
                    message::write_lost(&self.counters.get(counter).name, seen, &mut self.unsent);
                    self.send(Due::Lost, out);
                }
                Err(refused.unwrap_or_else(|| error::missing(seen)))
            }
        };
        WireEvent::Confirmed(counter, result)
    }

    fn inserted(&mut self, counter: CounterId, outcome: Outcome) {
        if outcome.has_inserted && outcome.error.is_none() {
            self.counters.get(counter).confirmed(Origin::Created);
        }
        self.refused = self.stepped(outcome.error).err();
    }
}
