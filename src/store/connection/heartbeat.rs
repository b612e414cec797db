//! When a silent store is probed, and which counter with it.

use std::time::{Duration, Instant};

use crate::limits::PROBE_TIMEOUT;

/// The probes of one connection. Each reads one counter, in turn.
#[derive(Debug)]
pub struct Heartbeat {
    /// How long the store may be silent before it is probed; `None`: for ever.
    interval: Option<Duration>,
    /// When the store was heard last on this connection.
    heard_at: Option<Instant>,
    in_flight: usize,
    /// When the connection is given up for the probes in flight.
    deadline: Option<Instant>,
    /// Where the search for the next counter to probe begins.
    turn: usize,
}

impl Heartbeat {
    /// Probes a store that was silent for `interval`, if there is one.
    pub fn new(interval: Option<Duration>) -> Heartbeat {
        Heartbeat { interval, heard_at: None, in_flight: 0, deadline: None, turn: 0 }
    }

    /// The store has sent something: its silence begins anew.
    pub fn store_spoke(&mut self, now: Instant) {
        self.heard_at = Some(now);
    }

    /// Whether the silence calls for a probe now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.in_flight == 0 && self.next_at().is_some_and(|at| at <= now)
    }

    /// The places of `count` counters, beginning after the one that was probed last.
    pub fn places(&mut self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let first = self.turn;
        self.turn = (first + 1) % count;
        (first..count).chain(0..first)
    }

    /// A probe is sent.
    pub fn sent(&mut self, now: Instant) {
        self.in_flight += 1;
        self.deadline = self.deadline.or(Some(now + PROBE_TIMEOUT));
    }

    /// The oldest probe was answered.
    pub fn answered(&mut self, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.deadline = (self.in_flight > 0).then_some(now + PROBE_TIMEOUT);
    }

    /// When a probe is due, or is given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.or_else(|| self.next_at())
    }

    fn next_at(&self) -> Option<Instant> {
        Some(self.heard_at? + self.interval?)
    }

    /// The connection is lost.
    pub fn reset(&mut self) {
        *self = Heartbeat { turn: self.turn, ..Heartbeat::new(self.interval) };
    }
}
