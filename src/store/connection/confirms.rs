//! Which counters are to be confirmed on a connection, a bounded number of them at a time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::counter::CounterId;
use crate::limits::CONFIRMS_IN_FLIGHT_MAX;

/// The counters that wait for their confirmation.
#[derive(Debug, Default)]
pub struct Confirms {
    queue: VecDeque<CounterId>,
    in_flight: usize,
    /// Counters that were not answered yet on this connection.
    first_round: usize,
    /// When the connection is given up for those in flight.
    deadline: Option<Instant>,
    /// Those that were refused, have requests in flight, and so are confirmed again by themselves.
    /// The times do not fall.
    retries: VecDeque<(Instant, CounterId)>,
}

impl Confirms {
    /// This counter is to be confirmed.
    pub fn push(&mut self, counter: CounterId) {
        self.queue.push_back(counter);
    }

    /// This counter is to be confirmed at this time.
    pub fn push_retry(&mut self, at: Instant, counter: CounterId) {
        self.retries.push_back((at, counter));
    }

    /// A refused counter whose time has come.
    pub fn pop_retry(&mut self, now: Instant) -> Option<CounterId> {
        self.retries.pop_front_if(|(at, _)| *at <= now).map(|(_, counter)| counter)
    }

    /// This counter, which is in the queue, is to be one of the next. It is there twice then.
    pub fn push_wanted(&mut self, counter: CounterId) {
        self.queue.push_front(counter);
    }

    /// The next counter to confirm, if one may be confirmed now.
    pub fn next(&mut self) -> Option<CounterId> {
        if self.in_flight >= CONFIRMS_IN_FLIGHT_MAX {
            return None;
        }
        self.queue.pop_front()
    }

    /// One is sent.
    pub fn started(&mut self, timeout: Duration, now: Instant) {
        self.in_flight += 1;
        self.deadline = self.deadline.or(Some(now + timeout));
    }

    /// One in flight was answered.
    pub fn answered(&mut self, timeout: Duration, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.first_round = self.first_round.saturating_sub(1);
        self.deadline = (self.in_flight > 0).then_some(now + timeout);
    }

    /// A new connection begins: so many counters are to be confirmed for the first time on it.
    pub fn start_first_round(&mut self, counters: usize) {
        self.first_round = counters;
    }

    /// Whether each was confirmed, or refused, once on this connection.
    pub fn is_first_round_done(&self) -> bool {
        self.first_round == 0
    }

    /// One in flight was answered in part: it has as long again.
    pub fn extend(&mut self, timeout: Duration, now: Instant) {
        self.deadline = (self.in_flight > 0).then_some(now + timeout);
    }

    /// Whether none is in flight.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// Whether a refused counter is to be confirmed again now.
    pub fn is_retry_due(&self, now: Instant) -> bool {
        self.retries.front().is_some_and(|(at, _)| *at <= now)
    }

    /// When the connection is given up for those in flight, or a refused one is confirmed again.
    pub fn next_at(&self) -> Option<Instant> {
        match self.retries.front() {
            None => self.deadline,
            Some((at, _)) => Some(self.deadline.map_or(*at, |deadline| deadline.min(*at))),
        }
    }

    /// The connection is lost.
    pub fn clear(&mut self) {
        *self = Confirms::default();
    }
}
