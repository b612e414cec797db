//! The one connection of a process, and what its reactors have handed over to it.

use std::sync::Arc;
use std::time::Instant;

use crate::counter::CounterId;
use crate::limits::SHARED_LINGER_SHARE_MAX;
use crate::store::connection::Connection;
use crate::store::counters::Counters;
use crate::store::linger::Linger;
use crate::store::lost_numbers::log_spent;
use crate::store::mailboxes::{Mailboxes, OWNER};
use crate::store::merger::{Merger, Wants};
use crate::store::request::{Reply, SendState, StoreEvent};

/// The one connection of a process; a source is one of its reactors, by its place.
#[derive(Debug)]
pub struct SharedConnection {
    /// What the owner of the socket drives.
    pub connection: Connection,
    /// The events of each source, and who is to be woken.
    pub mailboxes: Mailboxes,
    counters: Arc<Counters>,
    merger: Merger,
    linger: Linger,
    /// When the owner turns by itself, as it was told last.
    owner_turns_at: Option<Instant>,
}

impl SharedConnection {
    /// The connection of so many sources, which serves these counters.
    pub fn new(
        connection: Connection,
        sources: usize,
        counters: Arc<Counters>,
    ) -> SharedConnection {
        SharedConnection {
            connection,
            mailboxes: Mailboxes::new(sources),
            merger: Merger::new(counters.len()),
            counters,
            linger: Linger::default(),
            owner_turns_at: None,
        }
    }

    /// Whether a source may hand over a batch of this counter now: while a transaction runs, too.
    pub fn send_state(&mut self, source: usize, counter: CounterId, now: Instant) -> SendState {
        if self.is_ready(source, counter) {
            return SendState::Ready;
        }
        let state = self.connection.send_state(counter, now);
        if state == SendState::Waiting {
            self.mailboxes.await_progress(source);
        }
        state
    }

    /// Whether [`SharedConnection::send_state`] would say so.
    pub fn is_ready(&self, source: usize, counter: CounterId) -> bool {
        self.connection.is_confirmed(counter) && !self.merger.has_queued(counter, source)
    }

    /// A source hands over a batch.
    pub fn push(
        &mut self,
        source: usize,
        counter: CounterId,
        wants: Wants,
        has_unclaimed: bool,
        now: Instant,
    ) {
        self.linger.returned(source, wants.count as usize + wants.keys.len(), now);
        self.merger.push(counter, source, wants, has_unclaimed);
    }

    /// A source has handed over all of its wake. The owner sends what is to be sent; another one
    /// wakes it if it has anything to do before it turns by itself.
    pub fn finish_requests(&mut self, source: usize, now: Instant) {
        if source == OWNER {
            if self.is_send_due(now) {
                self.send_queued(now);
            }
            self.connection.finish_requests();
        } else if self.needs_owner(now) {
            self.mailboxes.wake(OWNER);
        }
    }

    fn needs_owner(&self, now: Instant) -> bool {
        let is_earlier = |at| self.owner_turns_at.is_none_or(|turns_at| at < turns_at);
        self.is_send_due(now)
            || self.deadline().is_some_and(is_earlier)
            || self.connection.has_unsent()
    }

    /// Whether something that is queued can be sent, or given back.
    fn is_send_due(&self, now: Instant) -> bool {
        let is_free = |counter: &CounterId| self.is_free(*counter);
        self.linger.is_over(now) && self.merger.waiting().iter().any(is_free)
    }

    fn is_free(&self, counter: CounterId) -> bool {
        let in_flight_max = self.connection.wire().batches_in_flight_max();
        let is_ready = self.connection.is_ready(counter);
        let is_sent = is_ready && self.merger.in_flight(counter) < in_flight_max;
        is_sent || !self.connection.is_confirmed(counter)
    }

    fn send_queued(&mut self, now: Instant) {
        for counter in self.merger.waiting().to_vec() {
            if self.is_free(counter) {
                self.send_merged(counter, now);
            }
        }
    }

    fn send_merged(&mut self, counter: CounterId, now: Instant) {
        match self.connection.send_state(counter, now) {
            SendState::Ready => {
                let merged = self.merger.take(counter);
                let Wants { count, keys } = merged.wants;
                self.connection.send(counter, count, keys, merged.has_unclaimed, now);
                self.linger.end(now);
            }
            SendState::Waiting => self.give_back(counter, Reply::NotRun),
            SendState::Refused(error) => self.give_back(counter, Reply::Failed(error)),
        }
    }

    /// What is queued of a counter cannot be sent: its sources are told so, before it gets old.
    fn give_back(&mut self, counter: CounterId, reply: Reply) {
        for source in self.merger.give_back(counter) {
            self.mailboxes.push(source, StoreEvent::Replied(counter, reply.clone()));
        }
    }

    /// When the owner has to turn though nothing comes. It turns then by itself, and from now on is
    /// woken only for what is earlier.
    pub fn announce_deadline(&mut self) -> Option<Instant> {
        self.owner_turns_at = self.deadline();
        self.owner_turns_at
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.connection.deadline(), self.linger.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Lets the time pass for the connection.
    pub fn tick(&mut self, now: Instant) {
        if self.linger.is_over(now) {
            self.linger.end(now);
        }
        if self.connection.deadline().is_some_and(|at| at <= now) {
            self.connection.tick(now);
            self.distribute(now);
        }
    }

    /// Something has happened to the connection: hands its events to their sources.
    pub fn distribute(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll() {
            match event {
                StoreEvent::Replied(counter, reply) => self.replied(counter, reply, now),
                // A halt is for those who asked: nobody else has anybody to tell of it.
                StoreEvent::Halted(counter, _) | StoreEvent::HaltedUntracked(counter, _) => {
                    for source in self.merger.answered(counter) {
                        self.mailboxes.push(*source, event.clone());
                    }
                }
                event => self.mailboxes.push_to_all(event),
            }
        }
        if self.connection.absence().is_some() {
            for counter in self.merger.waiting().to_vec() {
                self.give_back(counter, Reply::NotRun);
            }
        }
        self.mailboxes.wake_waiting();
        if self.is_send_due(now) {
            self.mailboxes.wake(OWNER);
        }
    }

    fn replied(&mut self, counter: CounterId, reply: Reply, now: Instant) {
        let mut served = Vec::new();
        for (source, reply) in self.merger.replied(counter, reply) {
            let Some(source) = source else {
                log_spent(&self.counters.get(counter).name, &reply);
                continue;
            };
            if (1..=SHARED_LINGER_SHARE_MAX).contains(&reply.granted()) {
                served.push(source);
            }
            self.mailboxes.push(source, StoreEvent::Replied(counter, reply));
        }
        self.linger.served(&served, self.merger.queued_waiters(), now);
    }

    /// Whether a source has no reply yet, or has not taken it out; the owner is the last one to
    /// have all.
    pub fn is_awaiting_reply(&self, source: usize) -> bool {
        let is_done = match source == OWNER {
            true => self.mailboxes.is_last(OWNER) && !self.connection.is_awaiting_reply(),
            false => !self.merger.is_awaited_by(source),
        };
        !is_done || !self.mailboxes.is_empty(source)
    }

    /// A source has ended: what it has not taken out is logged, and what is on its way for it goes
    /// to others. The last thing that the owner does is to log what is in doubt.
    pub fn leave(&mut self, source: usize) {
        if self.mailboxes.has_left(source) {
            return;
        }
        for event in self.mailboxes.leave(source) {
            if let StoreEvent::Replied(counter, reply) = event {
                log_spent(&self.counters.get(counter).name, &reply);
            }
        }
        self.merger.leave(source);
        self.linger.left(source);
        if source == OWNER {
            self.connection.log_unfinished();
        } else {
            self.mailboxes.wake(OWNER);
        }
    }
}
