//! A reactor's sans-IO core: its clients, its counters and its store, without a socket.
//!
//! The event loop says what came from whom, then calls [`Engine::finish_turn`] once a wake: all who
//! wait for a counter are put into one batch, the store is sent one request for it, and what the
//! store has replied goes to the waiters. Whoever has something to send is touched. A simulation
//! drives it with bytes alone.

pub(crate) mod batcher;
pub mod client;
pub(crate) mod clients;
pub(crate) mod counter_state;
pub(crate) mod halt_cache;
mod readyz;
mod replies;
pub mod shared;
mod stopping;
pub(crate) mod unclaimed;
pub(crate) mod write_checks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::debug;

use crate::counter::CounterId;
use crate::engine::batcher::Waiter;
use crate::engine::client::{Awaited, CloseReason};
use crate::engine::clients::Clients;
use crate::engine::counter_state::CounterState;
use crate::engine::shared::Shared;
use crate::engine::write_checks::WriteChecks;
use crate::http::Status;
use crate::store::Store;
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::request::SendState;
use crate::token::Token;

/// How an engine answers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The status of a take past the limit.
    pub halted_status: Status,
    /// How long a request may wait for the store.
    pub store_timeout: Duration,
}

/// The clients of one reactor, its counters and its store.
#[derive(Debug)]
pub struct Engine {
    /// The clients; the event loop flushes them and lets them go.
    pub clients: Clients,
    /// The store; the event loop owns its socket.
    pub store: Store,
    /// By their ids.
    counters: Vec<CounterState>,
    /// Those that somebody waits for, and perhaps some more.
    active: Vec<CounterId>,
    write_checks: WriteChecks,
    /// When the store has work though no event comes, as last asked; `None`: not known.
    tick_at: Option<Instant>,
    /// Somebody has come since the last turn.
    has_newcomers: bool,
    /// Nobody who waits has a deadline before this.
    expire_at: Option<Instant>,
    store_timeout: Duration,
    /// When the last requests are answered, once the process is stopping.
    answer_by: Option<Instant>,
    shared: Arc<Shared>,
}

impl Engine {
    /// An engine without clients.
    pub fn new(
        store: Store,
        counters: Arc<Counters>,
        settings: Settings,
        shared: Arc<Shared>,
        now: Instant,
    ) -> Engine {
        let states = counters.ids().map(|id| CounterState::new(&counters.get(id).name)).collect();
        Engine {
            clients: Clients::new(settings.halted_status, counters, now),
            store,
            counters: states,
            active: Vec::new(),
            write_checks: WriteChecks::default(),
            tick_at: None,
            has_newcomers: false,
            expire_at: None,
            store_timeout: settings.store_timeout,
            answer_by: None,
            shared,
        }
    }

    /// A client's socket took so many bytes. When all is sent, what the client held back for it
    /// goes on; before that there is nothing new to go on with.
    pub fn sent(&mut self, token: Token, count: usize) {
        let Some(client) = self.clients.get(token) else {
            return;
        };
        client.sent(count);
        if client.send_buffer().unsent().is_empty() && client.holds_back() {
            self.receive(token, &[]);
        }
    }

    /// Bytes came from a client; with none, it goes on with what it held back.
    pub fn receive(&mut self, token: Token, bytes: &[u8]) {
        let Some((client, turn)) = self.clients.touch(token) else {
            return;
        };
        let awaiting = client.receive(bytes, turn);
        if awaiting == 0 {
            return;
        }
        let deadline = turn.now + self.store_timeout;
        let deadline = self.answer_by.map_or(deadline, |at| at.min(deadline));
        self.expire_at = earlier(self.expire_at, Some(deadline));
        self.has_newcomers = true;
        match client.awaited() {
            Awaited::Counter(counter, op) => {
                let state = &mut self.counters[counter.index()];
                for _ in 0..awaiting {
                    state.batcher.push(Waiter { token, op, deadline });
                }
                if !state.is_active {
                    state.is_active = true;
                    self.active.push(counter);
                }
            }
            Awaited::Nothing => debug_assert!(false, "nothing is awaited of it"),
            Awaited::WriteCheck => {
                for _ in 0..awaiting {
                    self.write_checks.push(Waiter { token, op: batcher::Op::Peek, deadline });
                }
            }
        }
    }

    /// A client's connection is closed and its slot is free; `false` if that was so already.
    pub fn disconnect(&mut self, token: Token, reason: CloseReason) -> bool {
        let was_here = self.clients.remove(token).is_some();
        if was_here {
            let reason = reason.label();
            debug!(reason; "connection closed");
        }
        was_here
    }

    /// Everything that came in this wake is here. With a store in the process, whose reply is
    /// there at once, this goes on until nobody waits.
    pub fn finish_turn(&mut self) {
        self.has_newcomers = false;
        let now = self.clients.turn().now;
        if self.tick_at.is_none_or(|at| at <= now) {
            self.store.tick(now);
        }
        if self.store.has_events() {
            self.settle_events(now);
        }
        // Before the requests: nothing is taken for those whose time is up.
        if self.expire_at.is_some_and(|at| at <= now) {
            self.fail_expired(now);
        }
        while self.send_requests(now) {}
        if !self.write_checks.is_empty() {
            self.check_writes(now);
        }
        self.store.finish_requests();
        let mut expire_at = self.write_checks.deadline();
        self.active.retain(|counter| {
            let state = &mut self.counters[counter.index()];
            state.is_active = !state.batcher.is_empty();
            expire_at = earlier(expire_at, state.batcher.deadline());
            state.is_active
        });
        self.expire_at = expire_at;
    }

    /// When the next turn has work though no event comes: `now`, if it has some already. The
    /// clients' own timeouts are apart.
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        self.tick_at = self.store.deadline();
        if self.has_newcomers {
            return Some(now); // What was held back goes on when the answers before it are sent.
        }
        let mut next = earlier(self.tick_at, self.expire_at);
        for counter in &self.active {
            let batcher = &self.counters[counter.index()].batcher;
            if batcher.has_waiting() {
                let at = if self.can_send(*counter, now) { Some(now) } else { None };
                let linger_until =
                    || batcher.linger_until().filter(|_| !self.store.is_busy(*counter));
                next = earlier(next, at.or_else(linger_until));
            }
        }
        next
    }

    /// Ends the connections whose own time is up.
    pub fn sweep(&mut self) {
        self.clients.touch_those(|client, turn| client.expire(turn));
    }

    /// Sends one request for each counter that a batch waits for. Whether some batch was settled at
    /// once: then the next one may be sent.
    fn send_requests(&mut self, now: Instant) -> bool {
        let mut is_settled = false;
        for index in 0..self.active.len() {
            is_settled |= self.send_request(self.active[index], now);
        }
        is_settled
    }

    fn send_request(&mut self, counter: CounterId, now: Instant) -> bool {
        let state = &mut self.counters[counter.index()];
        if !state.should_send(self.store.batches_in_flight_max(), now) {
            return false;
        }
        if let Some(halt) = state.cached_halt(now) {
            let is_batch = state.batcher.take_batch(|token| self.clients.contains(token)).is_some();
            if is_batch {
                self.settle(counter, halt, now);
            }
            return is_batch;
        }
        match self.store.send_state(counter, now) {
            SendState::Waiting => return false,
            SendState::Refused(error) => return self.refuse(counter, error),
            SendState::Ready => {}
        }
        let batch = state.batcher.take_batch(|token| self.clients.contains(token));
        let Some(numbers) = batch else {
            return false;
        };
        let count = numbers.saturating_sub(state.unclaimed.len());
        let has_unclaimed = !state.unclaimed.is_empty();
        let Some(grant) = self.store.send(counter, count, has_unclaimed, now) else {
            return false;
        };
        self.settle(counter, grant, now);
        true
    }

    /// The store would refuse: everybody who waits is told so at once.
    fn refuse(&mut self, counter: CounterId, error: StoreError) -> bool {
        let batcher = &mut self.counters[counter.index()].batcher;
        let is_batch = batcher.take_batch(|token| self.clients.contains(token)).is_some();
        if is_batch {
            self.fail(counter, error);
        }
        is_batch
    }

    fn can_send(&self, counter: CounterId, now: Instant) -> bool {
        let state = &self.counters[counter.index()];
        let is_worth_it = state.should_send(self.store.batches_in_flight_max(), now);
        is_worth_it && (self.store.is_ready(counter) || state.cached_halt(now).is_some())
    }
}

/// The earlier of two times that may not be set.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
