//! A reset or a set on its way: what `headcount reset` does, without its socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::counter::CounterId;
use headcount::store::change::Change;
use headcount::store::connection::Connection;
use headcount::store::counters::Counters;
use headcount::store::error::StoreError;

use super::keys::NAMES;
use super::node::{SimulatedSocket, connection, run_commands};
use super::store::ModelStore;

/// How long it tries.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a counter that is not there. No other limit is as high, so that it shows where it is taken
/// for the one that was there.
const LIMIT_DEFAULT: u64 = 1_000;

pub struct ResetRun {
    pub counter: usize,
    token: String,
    connection: Connection,
    socket: Option<SimulatedSocket>,
    until: Instant,
}

impl ResetRun {
    /// A set, if `taken` says to how many, else a reset. Without a `limit` it keeps the stored one.
    pub fn new(
        counter: usize,
        id: u64,
        limit: Option<u64>,
        taken: Option<u64>,
        now: Instant,
    ) -> ResetRun {
        let counters = Arc::new(Counters::new([(NAMES[counter], LIMIT_DEFAULT)].into_iter(), true));
        let token = format!("{id:016x}");
        let change = Change::reset_or_set(token.clone(), limit, taken);
        let connection = connection(&counters, Some(change), id, now);
        ResetRun { counter, token, connection, socket: None, until: now + PATIENCE }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The connection gets a step further: what is sent runs, and what is replied comes.
    pub fn step(&mut self, store: &mut ModelStore, is_store_up: bool, now: Instant) {
        self.tick(is_store_up, now);
        if let (true, Some(socket)) = (is_store_up, &mut self.socket) {
            socket.run_by(store);
        }
    }

    /// What the store has replied comes.
    pub fn receive(&mut self, is_store_up: bool, now: Instant) {
        let replies = self.socket.as_mut().map(|it| std::mem::take(&mut it.to_connection));
        if let Some(replies) = replies.filter(|replies| !replies.is_empty()) {
            self.connection.received(&replies, now);
        }
        self.tick(is_store_up, now);
    }

    /// The connection breaks; returns what the store has not read of it yet.
    pub fn cut(&mut self, now: Instant) -> Option<Vec<u8>> {
        let socket = self.socket.take()?;
        self.connection.lost(StoreError::Unreachable, "cut", now);
        Some(socket.to_store)
    }

    /// Whether it has ended: done, declined, or out of patience.
    pub fn has_ended(&self, now: Instant) -> bool {
        self.is_done() || self.is_declined() || now >= self.until
    }

    pub fn is_declined(&self) -> bool {
        !self.is_done() && self.connection.last_error(CounterId::FIRST) == StoreError::Declined
    }

    pub fn is_done(&self) -> bool {
        self.connection.wire().change_progress().result().is_some()
    }

    fn tick(&mut self, is_store_up: bool, now: Instant) {
        self.connection.tick(now);
        run_commands(&mut self.connection, &mut self.socket, is_store_up, now);
    }
}
