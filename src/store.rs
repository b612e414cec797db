//! Where the counts live: send it requests for numbers, poll its events.
//!
//! One request: "grant me up to `n` of this counter"; with `n = 0` it only reads. The replies for a
//! counter come in the order of its requests. The set of stores is closed, so it is an enum that is
//! matched once a batch.

pub mod change;
pub mod channel;
pub mod connection;
pub mod counters;
pub mod error;
pub mod file;
pub mod high_water;
pub mod hosts;
mod key_book;
pub mod keys;
mod linger;
mod lost_numbers;
mod mailboxes;
pub mod memory;
mod merger;
pub mod nodes;
pub mod open;
pub mod postgres;
pub mod redis;
pub mod request;
mod sending;
pub mod shared;
pub mod survey;
pub mod wire;

use std::sync::Arc;
use std::time::Instant;

use crate::counter::CounterId;
use crate::limits::SHARED_LINGER_SHARE_MAX;
use crate::metrics::store_metrics::StoreMetrics;
use connection::Connection;
use error::StoreError;
use file::served::FileStore;
use memory::Memory;
use nodes::Nodes;
use request::{SendState, StoreEvent};
use shared::SharedStore;

/// Batches of one counter that a reactor may have handed over to what all reactors share: the next
/// one is merged with those of the others all the same.
const SHARED_BATCHES_MAX: usize = 1;

/// The counts behind one reactor.
#[derive(Debug)]
pub enum Store {
    /// In the process itself: a request is granted at once.
    Memory(Memory),
    /// In a file of this host, behind the thread that commits for all reactors.
    File(FileStore),
    /// Behind a connection.
    Connection(Box<Connection>),
    /// Behind a connection to each node of a Redis Cluster that is needed, or to the one Redis.
    Nodes(Box<Nodes>),
    /// Behind the one connection of all reactors.
    Shared(SharedStore),
}

impl Store {
    /// The connections that need sockets. More may be added, and each keeps its place.
    pub fn connections(&mut self) -> &mut [Connection] {
        match self {
            // The shared one is its owner's, and under a lock.
            Store::Memory(_) | Store::File(_) | Store::Shared(_) => &mut [],
            Store::Connection(connection) => std::slice::from_mut(connection),
            Store::Nodes(nodes) => nodes.connections(),
        }
    }

    /// Whether a request for this counter would be sent now. While it waits, whatever lets it go on
    /// makes the reactor turn.
    pub fn send_state(&mut self, counter: CounterId, now: Instant) -> SendState {
        match self {
            Store::Memory(_) => SendState::Ready,
            Store::File(file) => file.send_state(counter),
            Store::Connection(connection) => connection.send_state(counter, now),
            Store::Nodes(nodes) => nodes.send_state(counter, now),
            Store::Shared(shared) => shared.send_state(counter, now),
        }
    }

    /// Whether [`Store::send_state`] would say that it can be sent.
    pub fn is_ready(&self, counter: CounterId) -> bool {
        match self {
            Store::Memory(_) => true,
            Store::File(file) => file.send_state(counter) == SendState::Ready,
            Store::Connection(connection) => connection.is_ready(counter),
            Store::Nodes(nodes) => nodes.of(counter).is_ready(counter),
            Store::Shared(shared) => shared.is_ready(counter),
        }
    }

    /// All requests of this wake are made: those that go together are sent together.
    pub fn finish_requests(&mut self, now: Instant) {
        match self {
            Store::Memory(_) => {}
            Store::File(file) => file.finish_requests(),
            Store::Connection(connection) => connection.finish_requests(),
            Store::Nodes(nodes) => nodes.finish_requests(),
            Store::Shared(shared) => shared.finish_requests(now),
        }
    }

    /// Batches of one counter that may be in flight at once. While so many are, the next ones wait,
    /// and that is what makes them large.
    pub fn batches_in_flight_max(&self) -> usize {
        match self {
            Store::Memory(_) => usize::MAX,
            Store::Connection(connection) => connection.wire().batches_in_flight_max(),
            Store::Nodes(nodes) => nodes.of(CounterId::FIRST).wire().batches_in_flight_max(),
            Store::File(_) | Store::Shared(_) => SHARED_BATCHES_MAX,
        }
    }

    /// Whether a request is without a reply.
    pub fn is_awaiting_reply(&self) -> bool {
        match self {
            Store::Memory(_) => false,
            Store::File(file) => file.is_awaiting_reply(),
            Store::Connection(connection) => connection.is_awaiting_reply(),
            Store::Nodes(nodes) => nodes.is_awaiting_reply(),
            Store::Shared(shared) => shared.is_awaiting_reply(),
        }
    }

    /// The reactor ends: logs how many numbers are in doubt, unless others go on with them.
    pub fn log_unfinished(&self) {
        match self {
            Store::Memory(_) => {}
            Store::File(file) => file.leave(),
            Store::Connection(connection) => connection.log_unfinished(),
            Store::Nodes(nodes) => nodes.log_unfinished(),
            Store::Shared(shared) => shared.leave(),
        }
    }

    /// What is counted of the way to the store; of one in the process there is nothing.
    pub fn metrics(&self) -> Arc<StoreMetrics> {
        match self {
            Store::Memory(_) => Arc::new(StoreMetrics::new(0, 0)),
            Store::File(file) => file.metrics(),
            Store::Connection(connection) => connection.metrics(),
            Store::Nodes(nodes) => nodes.metrics(),
            Store::Shared(shared) => shared.metrics(),
        }
    }

    /// Whether the store takes writes, as far as is known without asking it.
    pub fn known_writes(&self) -> Result<(), StoreError> {
        match self {
            Store::Memory(_) => Ok(()),
            Store::File(file) => file.known_writes(),
            Store::Connection(connection) => connection.known_writes(),
            Store::Nodes(nodes) => nodes.known_writes(),
            Store::Shared(shared) => shared.known_writes(),
        }
    }

    /// Whether there is an event. The turn that asks goes on with it: a reactor that shares its
    /// connection is woken for the next one.
    pub fn has_events(&self) -> bool {
        match self {
            Store::Memory(_) => false,
            Store::File(file) => file.look_for_events(),
            Store::Connection(connection) => connection.has_events(),
            Store::Nodes(nodes) => nodes.has_events(),
            Store::Shared(shared) => shared.look_for_events(),
        }
    }

    /// The next event, if there is one.
    pub fn poll(&mut self) -> Option<StoreEvent> {
        match self {
            Store::Memory(_) => None,
            Store::File(file) => file.poll(),
            Store::Connection(connection) => connection.poll(),
            Store::Nodes(nodes) => nodes.poll(),
            Store::Shared(shared) => shared.poll(),
        }
    }

    /// Whether the store takes writes, if that was seen not long ago. Else a write is tried, and
    /// [`StoreEvent::Written`] tells.
    pub fn check_writes(&mut self, now: Instant) -> Option<Result<(), StoreError>> {
        match self {
            Store::Memory(_) => Some(Ok(())),
            Store::File(file) => file.check_writes(now),
            Store::Connection(connection) => connection.check_writes(now),
            Store::Nodes(nodes) => nodes.check_writes(now),
            Store::Shared(shared) => shared.check_writes(now),
        }
    }

    /// Why nothing can be taken from this counter, as far as is known; `None` if it can.
    pub fn refusal(&self, counter: CounterId) -> Option<StoreError> {
        match self {
            Store::Memory(_) => None,
            Store::File(file) => file.refusal(counter),
            Store::Connection(connection) => connection.refusal(counter),
            Store::Nodes(nodes) => nodes.refusal(counter),
            Store::Shared(shared) => shared.refusal(counter),
        }
    }

    /// Why the store is away, if it is.
    pub fn absence(&self) -> Option<StoreError> {
        match self {
            Store::Memory(_) => None,
            Store::File(file) => file.absence(),
            Store::Connection(connection) => connection.absence(),
            Store::Nodes(nodes) => nodes.absence(),
            Store::Shared(shared) => shared.absence(),
        }
    }

    /// Has a counter that was refused tried again, so that [`Store::refusal`] is true soon.
    pub fn recheck(&mut self, counter: CounterId, now: Instant) {
        match self {
            Store::Memory(_) | Store::File(_) => {}
            Store::Connection(connection) => connection.recheck(counter, now),
            Store::Nodes(nodes) => nodes.of_mut(counter).recheck(counter, now),
            Store::Shared(shared) => shared.recheck(counter, now),
        }
    }

    /// Of those who were just answered, how many the next batch waits for.
    pub fn expected_returning(&self, answered: usize) -> usize {
        match self {
            Store::Memory(_) => 0,
            Store::File(_) => answered.min(SHARED_LINGER_SHARE_MAX as usize),
            Store::Connection(connection) => connection.wire().expected_returning(answered),
            Store::Nodes(nodes) => nodes.of(CounterId::FIRST).wire().expected_returning(answered),
            Store::Shared(shared) => shared.expected_returning(answered),
        }
    }

    /// Lets the time pass: deadlines of a connection.
    pub fn tick(&mut self, now: Instant) {
        match self {
            Store::Memory(_) => {}
            Store::File(file) => file.tick(now),
            Store::Connection(connection) => connection.tick(now),
            Store::Nodes(nodes) => nodes.tick(now),
            Store::Shared(shared) => shared.tick(now),
        }
    }

    /// When [`Store::tick`] has work next: the reactor turns then.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Store::Memory(_) => None,
            Store::File(file) => file.deadline(),
            Store::Connection(connection) => connection.deadline(),
            Store::Nodes(nodes) => nodes.deadline(),
            Store::Shared(shared) => shared.announce_deadline(),
        }
    }

    /// When the store counts as away, and is waited for no longer; `None` while it is there.
    #[inline]
    pub fn away_at(&self) -> Option<Instant> {
        match self {
            Store::Memory(_) => None,
            Store::File(file) => file.away_at(),
            Store::Connection(connection) => connection.away_at(),
            Store::Nodes(nodes) => nodes.away_at(),
            Store::Shared(shared) => shared.away_at(),
        }
    }

    /// Why a request for this counter that waited in vain got no answer.
    pub fn last_error(&self, counter: CounterId) -> StoreError {
        match self {
            Store::Memory(_) => StoreError::Timeout,
            Store::File(file) => file.last_error(counter),
            Store::Connection(connection) => connection.last_error(counter),
            Store::Nodes(nodes) => nodes.of(counter).last_error(counter),
            Store::Shared(shared) => shared.last_error(counter),
        }
    }
}
