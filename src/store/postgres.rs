//! PostgreSQL, as bytes: protocol 3.0 with the postgres-protocol crate's packing and parsing.
//!
//! The counter is a row of the table `headcount` (`table.sql`); an ask is one execution of one
//! prepared statement (`take.sql`), a transaction of its own. Whatever is sent ends in a Sync, and
//! so in one ReadyForQuery: only that says that the transaction is committed. A row comes before
//! the commit, so it is believed at ReadyForQuery, and not at all behind an error.
//!
//! What comes before the first ask is in `handshake.rs`. An ask that comes again, and is granted
//! nothing now, looks for the answer that it was given before in the link's row of the table
//! `headcount_answer`.
//! See PostgreSQL's manual, "Frontend/Backend Protocol".

mod authentication;
mod error;
mod handshake;
mod message;
mod outcome;
mod row;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use log::debug;
use postgres_protocol::message::backend::Message;

use crate::config::PostgresUrl;
use crate::counter::Grant;
use crate::limits::{HANDSHAKE_TIMEOUT, POSTGRES_BATCHES_IN_FLIGHT_MAX};
use crate::store::change::ChangeProgress;
use crate::store::counter::Counter;
use crate::store::error::Fault;
use crate::store::high_water::Position;
use crate::store::request::{Answer, Event, LastGrant, Request};
use authentication::Authentication;
use error::ServerError;
pub use error::hint;
use error::not_postgres;
use outcome::Outcome;

/// What was sent up to a Sync, and so a ReadyForQuery that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Startup,
    Settings,
    Create,
    /// A table of headcount 0.1 gets today's layout.
    Migrate,
    /// The row of the counter.
    Insert,
    /// The row of the link.
    Enter,
    /// What a counter holds that is to be changed.
    Read,
    /// A reset or a set.
    Change,
    /// What the change has left.
    ReadChanged,
    /// A take of nothing, the last step of the handshake, by one who had seen so much.
    Look(Position),
    /// An ask for so many, likewise.
    Request(u64, Position),
    /// An ask that was sent before.
    Again(Request),
    /// The answer that it may have been given before.
    Answer(Request),
    /// What was seen of a counter that is missing.
    Lost,
}

/// The protocol state of one connection, used again for the next one.
pub struct Postgres {
    url: PostgresUrl,
    counter: Counter,
    /// Tells this link from all others, those of former processes included.
    id: u64,
    statement_timeout: Duration,
    authentication: Authentication,
    unread: BytesMut,
    unsent: BytesMut,
    due: VecDeque<Due>,
    outcome: Outcome,
    /// What was missing is being created on this connection, or migrated.
    is_creating: bool,
    /// The epoch that a change has read, over all connections; 0 if there was no counter.
    read_epoch: Option<u64>,
    change_progress: ChangeProgress,
    /// The answer to it must be there at the next handshake.
    pub(super) last_grant: LastGrant,
    /// What an ask that was sent before is answered now, if it was not granted anything before.
    answer_now: Option<Answer>,
}

impl Postgres {
    /// A link to the PostgreSQL of `url`, where the counter is created if it is missing and was not
    /// seen by this process. `id` must be no other link's: a random one.
    ///
    /// `timeout` is that of an request. The server is told to give up a statement long before: so
    /// whatever waited for a lock in vain surely did not run, and is asked for again only for
    /// those who still wait.
    pub fn new(url: PostgresUrl, counter: Counter, timeout: Duration, id: u64) -> Postgres {
        Postgres {
            url,
            counter,
            id,
            statement_timeout: timeout / (POSTGRES_BATCHES_IN_FLIGHT_MAX as u32 + 1),
            authentication: Authentication::default(),
            unread: BytesMut::new(),
            unsent: BytesMut::new(),
            due: VecDeque::new(),
            outcome: Outcome::default(),
            is_creating: false,
            read_epoch: None,
            change_progress: ChangeProgress::default(),
            last_grant: LastGrant::default(),
            answer_now: None,
        }
    }

    /// The counter that is asked for.
    pub fn counter(&self) -> &Counter {
        &self.counter
    }

    /// What is known of a reset or a set.
    pub fn change_progress(&self) -> &ChangeProgress {
        &self.change_progress
    }

    /// How long a connecting and its handshake may take.
    pub fn handshake_timeout(&self) -> Duration {
        self.url.connect_timeout.unwrap_or(HANDSHAKE_TIMEOUT)
    }

    /// A new connection begins: introduces itself; the rest of the handshake follows the server's
    /// answers.
    pub fn start_handshake(&mut self, out: &mut Vec<u8>) {
        self.authentication = Authentication::default();
        self.unread.clear();
        self.unsent.clear();
        self.due.clear();
        self.outcome = Outcome::default();
        self.is_creating = false;
        message::startup(&self.url, &mut self.unsent);
        self.send(Due::Startup, out);
    }

    /// Writes one request.
    pub fn write_request(&mut self, request: Request, out: &mut Vec<u8>) {
        match request.count {
            0 => message::peek(&self.counter.name, request.seen, &mut self.unsent),
            _ => message::take(&self.counter.name, self.id, request, &mut self.unsent),
        }
        self.send(Due::Request(request.count, request.seen), out);
    }

    /// Writes one ask that was sent before. Its sequence number keeps it from taking twice; where
    /// it is granted nothing, it may have been granted something before.
    pub fn write_resent(&mut self, request: Request, out: &mut Vec<u8>) {
        if request.count == 0 {
            return self.write_request(request, out);
        }
        message::take(&self.counter.name, self.id, request, &mut self.unsent);
        self.send(Due::Again(request), out);
    }

    /// Bytes came; [`Postgres::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`. After an error the connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Event>, Fault> {
        while let Some(message) = message::next(&mut self.unread)? {
            let event = self.understand(message, out)?;
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    fn understand(&mut self, message: Message, out: &mut Vec<u8>) -> Result<Option<Event>, Fault> {
        match message {
            Message::ReadyForQuery(body) => return self.ready(body.status(), out),
            Message::ErrorResponse(body) => self.failed(ServerError::read(body.fields())?)?,
            Message::DataRow(row) => {
                if self.outcome.row.replace(row).is_some() {
                    return Err(not_postgres("a row too many"));
                }
            }
            Message::NoticeResponse(body) => {
                let detail = ServerError::read(body.fields())?.fault().detail;
                debug!(detail; "store notice");
            }
            Message::CommandComplete(body) if self.due.front() == Some(&Due::Insert) => {
                self.outcome.has_inserted = body.tag().is_ok_and(|tag| tag == "INSERT 0 1");
            }
            Message::CommandComplete(_)
            | Message::ParseComplete
            | Message::BindComplete
            | Message::RowDescription(_)
            // Out of band, or nothing that is needed.
            | Message::ParameterStatus(_)
            | Message::BackendKeyData(_)
            | Message::NotificationResponse(_) => {}
            message if self.due.front() == Some(&Due::Startup) => {
                self.authentication.respond(message, &self.url, &mut self.unsent)?;
                self.flush(out);
            }
            _ => return Err(not_postgres("a message that is not expected")),
        }
        Ok(None)
    }

    /// An error ends its transaction, or the connection with it.
    fn failed(&mut self, error: ServerError) -> Result<(), Fault> {
        match self.due.front() {
            Some(due) if *due != Due::Startup && !error.is_fatal => {
                self.outcome.error = Some(error);
                Ok(())
            }
            _ => Err(error.fault()),
        }
    }

    /// The oldest of what was sent is done.
    fn ready(&mut self, status: u8, out: &mut Vec<u8>) -> Result<Option<Event>, Fault> {
        let outcome = std::mem::take(&mut self.outcome);
        // Idle is outside of a transaction, which is where each Sync of ours ends.
        if status != b'I' {
            return Err(not_postgres("a transaction that stays open"));
        }
        match self.due.pop_front().ok_or_else(|| not_postgres("a reply too many"))? {
            Due::Request(count, seen) => {
                if outcome.is_empty() {
                    message::write_lost(&self.counter.name, seen, &mut self.unsent);
                    self.send(Due::Lost, out);
                }
                let answer = outcome.answer(&self.counter, count, seen)?;
                Ok(Some(Event::Replied(answer)))
            }
            Due::Again(request) => {
                let answer = outcome.answer(&self.counter, request.count, request.seen)?;
                if matches!(answer, Answer::Granted(Grant { granted: 1.., .. })) {
                    return Ok(Some(Event::Replied(answer)));
                }
                self.answer_now = Some(answer);
                message::answer(&self.counter.name, self.id, request, &mut self.unsent);
                self.send(Due::Answer(request), out);
                Ok(None)
            }
            Due::Answer(request) => {
                let now = self.answer_now.take().filter(|_| outcome.is_empty());
                let before = || outcome.answer(&self.counter, request.count, request.seen);
                Ok(Some(Event::Replied(now.map_or_else(before, Ok)?)))
            }
            // Where it may not be written, this process refuses all the same.
            Due::Lost => Ok(None),
            due => self.handshake_step(due, outcome, out),
        }
    }

    fn send(&mut self, due: Due, out: &mut Vec<u8>) {
        self.due.push_back(due);
        self.flush(out);
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.unsent);
        self.unsent.clear();
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Postgres");
        fields.field("name", &self.counter.name).field("due", &self.due).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
