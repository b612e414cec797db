//! The life of one store connection, without a socket: it says what to do, and is told what came.
//!
//! ```text
//!            tick: backoff over            connected           handshake done
//!   Down ----------------------> Connecting ---------> Handshaking ---------> Ready
//!   ^  ^                             |                    |                    | |
//!   |  +------------ lost: refused, closed, timed out, not the protocol -------+ |
//!   | a counter comes                                                            |
//!   Resting <--------------- no counter has needed it for a while ---------------+
//! ```
//!
//! Only the connection to a node of a Cluster is ever `Resting`. While no counter needs it, it is
//! that in the place of `Down`, too.
//!
//! On each connection every counter is confirmed before it is asked for, a bounded number at a
//! time, and goes on alone from there (`counter_link.rs`): one that is refused holds up no other.
//!
//! A request whose reply did not come before the connection was lost may have run. The stores
//! remember their answers, so it is sent again on the next connection, with the same sequence
//! number and in the same order, until it is answered. One too old to be remembered fails; one of
//! an epoch that has ended may have run, but its numbers ended with the epoch: neither is sent
//! again. Invariant: the replies for a counter are in the order of the requests for it. It knows no
//! socket, name or clock.

mod backoff;
mod confirming;
mod confirms;
mod counter_link;
mod events;
mod heartbeat;
mod in_flight;
mod log_throttle;
mod loss;
#[cfg(not(feature = "tls"))]
mod no_tls;
mod node;
mod node_state;
mod probing;
mod sending;
mod state;
mod survey;
#[cfg(feature = "tls")]
mod tls;
mod tls_fault;
mod transport;
mod write_check;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::counter::CounterId;
use crate::metrics::store_metrics::StoreMetrics;
use crate::send_buffer::SendBuffer;
use crate::store::counters::Counters;
use crate::store::error::{Fault, StoreError};
use crate::store::lost_numbers::log_in_doubt;
use crate::store::request::StoreEvent;
use crate::store::wire::Wire;
use backoff::Backoff;
use confirms::Confirms;
use counter_link::{CounterLink, Stage};
use heartbeat::Heartbeat;
use log_throttle::LogThrottle;
use node_state::NodeState;
pub use node_state::Notice;
pub use state::Command;
use state::State;
pub use tls_fault::Dialect;
pub use transport::Encryption;
use transport::Transport;

/// A connection to the store: of one reactor, of all of a process, or to one node of a Cluster.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    counters: Arc<Counters>,
    state: State,
    commands: VecDeque<Command>,
    transport: Transport,
    /// By the counters' ids.
    links: Vec<CounterLink>,
    confirms: Confirms,
    /// The requests on this connection, and when it is given up for each. Those at the front may be
    /// answered already, but for the first.
    deadlines: VecDeque<(CounterId, u64, Instant)>,
    heartbeat: Heartbeat,
    events: VecDeque<StoreEvent>,
    /// Whether the store took the last write, and when.
    last_write: Option<(Instant, Result<(), StoreError>)>,
    /// The counter whose key a write is tried on, and when the connection is given up for it.
    write_check: Option<(CounterId, Instant)>,
    timeout: Duration,
    /// Since when there is no connection whose handshake is done: a failed try does not change it.
    lost_at: Option<Instant>,
    backoff: Backoff,
    /// Why there was no connection.
    last_fault: Fault,
    /// There is still a host, or a way (with or without TLS), that was not tried in this round.
    has_more_to_try: bool,
    throttle: LogThrottle,
    metrics: Arc<StoreMetrics>,
    node: NodeState,
}

impl Connection {
    /// Connects at the first tick. `timeout` bounds one request; `seed` is the jitter's.
    pub fn new(
        wire: Wire,
        counters: Arc<Counters>,
        timeout: Duration,
        seed: u64,
        now: Instant,
    ) -> Connection {
        let metrics = Arc::new(StoreMetrics::new(counters.len(), StoreError::ALL.len()));
        let links = counters.ids().map(|_| CounterLink::new(now)).collect();
        let resting = Connection::resting(wire, counters, metrics, timeout, seed, now);
        Connection { links, state: State::Down { until: now }, lost_at: Some(now), ..resting }
    }

    /// Encrypts the connections that are made from now on.
    pub fn encrypt(&mut self, encryption: Encryption) {
        self.transport.encrypt(encryption);
    }

    /// What it counts.
    pub fn metrics(&self) -> Arc<StoreMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Whether there is an event.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next event; the replies for a counter come in the order of its requests.
    pub fn poll(&mut self) -> Option<StoreEvent> {
        self.events.pop_front()
    }

    /// Why nothing can be taken from this counter, as far as is known; `None` if it can.
    pub fn refusal(&self, counter: CounterId) -> Option<StoreError> {
        let link = &self.links[counter.index()];
        let is_unconfirmed = matches!(link.stage, Stage::Unconfirmed { .. });
        link.last_error.filter(|error| is_unconfirmed || error.is_of_counter())
    }

    /// What the socket's owner is to do next; call it until `None`.
    pub fn command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What the server is to be sent before a [`Command::Disconnect`], if the socket takes it at
    /// once: why TLS was given up.
    pub fn take_last_words(&mut self) -> Vec<u8> {
        self.transport.take_last_words()
    }

    /// The bytes to send: what was written since the last call is encrypted now, where it has to
    /// be.
    pub fn seal_and_buffer(&mut self) -> &mut SendBuffer {
        self.transport.send_buffer()
    }

    /// Whether there are bytes to send.
    pub fn has_unsent(&self) -> bool {
        self.transport.has_unsent()
    }

    /// Why a request for this counter has no answer.
    pub fn last_error(&self, counter: CounterId) -> StoreError {
        self.links[counter.index()].last_error.unwrap_or(self.last_fault.error)
    }

    /// Why there is no connection, or what was the matter with the first counter.
    pub fn last_fault(&self) -> &Fault {
        &self.last_fault
    }

    /// Whether what [`Connection::last_fault`] says may not be the end of it: there is still a
    /// host, or a way (with or without TLS), that was not tried in this round.
    pub fn has_more_to_try(&self) -> bool {
        self.has_more_to_try
    }

    /// Why there is no connection, if there is none.
    pub fn absence(&self) -> Option<StoreError> {
        (!matches!(self.state, State::Ready)).then_some(self.last_fault.error)
    }

    /// When the store counts as away, unless the handshake is done before: it was not there for as
    /// long as a request may wait. `None` while it is there.
    pub fn away_at(&self) -> Option<Instant> {
        self.lost_at.map(|at| at + self.timeout)
    }

    /// Whether a request is without a reply.
    pub fn is_awaiting_reply(&self) -> bool {
        self.links.iter().any(|link| !link.in_flight.is_empty())
    }

    /// Logs how many numbers are in doubt at the end of the process.
    pub fn log_unfinished(&self) {
        log_in_doubt(self.links.iter().map(|link| link.in_flight.numbers()).sum());
    }

    /// How the store is spoken to.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// When [`Connection::tick`] has work next.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Down { until } => Some(until),
            State::Resting { .. } => None,
            State::Connecting { deadline } | State::Handshaking { deadline } => Some(deadline),
            State::Ready => {
                let next = match self.deadlines.front() {
                    // An answer that is due says as much as that to a probe.
                    Some((_, _, deadline)) => Some(*deadline),
                    None => self.heartbeat.deadline().filter(|_| self.confirms.is_idle()),
                };
                let check_until = self.write_check.map(|(_, until)| until);
                match (self.confirms.next_at(), check_until, self.node.rest_at) {
                    (None, None, None) => next,
                    (one, two, three) => [next, one, two, three].into_iter().flatten().min(),
                }
            }
        }
    }

    /// Lets the time pass: connects after a backoff, probes a silent store, gives up what took too
    /// long.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Down { .. } => {
                self.commands.push_back(Command::Connect(self.wire.endpoint().clone()));
                let deadline = now + self.wire.handshake_timeout();
                self.state = State::Connecting { deadline };
            }
            State::Ready if self.node.rest_at.is_some_and(|at| at <= now) => self.rest(now),
            State::Ready if self.confirms.is_retry_due(now) => self.retry_refused(now),
            State::Ready if self.is_quiet() && self.heartbeat.is_due(now) => self.beat(now),
            _ => self.lost(StoreError::Timeout, "no answer in time", now),
        }
    }

    /// The socket is connected: the handshake begins.
    #[inline(never)]
    pub fn connected(&mut self, now: Instant) {
        let State::Connecting { deadline } = self.state else {
            return; // A connecting that was given up in the meantime.
        };
        self.state = State::Handshaking { deadline };
        if let Err(fault) = self.transport.begin(self.wire.endpoint()) {
            return self.lost(fault.error, &fault.detail, now);
        }
        self.wire.start_handshake(self.transport.writer());
        if self.wire.is_asking_sentinel() {
            return;
        }
        let has_in_flight = |counter: &CounterId| !self.links[counter.index()].in_flight.is_empty();
        let here = self.counters.ids().filter(|counter| self.links[counter.index()].is_here());
        let (first, rest): (Vec<_>, Vec<_>) = here.partition(has_in_flight);
        self.confirms.start_first_round(first.len() + rest.len());
        first.into_iter().chain(rest).for_each(|counter| self.queue_confirm(counter));
        if self.wire.is_handshake_pipelined() {
            self.confirm_next(now);
        }
    }

    /// Whether nothing that was sent is without an answer, but perhaps a probe.
    fn is_quiet(&self) -> bool {
        self.deadlines.is_empty() && self.confirms.is_idle()
    }
}

#[cfg(test)]
mod tests;
