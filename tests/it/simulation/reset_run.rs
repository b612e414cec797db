//! A reset or a set on its way: what `headcount --reset` does, without its socket.

use std::time::{Duration, Instant};

use headcount::store::change::Change;
use headcount::store::connection::Connection;
use headcount::store::counter::Counter;
use headcount::store::error::StoreError;

use super::node::{SimulatedSocket, link, obey};
use super::store::ModelStore;

/// How long it tries.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a counter that is not there. No other limit is as high, so that it shows where it is taken
/// for the one that was there.
const LIMIT_DEFAULT: u64 = 1_000;

pub struct ResetRun {
    token: String,
    link: Connection,
    wire: Option<SimulatedSocket>,
    until: Instant,
}

impl ResetRun {
    /// A set, if `taken` says to how many, else a reset. Without a `limit` it keeps the stored one.
    pub fn new(id: u64, limit: Option<u64>, taken: Option<u64>, now: Instant) -> ResetRun {
        let mut counter = Counter::new("default", LIMIT_DEFAULT);
        let token = format!("{id:016x}");
        counter.change = Some(Change { token: token.clone(), limit, taken });
        ResetRun { token, link: link(counter, id, now), wire: None, until: now + PATIENCE }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The connection gets a step further: what is sent runs, and what is replied comes.
    pub fn step(&mut self, store: &mut ModelStore, is_store_up: bool, now: Instant) {
        self.tick(is_store_up, now);
        if let (true, Some(wire)) = (is_store_up, &mut self.wire) {
            wire.run_by(store);
        }
    }

    /// What the store has replied comes.
    pub fn receive(&mut self, is_store_up: bool, now: Instant) {
        let replies = self.wire.as_mut().map(|wire| std::mem::take(&mut wire.to_link));
        if let Some(replies) = replies.filter(|replies| !replies.is_empty()) {
            self.link.received(&replies, now);
        }
        self.tick(is_store_up, now);
    }

    /// The connection breaks; returns what the store has not read of it yet.
    pub fn cut(&mut self, now: Instant) -> Option<Vec<u8>> {
        let wire = self.wire.take()?;
        self.link.lost(StoreError::Unreachable, "cut", now);
        Some(wire.to_store)
    }

    /// Whether it has ended: done, declined, or out of patience.
    pub fn has_ended(&self, now: Instant) -> bool {
        self.is_done() || self.is_declined() || now >= self.until
    }

    pub fn is_declined(&self) -> bool {
        !self.is_done() && self.link.last_error().error == StoreError::Declined
    }

    pub fn is_done(&self) -> bool {
        self.link.wire().change_progress().result().is_some()
    }

    fn tick(&mut self, is_store_up: bool, now: Instant) {
        self.link.tick(now);
        obey(&mut self.link, &mut self.wire, is_store_up, now);
    }
}
