//! Where the count lives: ask it for numbers, poll its replies.
//!
//! One question: "grant me up to `n`"; with `n = 0` it only looks. Replies come in the order of
//! the asks. The set of stores is closed, so it is an enum that is matched once a batch.

pub mod change;
pub mod connection;
pub mod counter;
pub mod error;
pub mod high_water;
pub mod memory;
pub mod open;
pub mod postgres;
pub mod redis;
pub mod request;
pub mod wire;

use std::time::Instant;

use connection::Connection;
use error::StoreError;
use memory::Memory;
use request::Reply;

/// The count behind one reactor.
#[derive(Debug)]
pub enum Store {
    /// In the process itself: an ask is granted at once.
    Memory(Memory),
    /// Behind a connection.
    Connection(Box<Connection>),
}

impl Store {
    /// Whether an ask would be sent now rather than wait.
    pub fn can_send(&self) -> bool {
        match self {
            Store::Memory(_) => true,
            Store::Connection(connection) => connection.can_send(),
        }
    }

    /// Asks for up to `count` numbers. Only when [`Store::can_send`]. `unclaimed` is the least
    /// number that the asker has at hand: where it may hand that out, a known halt is no answer.
    pub fn send(&mut self, count: u64, unclaimed: Option<u64>, now: Instant) {
        match self {
            Store::Memory(memory) => memory.send(count),
            Store::Connection(connection) => connection.send(count, unclaimed, now),
        }
    }

    /// Whether an ask is without a reply.
    pub fn is_awaiting_reply(&self) -> bool {
        match self {
            Store::Memory(_) => false,
            Store::Connection(connection) => connection.is_awaiting_reply(),
        }
    }

    /// The process ends: says how many numbers are in doubt.
    pub fn log_unfinished(&self) {
        match self {
            Store::Memory(_) => {}
            Store::Connection(connection) => connection.log_unfinished(),
        }
    }

    /// The reply to the oldest ask that has none yet, if it is there.
    pub fn poll(&mut self) -> Option<Reply> {
        match self {
            Store::Memory(memory) => memory.poll(),
            Store::Connection(connection) => connection.poll(),
        }
    }

    /// Of those who were just answered, how many the next ask is worth waiting for.
    pub fn expected_returning(&self, answered: usize) -> usize {
        match self {
            Store::Memory(_) => 0,
            Store::Connection(connection) => connection.wire().expected_returning(answered),
        }
    }

    /// Lets the time pass: deadlines of a connection.
    pub fn tick(&mut self, now: Instant) {
        if let Store::Connection(connection) = self {
            connection.tick(now);
        }
    }

    /// When [`Store::tick`] has work next.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Store::Memory(_) => None,
            Store::Connection(connection) => connection.deadline(),
        }
    }

    /// Why a request that waited in vain got no answer.
    pub fn last_error(&self) -> StoreError {
        match self {
            Store::Memory(_) => StoreError::Timeout,
            Store::Connection(connection) => connection.last_error().error,
        }
    }
}
