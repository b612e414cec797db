//! All of one reactor that thinks: its clients, their queue and its store, without a socket.
//!
//! The reactor says what came from whom, then calls [`Service::turn`] once a wake: all who wait
//! are cut into one batch, the store is asked for it, and what the store has replied goes to the
//! askers. Whoever has something to send is touched. A simulation drives it with bytes alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use log::{debug, info, warn};

use crate::client::CloseReason;
use crate::clients::Clients;
use crate::counter::Grant;
use crate::http::{Date, Status};
use crate::limits::{ASK_REST, GATHERING};
use crate::queue::{Outcome, Queue, Waiter};
use crate::store::{Reply, Store, StoreError};
use crate::token::Token;

/// What the reactors of a process share beside the store.
#[derive(Debug, Default)]
pub struct Shared {
    /// Set once: stop accepting, finish what is in flight.
    pub draining: AtomicBool,
    /// Connections now, of all reactors, for `--max-clients`.
    pub clients: AtomicUsize,
    /// The limit whose halt was logged; 0 before the first. A raised limit has a halt of its own.
    halted_limit: AtomicU64,
}

/// How a service answers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The status of a take past the limit.
    pub halted_status: Status,
    /// How long a request may wait for the store.
    pub store_timeout: Duration,
}

/// The clients of one reactor, their queue and its store.
#[derive(Debug)]
pub struct Service {
    /// The clients; the reactor flushes them and lets them go.
    pub clients: Clients,
    /// The store; the reactor owns its socket.
    pub store: Store,
    queue: Queue,
    /// Numbers that were granted for requests that are gone: the next who ask get them, oldest
    /// first, before the store is asked.
    spare: VecDeque<u64>,
    /// The latest epoch that granted.
    epoch: u64,
    store_timeout: Duration,
    shared: Arc<Shared>,
}

impl Service {
    /// A service without clients.
    pub fn new(store: Store, settings: Settings, shared: Arc<Shared>, now: Instant) -> Service {
        let date = Date::at(SystemTime::UNIX_EPOCH);
        Service {
            clients: Clients::new(settings.halted_status, now, date),
            store,
            queue: Queue::default(),
            spare: VecDeque::new(),
            epoch: 0,
            store_timeout: settings.store_timeout,
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
        if client.outbound().unsent().is_empty() && client.holds_back() {
            self.receive(token, &[]);
        }
    }

    /// Bytes came from a client; with none, it goes on with what it held back.
    pub fn receive(&mut self, token: Token, bytes: &[u8]) {
        let Some((client, context)) = self.clients.touch(token) else {
            return;
        };
        let asking = client.receive(bytes, context);
        let waiter =
            Waiter { token, want: client.want(), deadline: context.now + self.store_timeout };
        for _ in 0..asking {
            self.queue.push(waiter);
        }
    }

    /// A client's connection is closed and its slot is free; `false` if that was so already.
    pub fn disconnect(&mut self, token: Token, reason: CloseReason) -> bool {
        let was_here = self.clients.remove(token).is_some();
        if was_here {
            let reason = reason.words();
            debug!(reason; "connection closed");
        }
        was_here
    }

    /// Everything that came in this wake is here. With a store in the process, whose reply is
    /// there at once, this goes on until nobody waits.
    pub fn turn(&mut self) {
        let now = self.clients.context().now;
        self.store.tick(now);
        self.settle_replies(now);
        // Before the ask: nothing is taken for those whose time is up.
        while let Some(waiter) = self.queue.expire(now) {
            self.clients.answer(waiter.token, Outcome::Failed(self.store.trouble()));
        }
        self.give_spare();
        while self.ask(now) {
            self.settle_replies(now);
            self.give_spare();
        }
    }

    /// Whether the next turn has work though no event comes.
    pub fn is_pending(&self, now: Instant) -> bool {
        self.queue.is_ripe(now) && self.store.can_ask()
    }

    /// When the next turn has work though no event comes; the clients' own timeouts are apart.
    pub fn deadline(&self) -> Option<Instant> {
        let gathered_at = self.queue.gathered_at().filter(|_| self.store.can_ask());
        let deadlines = [self.queue.deadline(), self.store.deadline(), gathered_at];
        deadlines.into_iter().flatten().min()
    }

    /// Ends the connections whose own time is up.
    pub fn sweep(&mut self) {
        self.clients.touch_those(|client, context| client.expire(context));
    }

    /// The service ends: says which numbers nobody is left to take.
    pub fn finish(&mut self) {
        for request_num in self.spare.drain(..) {
            warn!(request_num; "number spent: granted, and nobody was left to take it");
        }
    }

    /// The process is stopping: from now on each connection ends with its next answer.
    pub fn drain(&mut self) {
        self.clients.context().draining = true;
        self.clients.touch_those(|client, _| {
            client.drain();
            true
        });
    }

    /// Asks for one batch, if somebody waits and the store takes it.
    fn ask(&mut self, now: Instant) -> bool {
        if !self.is_pending(now) {
            return false;
        }
        let batch = self.queue.cut(|token| self.clients.contains(token));
        if let Some(count) = batch {
            self.store.ask(count, now);
        }
        batch.is_some()
    }

    fn settle_replies(&mut self, now: Instant) {
        while let Some(reply) = self.store.poll() {
            match reply {
                Reply::Granted(grant) => self.settle(grant, now),
                Reply::NotRun => self.queue.requeue(now + ASK_REST),
                Reply::Failed(error) => self.fail(error),
            }
        }
    }

    /// Gives the numbers at hand to those who wait for one.
    fn give_spare(&mut self) {
        while let Some(&number) = self.spare.front()
            && let Some(waiter) = self.queue.next_for_number(|it| self.clients.contains(it))
        {
            self.spare.pop_front();
            self.clients.answer(waiter.token, Outcome::Number(number));
            log_number(number);
        }
    }

    fn settle(&mut self, grant: Grant, now: Instant) {
        if grant.epoch < self.epoch {
            return self.fail(StoreError::Backwards); // Numbers of a life that a reset has ended.
        }
        if grant.epoch > self.epoch {
            self.epoch = grant.epoch;
            self.spare.clear(); // Likewise.
        }
        let (mut sent_away, mut count) = (false, 0);
        for (waiter, outcome) in self.queue.settle(grant) {
            let answered = waiter.is_some_and(|it| self.clients.answer(it.token, outcome));
            count += usize::from(answered);
            match outcome {
                Outcome::Number(number) if answered => log_number(number),
                Outcome::Number(number) => self.spare.push_back(number),
                _ => sent_away |= matches!(outcome, Outcome::Halted(_)),
            }
        }
        // A halted counter is known, or soon will be: who comes for it is not worth a wait.
        let awaited = self.store.awaited_of(count);
        if awaited > 0 && grant.granted > 0 {
            self.queue.gather(awaited, now + GATHERING);
        }
        let limit = grant.limit;
        if sent_away && self.shared.halted_limit.swap(limit, Ordering::Relaxed) != limit {
            warn!(limit; "halted: the last number is taken");
        }
    }

    fn fail(&mut self, error: StoreError) {
        for waiter in self.queue.fail() {
            self.clients.answer(waiter.token, Outcome::Failed(error));
        }
    }
}

fn log_number(request_num: u64) {
    info!(request_num; "number taken");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    fn service() -> Service {
        let settings =
            Settings { halted_status: Status::Ok, store_timeout: Duration::from_millis(500) };
        let store = Store::Memory(Memory::new(9));
        Service::new(store, settings, Arc::default(), Instant::now())
    }

    fn touched(service: &mut Service) -> Vec<Token> {
        let mut touched = Vec::new();
        service.clients.swap_touched(&mut touched);
        touched
    }

    #[test]
    fn one_wake_takes_for_all_who_came_in_it() {
        let mut service = service();
        let tokens = [service.clients.insert(), service.clients.insert()];
        for token in tokens {
            service.receive(token, b"GET / HTTP/1.0\r\n\r\n");
        }
        service.turn();
        for (token, number) in tokens.into_iter().zip(1..) {
            let answer = service.clients.get(token).unwrap().outbound().unsent().to_vec();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.ends_with(&format!(r#""request_num":{number}}}"#)), "{answer}");
        }
    }

    #[test]
    fn an_unfinished_head_is_left_alone_until_more_of_it_comes() {
        let mut service = service();
        let token = service.clients.insert();
        service.receive(token, b"GET / HTTP/1.1\r\nHost:");
        assert_eq!(touched(&mut service), [token]);
        service.turn();
        assert_eq!(touched(&mut service), []);
    }

    #[test]
    fn what_was_held_back_goes_on_when_the_answers_before_it_are_sent() {
        let mut service = service();
        let token = service.clients.insert();
        let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.0\r\n\r\n";
        service.receive(token, requests);
        service.turn();
        let first = service.clients.get(token).unwrap().outbound().unsent().len();
        service.sent(token, first - 1);
        assert_eq!(service.clients.get(token).unwrap().outbound().unsent().len(), 1);
        service.sent(token, 1);
        let second = service.clients.get(token).unwrap().outbound().unsent().to_vec();
        assert!(second.starts_with(b"HTTP/1.1 404"));
    }
}
