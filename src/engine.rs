//! A reactor's sans-IO core: its clients, their batcher and its store, without a socket.
//!
//! The event loop says what came from whom, then calls [`Engine::finish_turn`] once a wake: all who
//! wait are put into one batch, the store is asked for it, and what the store has replied goes to
//! the waiters. Whoever has something to send is touched. A simulation drives it with bytes alone.

pub mod batcher;
pub mod client;
pub mod clients;
pub mod shared;
pub mod unclaimed;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use log::{debug, info, warn};

use crate::api::body::Outcome;
use crate::counter::Grant;
use crate::engine::batcher::{Batcher, Op, Waiter};
use crate::engine::client::CloseReason;
use crate::engine::clients::Clients;
use crate::engine::shared::Shared;
use crate::engine::unclaimed::Unclaimed;
use crate::http::{Date, Status};
use crate::limits::{BATCH_LINGER, DRAIN_ANSWER_TIMEOUT, RETRY_PAUSE};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::request::Reply;
use crate::token::Token;

/// How a service answers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The status of a take past the limit.
    pub halted_status: Status,
    /// How long a request may wait for the store.
    pub store_timeout: Duration,
}

/// The clients of one reactor, their batcher and its store.
#[derive(Debug)]
pub struct Engine {
    /// The clients; the reactor flushes them and lets them go.
    pub clients: Clients,
    /// The store; the reactor owns its socket.
    pub store: Store,
    batcher: Batcher,
    unclaimed: Unclaimed,
    store_timeout: Duration,
    /// When the last requests are answered, once the process is stopping.
    answer_by: Option<Instant>,
    shared: Arc<Shared>,
}

impl Engine {
    /// A service without clients.
    pub fn new(store: Store, settings: Settings, shared: Arc<Shared>, now: Instant) -> Engine {
        let date = Date::at(SystemTime::UNIX_EPOCH);
        Engine {
            clients: Clients::new(settings.halted_status, now, date),
            store,
            batcher: Batcher::default(),
            unclaimed: Unclaimed::default(),
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
        let asking = client.receive(bytes, turn);
        let deadline = turn.now + self.store_timeout;
        let deadline = self.answer_by.map_or(deadline, |at| at.min(deadline));
        let waiter = Waiter { token, op: client.op(), deadline };
        for _ in 0..asking {
            self.batcher.push(waiter);
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
        let now = self.clients.turn().now;
        self.store.tick(now);
        self.settle_replies(now);
        // Before the ask: nothing is taken for those whose time is up.
        self.fail_expired(now);
        while self.send(now) {
            self.settle_replies(now);
        }
    }

    /// Whether the next turn has work though no event comes.
    pub fn is_pending(&self, now: Instant) -> bool {
        self.batcher.should_send(now) && self.store.can_send()
    }

    /// When the next turn has work though no event comes; the clients' own timeouts are apart.
    pub fn deadline(&self) -> Option<Instant> {
        let linger_until = self.batcher.linger_until().filter(|_| self.store.can_send());
        let deadlines = [self.batcher.deadline(), self.store.deadline(), linger_until];
        deadlines.into_iter().flatten().min()
    }

    /// Ends the connections whose own time is up.
    pub fn sweep(&mut self) {
        self.clients.touch_those(|client, turn| client.expire(turn));
    }

    /// The process is stopping: from now on each connection ends with its next answer, which comes
    /// within [`DRAIN_ANSWER_TIMEOUT`], whatever the store does.
    pub fn drain(&mut self) {
        let turn = self.clients.turn();
        turn.draining = true;
        let answer_by = turn.now + DRAIN_ANSWER_TIMEOUT;
        self.answer_by = Some(answer_by);
        self.batcher.answer_by(answer_by);
        self.clients.touch_those(|client, _| {
            client.drain();
            true
        });
    }

    /// Whether nobody is left to be answered, and nothing of what was asked of the store is open.
    pub fn is_idle(&self) -> bool {
        self.clients.is_empty() && !self.store.is_awaiting_reply()
    }

    /// The service ends: says which numbers nobody is left to take, and how many are in doubt.
    pub fn log_unfinished(&mut self) {
        self.give_up_unclaimed("nobody was left to take them");
        self.store.log_unfinished();
    }

    fn give_up_unclaimed(&mut self, reason: &str) {
        for request_num in self.unclaimed.drain() {
            warn!(request_num, reason; "number spent: granted, and handed out to nobody");
        }
    }

    fn fail_expired(&mut self, now: Instant) {
        let (mut requests, reason) = (0, self.store.last_error());
        while let Some(waiter) = self.batcher.expire(now) {
            requests += u64::from(self.clients.answer(waiter.token, Outcome::Failed(reason)));
        }
        if requests > 0 && self.answer_by.is_some() {
            let reason = reason.word();
            warn!(requests, reason; "requests answered 503 at shutdown: no reply from the store");
        }
    }

    /// Asks for one batch, if somebody waits and the store takes it.
    fn send(&mut self, now: Instant) -> bool {
        if !self.is_pending(now) {
            return false;
        }
        let batch = self.batcher.take_batch(|token| self.clients.contains(token));
        if let Some(numbers) = batch {
            let count = numbers.saturating_sub(self.unclaimed.len());
            self.store.send(count, self.unclaimed.first(), now);
        }
        batch.is_some()
    }

    fn settle_replies(&mut self, now: Instant) {
        while let Some(reply) = self.store.poll() {
            match reply {
                Reply::Granted(grant) => self.settle(grant, now),
                Reply::NotRun => {
                    let waiters = self.batcher.end_batch().collect();
                    self.batcher.requeue(waiters, now + RETRY_PAUSE);
                }
                Reply::Failed(error) => self.fail(error),
                Reply::AnswersLost => self.give_up_unclaimed("the store no longer has their grant"),
            }
        }
    }

    /// Gives the unclaimed numbers, the granted ones among them, to those who waited for the reply.
    /// Those who get none are sent away if there is none left, and else wait for the next reply.
    fn settle(&mut self, grant: Grant, now: Instant) {
        if grant.epoch < self.unclaimed.epoch() {
            // A reset has ended the epoch of these numbers.
            if grant.granted > 0 {
                warn!(numbers = grant.granted; "numbers spent: granted in an epoch that has ended");
            }
            let waiters = self.batcher.end_batch().collect();
            return self.batcher.requeue(waiters, now);
        }
        if grant.epoch > self.unclaimed.epoch() {
            self.give_up_unclaimed("their epoch has ended");
        }
        self.unclaimed.add(grant);
        let (mut is_sent_away, mut answered, mut left) = (false, 0, Vec::new());
        for waiter in self.batcher.end_batch() {
            let number = self.unclaimed.first().filter(|number| *number <= grant.limit);
            let outcome = match (waiter.op, number) {
                (Op::Peek, _) => Outcome::Read(grant.count()),
                (Op::Take, Some(number)) => Outcome::Number(number),
                (Op::Take, None) if grant.count().halted() => Outcome::Halted(grant.limit),
                (Op::Take, None) => {
                    left.push(waiter);
                    continue;
                }
            };
            if !self.clients.answer(waiter.token, outcome) {
                continue; // It left, and its number is the next one's.
            }
            answered += 1;
            is_sent_away |= matches!(outcome, Outcome::Halted(_));
            if let Outcome::Number(number) = outcome {
                self.unclaimed.claim();
                log_number(number);
            }
        }
        self.plan_next_batch(grant, answered, left, now);
        if is_sent_away {
            self.log_halt_once(grant.limit);
        }
    }

    /// Those who got nothing wait again; else the next batch waits for those just answered.
    fn plan_next_batch(&mut self, grant: Grant, answered: usize, left: Vec<Waiter>, now: Instant) {
        // A halted counter is known, or soon will be: who comes for it is not worth a wait.
        let awaited = self.store.expected_returning(answered);
        if !left.is_empty() {
            self.batcher.requeue(left, now);
        } else if awaited > 0 && grant.granted > 0 {
            self.batcher.linger(awaited, now + BATCH_LINGER);
        }
    }

    fn log_halt_once(&self, limit: u64) {
        if self.shared.halted_limit.swap(limit, Ordering::Relaxed) != limit {
            warn!(limit; "halted: the last number is taken");
        }
    }

    fn fail(&mut self, error: StoreError) {
        for waiter in self.batcher.end_batch() {
            self.clients.answer(waiter.token, Outcome::Failed(error));
        }
    }
}

fn log_number(request_num: u64) {
    info!(request_num; "number taken");
}

#[cfg(test)]
mod tests;
