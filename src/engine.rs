//! A reactor's sans-IO core: its clients, its counters and its store, without a socket.
//!
//! The event loop says what came from whom, then calls [`Engine::finish_turn`] once a wake: all who
//! wait for a counter are put into one batch, the store is sent one request for it, and what the
//! store has replied goes to the waiters. Whoever has something to send is touched. A simulation
//! drives it with bytes alone.

mod admin;
pub(crate) mod batcher;
pub(crate) mod changes;
pub mod client;
pub(crate) mod clients;
pub(crate) mod counter_state;
pub(crate) mod halt_cache;
mod number_log;
mod readyz;
mod refresh;
mod replies;
mod scrape;
mod sending;
pub mod settings;
pub mod shared;
mod stopping;
pub(crate) mod unclaimed;
pub(crate) mod unwritten;
pub(crate) mod write_checks;

use std::sync::Arc;
use std::time::Instant;

use log::debug;

use crate::counter::CounterId;
use crate::engine::batcher::{Op, Waiter};
use crate::engine::changes::AdminChanges;
use crate::engine::client::{Awaited, CloseReason, Peer, Turn};
use crate::engine::clients::Clients;
use crate::engine::counter_state::CounterState;
use crate::engine::refresh::Refresh;
pub use crate::engine::settings::Settings;
use crate::engine::shared::Shared;
use crate::engine::unwritten::Unwritten;
use crate::engine::write_checks::WriteChecks;
use crate::metrics::ReactorMetrics;
use crate::store::Store;
use crate::store::counters::Counters;
use crate::token::Token;

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
    refresh: Refresh,
    changes: AdminChanges,
    /// When the store has work though no event comes, as last asked; `None`: not known.
    tick_at: Option<Instant>,
    /// Somebody has come since the last turn.
    has_newcomers: bool,
    /// Nobody who waits is to be answered 503 before this.
    expire_at: Option<Instant>,
    shared: Arc<Shared>,
    /// What this reactor counts.
    pub(crate) metrics: Arc<ReactorMetrics>,
    unwritten: Unwritten,
    /// Who asked for the metrics in this wake.
    scrapes: Vec<Token>,
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
        let metrics = Arc::new(ReactorMetrics::new(counters.len(), store.metrics(), now));
        shared.metrics.add(Arc::clone(&metrics));
        let turn = Turn::new(settings, counters, Arc::clone(&shared), Arc::clone(&metrics), now);
        Engine {
            clients: Clients::new(turn),
            store,
            counters: states,
            active: Vec::new(),
            write_checks: WriteChecks::default(),
            refresh: Refresh::default(),
            changes: AdminChanges::default(),
            tick_at: None,
            has_newcomers: false,
            expire_at: None,
            shared,
            metrics,
            unwritten: Unwritten::default(),
            scrapes: Vec::new(),
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
        let (since, deadline) = (turn.now, turn.deadline());
        self.expire_at = earlier(self.expire_at, Some(deadline));
        self.has_newcomers = true;
        match client.awaited() {
            Awaited::Counter(counter, op) => {
                for _ in 0..awaiting {
                    self.wait(counter, Waiter { token, op, since, deadline });
                }
            }
            Awaited::Admin(route) => self.admin_request(token, route),
            Awaited::Nothing => debug_assert!(false, "nothing is awaited of it"),
            Awaited::WriteCheck(counter) => {
                for _ in 0..awaiting {
                    let op = Op::Peek;
                    self.write_checks.push(Waiter { token, op, since, deadline }, counter);
                }
            }
        }
    }

    fn wait(&mut self, counter: CounterId, waiter: Waiter) {
        self.counters[counter.index()].batcher.push(waiter);
        self.activate(counter);
    }

    /// Somebody waits for this counter.
    fn activate(&mut self, counter: CounterId) {
        let state = &mut self.counters[counter.index()];
        if !state.is_active {
            state.is_active = true;
            self.active.push(counter);
        }
    }

    /// A client's connection is closed and its slot is free; `None` if that was so already.
    pub fn disconnect(&mut self, token: Token, reason: CloseReason) -> Option<Peer> {
        let client = self.clients.remove(token)?;
        self.refresh.forget(token);
        let reason = reason.label();
        debug!(reason; "connection closed");
        Some(client.peer())
    }

    /// Everything that came in this wake is here. With a store in the process, whose reply is
    /// there at once, this goes on until nobody waits.
    #[inline(always)] // Into the loop, its one caller: 150 instructions less.
    pub fn finish_turn(&mut self) {
        self.has_newcomers = false;
        let now = self.clients.turn_mut().now;
        if self.tick_at.is_none_or(|at| at <= now) {
            self.store.tick(now);
        }
        if self.store.has_events() {
            self.settle_events(now);
        }
        let away_at = self.store.away_at();
        // Before the requests: nothing is taken for those whose time is up.
        if away_at.is_some_and(|at| at <= now) {
            self.fail_all(now);
        } else if self.expire_at.is_some_and(|at| at <= now) {
            self.fail_expired(now);
        }
        if !self.write_checks.is_empty() {
            self.check_writes(now);
        }
        while self.send_requests(now) {}
        if self.refresh.has_done() {
            self.answer_reports();
        }
        if !self.changes.is_empty() && self.clients.turn().is_late() {
            self.give_up_changes();
        }
        self.store.finish_requests(now);
        let mut expire_at = self.write_checks.deadline();
        self.active.retain(|counter| {
            let state = &mut self.counters[counter.index()];
            state.is_active = !state.batcher.is_empty();
            expire_at = earlier(expire_at, state.batcher.deadline());
            state.is_active
        });
        // Whoever waits waits no longer than until the store counts as away.
        self.expire_at = expire_at.and_then(|at| earlier(Some(at), away_at));
    }

    /// When the next turn has work though no event comes: `now`, if it has some already. The
    /// clients' own timeouts are apart.
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        self.tick_at = self.store.deadline();
        if self.has_newcomers {
            return Some(now); // What was held back goes on when the answers before it are sent.
        }
        let mut next = earlier(self.tick_at, self.expire_at);
        if !self.changes.is_empty() {
            next = earlier(next, self.clients.turn().answer_by);
        }
        for counter in &self.active {
            let batcher = &self.counters[counter.index()].batcher;
            if batcher.has_waiting() {
                let at = if self.can_send(*counter, now) { Some(now) } else { None };
                // Behind that the store was asked, and makes it turn once it has got further.
                let linger_until = || batcher.linger_until().filter(|until| *until > now);
                next = earlier(next, at.or_else(linger_until));
            }
        }
        next
    }

    /// Notes that the reactor's loop has come round: `/livez` tells of one that does not.
    pub fn note_turn(&mut self) {
        self.metrics.turned(self.clients.turn_mut().now);
    }

    /// Ends the connections whose own time is up.
    pub fn sweep(&mut self) {
        self.clients.touch_those(|client, turn| client.expire(turn));
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
