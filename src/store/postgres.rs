//! PostgreSQL, as bytes: protocol 3.0 with the postgres-protocol crate's packing and parsing.
//!
//! A counter is a row of the table `headcount` (`table.sql`); a request is one execution of one
//! prepared statement (`take.sql`), in one transaction with the others of its wake
//! (`transaction.rs`). Whatever is sent ends in a Sync, and so in one ReadyForQuery: only that says
//! that the transaction is committed. A row comes before the commit, so it counts from
//! ReadyForQuery, and not at all behind an error. A request with keys is two executions, of
//! `lock.sql` and `take_keys.sql`.
//!
//! What comes before the first request is in `handshake.rs`. A request that comes again, and is
//! granted nothing now, looks for the answer that it was given before in the link's row of the
//! table `headcount_answer`.
//! See PostgreSQL's manual, "Frontend/Backend Protocol".

mod authentication;
mod change;
mod cleaning;
mod due;
mod ended_sales;
mod error;
mod handshake;
mod keyed;
mod message;
mod outcome;
mod receiving;
mod remedy;
mod requests;
mod row;
mod settings;
mod statement;
mod survey;
mod tables;
mod task;
mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use crate::config::PostgresUrl;
use crate::limits::{HANDSHAKE_TIMEOUT, POSTGRES_BATCHES_IN_FLIGHT_MAX};
use crate::store::change::Change;
use crate::store::channel::Channel;
use crate::store::counters::Counters;
use crate::store::error::Fault;
use crate::store::hosts::Hosts;
use crate::store::request::WireEvent;
use authentication::Authentication;
use cleaning::Cleaning;
use due::Due;
pub use error::hint;
use outcome::Outcome;
use requests::{CounterSession, Requests};
use settings::TransactionSettings;
use task::OnceTask;

/// The protocol state of one connection, used again for the next one.
pub struct Postgres {
    url: PostgresUrl,
    hosts: Hosts,
    counters: Arc<Counters>,
    /// Tells this link from all others, those of former processes included.
    id: u64,
    statement_timeout: Duration,
    channel: Channel,
    authentication: Authentication,
    is_login_refused: bool,
    unread: BytesMut,
    unsent: BytesMut,
    due: VecDeque<Due>,
    outcome: Outcome,
    requests: Requests,
    /// The process of the server that serves this connection, as it says itself.
    process_id: Option<i32>,
    /// What each transaction begins with, if the session is a pooler's.
    transaction_settings: Option<TransactionSettings>,
    /// By the counters' ids.
    sessions: Vec<CounterSession>,
    cleaning: Cleaning,
    /// What became of the requests of a transaction that has ended.
    events: VecDeque<WireEvent>,
    /// Missing tables are being created on this connection, or migrated.
    is_creating_tables: bool,
    /// Why the counter that is being confirmed is not.
    refused: Option<Fault>,
    /// What is done instead of confirming counters, if anything is.
    task: OnceTask,
}

impl Postgres {
    /// A link to the PostgreSQL of `url`. `id` must be no other link's: a random one. `change`:
    /// what is to be done with the first counter.
    ///
    /// `timeout` is that of a request. The server is told to give up a statement long before: a
    /// statement cancelled while waiting for a lock took nothing, and is sent again only for those
    /// who still wait.
    pub fn new(
        url: PostgresUrl,
        counters: Arc<Counters>,
        change: Option<Change>,
        timeout: Duration,
        id: u64,
    ) -> Postgres {
        Postgres {
            hosts: Hosts::new(url.endpoint.clone(), url.others.iter().cloned()),
            url,
            process_id: None,
            transaction_settings: None,
            sessions: vec![CounterSession::default(); counters.len()],
            counters,
            id,
            statement_timeout: timeout / (POSTGRES_BATCHES_IN_FLIGHT_MAX as u32 + 1),
            channel: Channel::Plain,
            authentication: Authentication::default(),
            is_login_refused: false,
            unread: BytesMut::new(),
            unsent: BytesMut::new(),
            due: VecDeque::new(),
            outcome: Outcome::default(),
            requests: Requests::default(),
            cleaning: Cleaning::default(),
            events: VecDeque::new(),
            is_creating_tables: false,
            refused: None,
            task: OnceTask { change, ..OnceTask::default() },
        }
    }

    /// Where a connection leads to.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The same, to say which of them serve.
    pub fn hosts_mut(&mut self) -> &mut Hosts {
        &mut self.hosts
    }

    /// Whether the server has answered the login of this connection with an error.
    pub fn is_login_refused(&self) -> bool {
        self.is_login_refused
    }

    /// How long a connecting and its handshake may take.
    pub fn handshake_timeout(&self) -> Duration {
        self.url.connect_timeout.unwrap_or(HANDSHAKE_TIMEOUT)
    }

    /// A new connection begins: introduces itself; the rest of the handshake follows the server's
    /// answers.
    pub fn start_handshake(&mut self, out: &mut Vec<u8>) {
        (self.authentication, self.is_login_refused) = (Authentication::default(), false);
        self.unread.clear();
        self.unsent.clear();
        self.due.clear();
        self.outcome = Outcome::default();
        self.requests.clear();
        self.events.clear();
        self.sessions.iter_mut().for_each(CounterSession::connection_lost);
        self.cleaning = Cleaning::default();
        (self.is_creating_tables, self.refused) = (false, None);
        (self.channel, self.process_id) = (Channel::Plain, None);
        self.transaction_settings = None;
        message::startup(&self.url, &mut self.unsent);
        self.send(Due::Startup, out);
    }

    /// The connection is encrypted: what its login can be bound to.
    pub fn set_channel(&mut self, channel: Channel) {
        self.channel = channel;
    }

    /// Whether a request would be sent now: a transaction waits for the one before it.
    pub fn can_send(&self) -> bool {
        self.requests.can_send()
    }

    /// Writes a write that changes nothing.
    pub fn write_check(&mut self, out: &mut Vec<u8>) {
        message::check(self.id, &mut self.unsent);
        self.send(Due::Check, out);
    }

    /// Bytes came; [`Postgres::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`. After an error the connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        while let Some(message) = message::next(&mut self.unread)? {
            let event = self.understand(message, out)?;
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Sends what is written up to one Sync, and so one transaction.
    fn send(&mut self, due: Due, out: &mut Vec<u8>) {
        if let Some(settings) =
            self.transaction_settings.as_ref().filter(|_| !due.is_simple_query())
        {
            out.extend_from_slice(settings.messages());
        }
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
        fields.field("url", &self.url).field("due", &self.due).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
