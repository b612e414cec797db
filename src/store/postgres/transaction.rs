//! Requests for numbers: those of one wake in one transaction, and what became of each.
//!
//! All requests of a wake are kept until the last one is there. They go out in the order of the
//! counters' names, so that no two processes lock rows in different orders, and up to one Sync:
//! they share one implicit transaction, and one commit. The row of each counts from
//! ReadyForQuery. An error undoes all of it; each Execute that ran before has its CommandComplete,
//! so their number says whose the error is. The others surely did not run.
//!
//! ```text
//!              an error of its own, or one of all
//!   together ------------------------------------> alone
//!      ^                                             |
//!      +--------------- a take that ran -------------+
//! ```
//!
//! A counter that failed is alone from then on: in a transaction of its own, behind that of the
//! others, by statements that do not wait for a lock on a row. So it makes the others fail once at
//! most, and then costs them no wait. Where there is only one counter nobody is to be protected
//! from it, and it goes on waiting for its turn.
//!
//! The row of the link is entered before the first take of a counter on a connection, by a
//! statement of the same transaction. So are the rows locked that a request with keys writes, and
//! counter after counter: the locks, too, are taken in the order of the names.

use super::Postgres;
use super::due::Due;
use super::error::{ServerError, not_postgres};
use super::outcome::Outcome;
use super::requests::{AnswerNow, Sent};
use super::settings::TransactionSettings;
use super::statement::{Mode, Session};
use super::{message, row};
use crate::counter::CounterId;
use crate::limits::POSTGRES_TRANSACTION_REQUESTS_MAX;
use crate::store::error::Fault;
use crate::store::keys;
use crate::store::request::{Answer, LastGrant, Request, WireEvent};

impl Postgres {
    /// Keeps one request until [`Postgres::finish_requests`].
    pub fn write_request(&mut self, counter: CounterId, request: Request) {
        self.requests.kept.push((counter, request));
    }

    /// All requests of this wake are there: writes them.
    pub fn finish_requests(&mut self, out: &mut Vec<u8>) {
        if self.requests.kept.is_empty() {
            return;
        }
        let mut kept = std::mem::take(&mut self.requests.kept);
        let name = |id| self.counters.get(id).name.as_str();
        kept.sort_unstable_by(|(one, _), (other, _)| name(*one).cmp(name(*other)));
        let mut together = 0;
        for (counter, request) in &kept {
            if self.sessions[counter.index()].is_alone {
                continue;
            }
            self.write(*counter, request.clone(), false);
            together += 1;
            if together == POSTGRES_TRANSACTION_REQUESTS_MAX {
                self.commit(std::mem::take(&mut together), out);
            }
        }
        self.commit(together, out);
        for (counter, request) in &kept {
            if self.sessions[counter.index()].is_alone {
                self.write(*counter, request.clone(), false);
                self.commit(1, out);
            }
        }
        kept.clear();
        self.requests.kept = kept;
    }

    /// Writes one request that was sent before. Its sequence number keeps it from taking twice;
    /// where it is granted nothing, it may have been granted something before.
    pub fn write_resent(&mut self, counter: CounterId, request: Request, out: &mut Vec<u8>) {
        self.write(counter, request, true);
        self.commit(1, out);
    }

    fn write(&mut self, counter: CounterId, request: Request, is_again: bool) {
        let (name, mode) = (&self.counters.get(counter).name, self.mode(counter));
        let is_entering = !request.is_read() && !self.sessions[counter.index()].has_entered;
        if is_entering {
            message::enter(name, self.id, LastGrant::default(), mode.session, &mut self.unsent);
        }
        let has_keys = !request.keys.is_empty();
        match request.count {
            _ if has_keys => message::take_keys(name, self.id, &request, mode, &mut self.unsent),
            0 => message::peek(name, request.seen, mode, &mut self.unsent),
            _ => message::take(name, self.id, &request, mode, &mut self.unsent),
        }
        let statements_left = 1 + u32::from(is_entering) + u32::from(has_keys);
        let sent = Sent { counter, request, is_again, is_entering, statements_left, row: None };
        self.requests.push(sent);
    }

    fn commit(&mut self, requests: usize, out: &mut Vec<u8>) {
        if requests > 0 {
            message::sync(&mut self.unsent);
            self.send(Due::Requests(requests), out);
        }
    }

    /// A statement of the oldest transaction has run, which the server tags so.
    pub(super) fn executed(&mut self, tag: &str) -> Result<(), Fault> {
        self.outcome.executed += 1;
        match self.due.front() {
            _ if self.outcome.executed <= self.settings_statements() => {}
            Some(Due::Requests(requests)) => self.requests.executed(*requests)?,
            Some(Due::Insert(_)) => self.outcome.has_inserted = tag == "INSERT 0 1",
            _ => {}
        }
        Ok(())
    }

    /// The oldest transaction has ended, which has so many requests: makes an event for each.
    pub(super) fn transaction_ended(
        &mut self,
        requests: usize,
        error: Option<ServerError>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let executed = std::mem::take(&mut self.requests.executed);
        if let Some(error) = error {
            return self.transaction_failed(requests, executed, error, out);
        }
        if executed < requests {
            return Err(not_postgres("a transaction without its answers"));
        }
        for _ in 0..requests {
            if let Some(sent) = self.requests.pop() {
                self.committed(sent, out)?;
            }
        }
        Ok(())
    }

    fn committed(&mut self, sent: Sent, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Sent { counter, request, .. } = sent;
        let known = self.counters.get(counter);
        let session = &mut self.sessions[counter.index()];
        session.has_entered |= sent.is_entering;
        // A read waits for no lock, so it does not say that there is none.
        session.is_alone &= request.is_read();
        if sent.row.is_none() {
            message::write_lost(&known.name, request.seen, &mut self.unsent);
            self.send(Due::Lost, out);
        }
        let keyed = match &sent.row {
            Some(row) if sent.is_again => row::keyed(row, request.keys.len()),
            _ => Box::default(),
        };
        let outcome = Outcome { row: sent.row, ..Outcome::default() };
        let answer = outcome.answer(&self.counters, counter, &request)?;
        let served = match &answer {
            Answer::GrantedToKeys(grant, _) => Some(grant.epoch),
            _ => None,
        };
        self.answered(counter, sent.is_again, AnswerNow { request, answer, keyed }, out);
        if let Some(epoch) = served {
            self.keys_served(counter, epoch, out);
        }
        Ok(())
    }

    /// An error undid the oldest transaction when so many of its requests had run.
    fn transaction_failed(
        &mut self,
        requests: usize,
        executed: usize,
        error: ServerError,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        // Whose it is nobody knows, or it is of all: the next try will show.
        let is_of_all = (executed >= requests || error.is_of_the_server()) && requests > 1;
        let failed = executed.min(requests - 1);
        let is_locked = error.is_lock();
        let answer = match self.requests.get(failed) {
            Some(sent) if has_remedy(sent) && error.is_missing_right() => {
                Answer::Refused(self.fault(error))
            }
            _ => error.answer()?,
        };
        for index in 0..requests {
            let Some(sent) = self.requests.pop() else {
                return Ok(());
            };
            let answer = match &answer {
                Answer::NotRun(Some(fault)) | Answer::Refused(fault) if is_of_all => {
                    Answer::NotRun(Some(fault.clone()))
                }
                answer if index == failed => answer.clone(),
                _ => Answer::NotRun(None),
            };
            // Behind one that is locked there may be more: each is tried once without a wait.
            if index == failed || is_of_all || is_locked {
                self.set_alone(sent.counter);
            }
            let now = AnswerNow { request: sent.request, answer, keyed: Box::default() };
            self.answered(sent.counter, sent.is_again, now, out);
        }
        Ok(())
    }

    /// A request has its answer, unless it was given another one before.
    fn answered(&mut self, counter: CounterId, is_again: bool, now: AnswerNow, out: &mut Vec<u8>) {
        let session = &mut self.sessions[counter.index()];
        if let Answer::Unconfirmed(_) = now.answer {
            session.has_entered = false;
        }
        if !is_again || now.request.is_read() || has_granted(&now.answer) {
            return self.events.push_back(WireEvent::Replied(counter, now.answer));
        }
        let (name, mode) = (&self.counters.get(counter).name, self.mode(counter));
        message::answer(name, self.id, &now.request, mode, &mut self.unsent);
        self.requests.answers_now.push_back(now);
        message::sync(&mut self.unsent);
        self.send(Due::Answer(counter), out);
    }

    /// The answer that a request was given before is read, or there is none.
    pub(super) fn answer_read(
        &mut self,
        counter: CounterId,
        outcome: Outcome,
    ) -> Result<(), Fault> {
        if outcome.error.is_some() {
            self.set_alone(counter);
        }
        let Some(AnswerNow { request, answer, keyed }) = self.requests.answers_now.pop_front()
        else {
            return Err(not_postgres("an answer too many"));
        };
        let answer = match outcome.is_empty() {
            true => answer,
            false => outcome.first_answer(&self.counters, counter, &request, &keyed)?,
        };
        self.events.push_back(WireEvent::Replied(counter, answer));
        Ok(())
    }

    /// How many statements of its settings each transaction begins with.
    pub(super) fn settings_statements(&self) -> u32 {
        let is_pooled = self.session() == Session::Pooled;
        if is_pooled { TransactionSettings::STATEMENTS } else { 0 }
    }

    /// Whose the session of the server is.
    pub(super) fn session(&self) -> Session {
        if self.transaction_settings.is_some() { Session::Pooled } else { Session::Own }
    }

    /// How the statements of this counter run.
    pub(super) fn mode(&self, counter: CounterId) -> Mode {
        Mode { session: self.session(), locks: self.sessions[counter.index()].locks() }
    }

    /// The counter has failed, and is to make no other one fail.
    pub(super) fn set_alone(&mut self, counter: CounterId) {
        self.sessions[counter.index()].is_alone = self.counters.len() > 1;
    }
}

/// Whether a right that is missing may be one to the tables beside the counters'.
fn has_remedy(sent: &Sent) -> bool {
    let is_entering = sent.is_entering && sent.statements_left > 1;
    is_entering || !sent.request.keys.is_empty()
}

/// Whether something new was granted, to keys or to others.
fn has_granted(answer: &Answer) -> bool {
    match answer {
        Answer::Granted(grant) => grant.granted > 0,
        Answer::GrantedToKeys(grant, keyed) => grant.granted + keys::granted_to(keyed) > 0,
        _ => false,
    }
}
