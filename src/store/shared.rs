//! One connection for all reactors of a process, as each of them sees it.
//!
//! PostgreSQL commits the changes of one row one after the other, so a second connection only waits
//! for the first. The reactors hand their batches over; those of one counter go as one request, and
//! its reply is split among them (`store/merger.rs`). The first reactor, the owner, has the socket.
//! The others wake it when there is something to send, and it wakes them when there is a reply. The
//! owner is the last to stop.
//!
//! The lock is held for as long as it takes to change the state, or to understand what the store
//! has sent: never while bytes are read or written. Only connecting, which is rare, is done under
//! it. Sans-IO: who is to be woken is said by [`SharedStore::take_wakes`].

mod shared_connection;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::connection::Connection;
use super::counters::Counters;
use super::error::StoreError;
use super::keys::Keys;
use super::mailboxes::OWNER;
use super::merger::Wants;
use super::request::{SendState, StoreEvent};
use crate::counter::CounterId;
use crate::metrics::store_metrics::StoreMetrics;
use shared_connection::SharedConnection;

/// The way of one reactor, a source, to the connection of its process.
#[derive(Debug)]
pub struct SharedStore {
    shared: Arc<Mutex<SharedConnection>>,
    source: usize,
}

impl SharedStore {
    /// The ways of so many reactors to one connection, which serves these counters. The first one
    /// owns its socket.
    pub fn of(
        connection: Connection,
        sources: usize,
        counters: &Arc<Counters>,
    ) -> Vec<SharedStore> {
        let shared = SharedConnection::new(connection, sources, Arc::clone(counters));
        let shared = Arc::new(Mutex::new(shared));
        let store = |source| SharedStore { shared: Arc::clone(&shared), source };
        (0..sources).map(store).collect()
    }

    /// Whether this reactor has the socket.
    pub fn is_owner(&self) -> bool {
        self.source == OWNER
    }

    /// The owner does something with the connection; what comes of it goes to all.
    pub fn with_connection<T>(&self, now: Instant, act: impl FnOnce(&mut Connection) -> T) -> T {
        let mut shared = self.lock();
        let result = act(&mut shared.connection);
        shared.distribute(now);
        result
    }

    /// The reactors that are to be woken now, by their places; perhaps this one too, which then
    /// has events that its last turn did not see.
    pub fn take_wakes(&self) -> Vec<usize> {
        self.lock().mailboxes.take_wakes()
    }

    /// See [`super::Store::send_state`].
    pub fn send_state(&self, counter: CounterId, now: Instant) -> SendState {
        self.lock().send_state(self.source, counter, now)
    }

    /// See [`super::Store::is_ready`].
    pub fn is_ready(&self, counter: CounterId) -> bool {
        self.lock().is_ready(self.source, counter)
    }

    /// Hands over a batch that wants the numbers of these keys and so many more, to be sent with
    /// those of the others.
    pub fn send(
        &self,
        counter: CounterId,
        count: u64,
        keys: Keys,
        has_unclaimed: bool,
        now: Instant,
    ) {
        let wants = Wants { count, keys };
        self.lock().push(self.source, counter, wants, has_unclaimed, now);
    }

    /// See [`super::Store::finish_requests`].
    pub fn finish_requests(&self, now: Instant) {
        self.lock().finish_requests(self.source, now);
    }

    /// See [`super::Store::is_awaiting_reply`].
    pub fn is_awaiting_reply(&self) -> bool {
        self.lock().is_awaiting_reply(self.source)
    }

    /// What the connection counts, for its owner; the others have none of their own to count.
    pub fn metrics(&self) -> Arc<StoreMetrics> {
        match self.is_owner() {
            true => self.lock().connection.metrics(),
            false => Arc::new(StoreMetrics::new(0, 0)),
        }
    }

    /// Whether there is an event for this reactor, which from now on is woken for the next one.
    pub fn look_for_events(&self) -> bool {
        self.lock().mailboxes.look(self.source)
    }

    /// See [`super::Store::poll`].
    pub fn poll(&self) -> Option<StoreEvent> {
        self.lock().mailboxes.pop(self.source)
    }

    /// See [`super::Store::known_writes`].
    pub fn known_writes(&self) -> Result<(), StoreError> {
        self.lock().connection.known_writes()
    }

    /// See [`super::Store::check_writes`].
    pub fn check_writes(&self, now: Instant) -> Option<Result<(), StoreError>> {
        let mut shared = self.lock();
        let result = shared.connection.check_writes(now);
        if result.is_none() {
            shared.mailboxes.await_progress(self.source);
        }
        result
    }

    /// See [`super::Store::refusal`].
    pub fn refusal(&self, counter: CounterId) -> Option<StoreError> {
        self.lock().connection.refusal(counter)
    }

    /// See [`super::Store::absence`].
    pub fn absence(&self) -> Option<StoreError> {
        self.lock().connection.absence()
    }

    /// See [`super::Store::recheck`].
    pub fn recheck(&self, counter: CounterId, now: Instant) {
        self.lock().connection.recheck(counter, now);
    }

    /// See [`super::Store::expected_returning`].
    pub fn expected_returning(&self, answered: usize) -> usize {
        self.lock().connection.wire().expected_returning(answered)
    }

    /// See [`super::Store::tick`]. The owner alone lets the time pass for the connection.
    pub fn tick(&self, now: Instant) {
        if self.is_owner() {
            self.lock().tick(now);
        }
    }

    /// When the owner has to turn though nothing comes: it is woken only for what is earlier.
    /// `None` for the others.
    pub fn announce_deadline(&self) -> Option<Instant> {
        if self.is_owner() { self.lock().announce_deadline() } else { None }
    }

    /// See [`super::Store::away_at`].
    pub fn away_at(&self) -> Option<Instant> {
        self.lock().connection.away_at()
    }

    /// See [`super::Store::last_error`].
    pub fn last_error(&self, counter: CounterId) -> StoreError {
        self.lock().connection.last_error(counter)
    }

    /// The reactor ends. The owner, if it is the last one, logs what is in doubt.
    pub fn leave(&self) {
        self.lock().leave(self.source);
    }

    fn lock(&self) -> MutexGuard<'_, SharedConnection> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SharedStore {
    /// However a reactor ends, the others do not wait for it.
    fn drop(&mut self) {
        self.leave();
    }
}
