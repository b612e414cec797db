//! The life of one store connection, without a socket: it says what to do, and is told what came.
//!
//! ```text
//!            tick: backoff over            connected           handshake done
//!   Down ----------------------> Connecting ---------> Handshaking ---------> Ready
//!    ^                               |                    |                  |
//!    +------------- lost: refused, closed, timed out, not the protocol ------+
//! ```
//!
//! An ask whose reply did not come before the connection was lost may have run. The stores
//! remember their answers, so it is asked again on the next connection, with the same sequence
//! number and in the same order, until it is answered. One too old to be remembered fails; one of
//! an epoch that has ended may have run, but its numbers ended with the epoch: neither is sent
//! again. Invariant: replies are in the order of the asks. It knows no socket, name or clock.

mod backoff;
mod halt_cache;
mod in_flight;
mod log_throttle;
mod state;

use std::collections::VecDeque;
use std::iter;
use std::time::{Duration, Instant};

use log::info;

use crate::counter::Grant;
use crate::limits::PROBE_TIMEOUT;
use crate::send_buffer::SendBuffer;
use crate::store::error::{Fault, StoreError};
use crate::store::request::Reply;
use crate::store::request::{Answer, Event};
use crate::store::wire::Wire;
use backoff::Backoff;
use halt_cache::HaltCache;
use in_flight::{InFlight, Sent};
use log_throttle::FailureLog;
pub use state::Command;
use state::State;

/// One reactor's connection to the store.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    state: State,
    commands: VecDeque<Command>,
    send_buffer: SendBuffer,
    in_flight: InFlight,
    replies: VecDeque<Reply>,
    halt_cache: HaltCache,
    timeout: Duration,
    backoff: Backoff,
    failures: FailureLog,
}

impl Connection {
    /// Connects at the first tick. `timeout` bounds one request; `seed` is the jitter's.
    pub fn new(wire: Wire, timeout: Duration, seed: u64, now: Instant) -> Connection {
        Connection {
            halt_cache: HaltCache::new(wire.heartbeat()),
            wire,
            state: State::Down { until: now },
            commands: VecDeque::new(),
            send_buffer: SendBuffer::default(),
            in_flight: InFlight::default(),
            replies: VecDeque::new(),
            timeout,
            backoff: Backoff::new(seed),
            failures: FailureLog::new(),
        }
    }

    /// Whether an ask would be sent now. While the bound of batches is in flight the next ones
    /// gather, and that is what makes them large. Once a halt is known, what is in flight is waited
    /// for: after it nothing need be sent.
    pub fn can_send(&self) -> bool {
        let in_flight_max = match self.halt_cache.is_cached() {
            true => 1,
            false => self.wire.batches_in_flight_max(),
        };
        matches!(self.state, State::Ready) && self.in_flight.len() < in_flight_max
    }

    /// Asks the store for up to `count` numbers, unless a halt is cached, at a limit below
    /// `unclaimed`, the least number that the caller has at hand. Only if it can send.
    pub fn send(&mut self, count: u64, unclaimed: Option<u64>, now: Instant) {
        debug_assert!(self.can_send());
        let halt = self.halt_cache.halt(now).filter(|_| self.in_flight.is_empty());
        let is_answer = |halt: &Grant| unclaimed.is_none_or(|least| least > halt.limit);
        if let Some(halt) = halt.filter(is_answer) {
            return self.replies.push_back(Reply::Granted(halt));
        }
        let seen = self.wire.counter().high_water.position();
        let has_unclaimed = unclaimed.is_some();
        let request = self.in_flight.push(count, seen, has_unclaimed, now, now + self.timeout);
        self.wire.send(request, self.send_buffer.writer());
    }

    /// The next reply, in the order of the asks.
    pub fn poll(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    /// What the socket's owner is to do next; ask until `None`.
    pub fn command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The bytes to send.
    pub fn send_buffer(&mut self) -> &mut SendBuffer {
        &mut self.send_buffer
    }

    /// Why there is no answer.
    pub fn last_error(&self) -> &Fault {
        self.failures.last()
    }

    /// Whether an ask is without a reply.
    pub fn is_awaiting_reply(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Says how many numbers are in doubt at the end of the process.
    pub fn log_unfinished(&self) {
        in_flight::in_doubt(self.in_flight.numbers());
    }

    /// The store's wire.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// When [`Connection::tick`] has work next.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Down { until } => Some(until),
            State::Connecting { deadline } | State::Handshaking { deadline } => Some(deadline),
            // Whoever asked has a deadline, and his answer says as much as that to a probe.
            State::Ready => self.in_flight.deadline().or(self.halt_cache.deadline()),
        }
    }

    /// Lets the time pass: connects after a backoff, probes a silent store, gives up what took
    /// too long.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Down { .. } => {
                self.commands.push_back(Command::Connect);
                let deadline = now + self.wire.handshake_timeout();
                self.state = State::Connecting { deadline };
            }
            State::Ready if self.in_flight.is_empty() && self.halt_cache.is_probe_due(now) => {
                self.probe(now);
            }
            _ => self.lost(StoreError::Timeout, "no answer in time", now),
        }
    }

    /// The socket is connected: introduces itself to the store.
    pub fn connected(&mut self) {
        let State::Connecting { deadline } = self.state else {
            return; // A connecting that was given up in the meantime.
        };
        self.wire.start_handshake(self.send_buffer.writer());
        self.state = State::Handshaking { deadline };
    }

    /// Bytes came from the store.
    pub fn received(&mut self, bytes: &[u8], now: Instant) {
        self.wire.receive(bytes);
        while !matches!(self.state, State::Down { .. }) {
            match self.wire.next(self.send_buffer.writer()) {
                Ok(None) => return,
                Ok(Some(Event::AnswersLost)) => self.replies.push_back(Reply::AnswersLost),
                Ok(Some(Event::HandshakeDone)) => self.handshake_step(now),
                Ok(Some(Event::Replied(answer))) => self.replied(answer, now),
                Ok(Some(Event::Probed(answer))) => self.probed(answer, now),
                Ok(Some(Event::Changed)) => self.halt_cache.clear(),
                Err(fault) => self.lost(fault.error, &fault.detail, now),
            }
        }
    }

    /// The connection is gone, or never came. `detail` say how, for the log.
    pub fn lost(&mut self, error: StoreError, detail: &str, now: Instant) {
        let fault = Fault { error, detail: detail.to_owned() };
        self.failures.lost(fault, &self.wire, now);
        self.give_up(now);
        self.halt_cache.reset();
        self.send_buffer.clear();
        self.commands.push_back(Command::Disconnect);
        self.state = State::Down { until: now + self.backoff.next() };
    }

    /// Asks may be sent, and first those that were sent before.
    fn handshake_step(&mut self, now: Instant) {
        self.give_up(now); // The process may have stood still since the connection was lost.
        let seen = self.wire.counter().high_water.position();
        let ended = self.in_flight.end_before(seen.epoch);
        self.replies.extend(iter::repeat_n(Reply::NotRun, ended));
        for again in self.in_flight.resend_all(seen, now + self.timeout) {
            self.wire.resend(again, self.send_buffer.writer());
        }
        self.state = State::Ready;
        self.halt_cache.store_spoke(now);
        if self.in_flight.is_empty() {
            self.backoff.reset(); // Else at the first answer: it may be lost for what was asked.
        }
        self.failures.connected();
        info!("store ready");
    }

    /// Those that the store may have forgotten are not sent again.
    fn give_up(&mut self, now: Instant) {
        let given_up = self.in_flight.give_up(now);
        self.replies.extend(iter::repeat_n(Reply::Failed(self.last_error().error), given_up));
    }

    fn replied(&mut self, answer: Answer, now: Instant) {
        let Some(Sent { request, is_again, .. }) = self.in_flight.oldest() else {
            return self.lost(StoreError::Protocol, "a reply too many", now);
        };
        self.halt_cache.store_spoke(now);
        let reply = match answer {
            Answer::Granted(grant) if grant.granted > request.count => {
                return self.lost(StoreError::Protocol, "more granted than asked for", now);
            }
            Answer::Granted(grant) => self.granted(request.sequence, grant, now),
            // It may have run when it was sent first: nothing but its answer ends the matter.
            Answer::Refused(fault) | Answer::NotRun(Some(fault)) if is_again => {
                return self.lost(fault.error, &fault.detail, now);
            }
            Answer::NotRun(None) if is_again => {
                return self.lost(StoreError::Conflict, "the ask did not run", now);
            }
            Answer::NotRun(None) => Reply::NotRun,
            Answer::NotRun(Some(fault)) => {
                self.failures.delayed(fault, &self.wire, now);
                Reply::NotRun
            }
            Answer::Refused(fault) => {
                self.failures.refused(&fault, &self.wire, now);
                Reply::Failed(fault.error)
            }
        };
        self.in_flight.pop();
        self.replies.push_back(reply);
        if reply == Reply::Failed(StoreError::ReadOnly) {
            // Another server is the primary now: its name must be resolved anew.
            self.lost(StoreError::ReadOnly, "connecting anew", now);
        }
    }

    /// Asks are answered in order, and so are numbers, unless the store went backwards between two
    /// that were in flight: neither had seen the other's.
    fn granted(&mut self, sequence: u64, grant: Grant, now: Instant) -> Reply {
        if grant.granted > 0 && self.in_flight.has_granted(grant) {
            let detail = format!("{} was granted again", grant.first);
            let fault = Fault { error: StoreError::Backwards, detail };
            self.failures.refused(&fault, &self.wire, now);
            self.replies.push_back(Reply::AnswersLost);
            return Reply::Failed(StoreError::Backwards);
        }
        if grant.granted > 0 {
            self.wire.granted(self.in_flight.granted(sequence, grant));
            self.failures.granted();
        }
        self.failures.answered();
        self.backoff.reset();
        if self.halt_cache.replied(grant, self.wire.may_track(), now) {
            self.probe(now);
        }
        Reply::Granted(grant)
    }

    /// Probes the counter, and has the store tell of its changes if it can.
    fn probe(&mut self, now: Instant) {
        self.wire.probe(self.send_buffer.writer());
        self.halt_cache.probe(now + PROBE_TIMEOUT);
    }

    fn probed(&mut self, answer: Result<Grant, Fault>, now: Instant) {
        self.halt_cache.store_spoke(now);
        self.halt_cache.probed(answer.as_ref().ok(), self.wire.is_tracked(), now);
        match answer {
            Ok(grant) if grant.granted > 0 => {
                self.lost(StoreError::Protocol, "a probe was granted something", now);
            }
            Ok(_) => self.failures.probe_answered(),
            Err(fault) => self.failures.probe_refused(&fault, &self.wire, now),
        }
    }
}

#[cfg(test)]
mod tests;
