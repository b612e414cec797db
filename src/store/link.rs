//! The life of one store connection, without a socket: it says what to do, and is told what came.
//!
//! ```text
//!            tick: backoff over            connected             greeted
//!   Down ----------------------> Connecting ---------> Greeting ---------> Ready
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
mod complaints;
mod in_flight;
mod state;
mod watch;

use std::collections::VecDeque;
use std::iter;
use std::time::{Duration, Instant};

use log::info;

use crate::counter::Grant;
use crate::limits::PROBE_TIMEOUT;
use crate::outbound::Outbound;
use crate::store::protocol::{Answer, Event, Protocol};
use crate::store::{Fault, Reply, StoreError};
use backoff::Backoff;
use complaints::Troubles;
use in_flight::{InFlight, Sent};
pub use state::Command;
use state::State;
use watch::Watch;

/// One reactor's connection to the store.
#[derive(Debug)]
pub struct Link {
    protocol: Protocol,
    state: State,
    commands: VecDeque<Command>,
    outbound: Outbound,
    in_flight: InFlight,
    replies: VecDeque<Reply>,
    watch: Watch,
    timeout: Duration,
    backoff: Backoff,
    troubles: Troubles,
}

impl Link {
    /// A link that connects at the first tick. `timeout` bounds one ask; `seed` is the jitter's.
    pub fn new(protocol: Protocol, timeout: Duration, seed: u64, now: Instant) -> Link {
        Link {
            watch: Watch::new(protocol.heartbeat()),
            protocol,
            state: State::Down { until: now },
            commands: VecDeque::new(),
            outbound: Outbound::default(),
            in_flight: InFlight::default(),
            replies: VecDeque::new(),
            timeout,
            backoff: Backoff::new(seed),
            troubles: Troubles::new(),
        }
    }

    /// Whether an ask would be sent now. While the bound of batches is in flight the next ones
    /// gather, and that is what makes them large. Once a halt is known, what is in flight is waited
    /// for: after it nothing need be sent.
    pub fn can_ask(&self) -> bool {
        let in_flight_max = match self.watch.is_believing() {
            true => 1,
            false => self.protocol.batches_in_flight_max(),
        };
        matches!(self.state, State::Ready) && self.in_flight.len() < in_flight_max
    }

    /// Asks for up to `count` numbers: the store, unless it is known to be halted, at a limit below
    /// `unclaimed`, the least number that the asker has at hand. Only when [`Link::can_ask`].
    pub fn ask(&mut self, count: u64, unclaimed: Option<u64>, now: Instant) {
        debug_assert!(self.can_ask());
        let halt = self.watch.halt(now).filter(|_| self.in_flight.is_empty());
        let is_answer = |halt: &Grant| unclaimed.is_none_or(|least| least > halt.limit);
        if let Some(halt) = halt.filter(is_answer) {
            return self.replies.push_back(Reply::Granted(halt));
        }
        let seen = self.protocol.counter().high_water.position();
        let has_unclaimed = unclaimed.is_some();
        let ask = self.in_flight.push(count, seen, has_unclaimed, now, now + self.timeout);
        self.protocol.ask(ask, self.outbound.writer());
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
    pub fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// Why there is no answer.
    pub fn trouble(&self) -> &Fault {
        self.troubles.last()
    }

    /// Whether an ask is without a reply.
    pub fn is_asking(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Says how many numbers are in doubt at the end of the process.
    pub fn log_unfinished(&self) {
        in_flight::in_doubt(self.in_flight.numbers());
    }

    /// The store's protocol.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// When [`Link::tick`] has work next.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Down { until } => Some(until),
            State::Connecting { deadline } | State::Greeting { deadline } => Some(deadline),
            // Whoever asked has a deadline, and his answer says as much as that to a probe.
            State::Ready => self.in_flight.deadline().or(self.watch.deadline()),
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
                let deadline = now + self.protocol.handshake_timeout();
                self.state = State::Connecting { deadline };
            }
            State::Ready if self.in_flight.is_empty() && self.watch.is_probe_due(now) => {
                self.probe(now);
            }
            _ => self.lost(StoreError::Timeout, "no answer in time", now),
        }
    }

    /// The socket is connected: greets the store.
    pub fn connected(&mut self) {
        let State::Connecting { deadline } = self.state else {
            return; // A connecting that was given up in the meantime.
        };
        self.protocol.greet(self.outbound.writer());
        self.state = State::Greeting { deadline };
    }

    /// Bytes came from the store.
    pub fn received(&mut self, bytes: &[u8], now: Instant) {
        self.protocol.receive(bytes);
        while !matches!(self.state, State::Down { .. }) {
            match self.protocol.next(self.outbound.writer()) {
                Ok(None) => return,
                Ok(Some(Event::AnswersLost)) => self.replies.push_back(Reply::AnswersLost),
                Ok(Some(Event::Greeted)) => self.greeted(now),
                Ok(Some(Event::Replied(answer))) => self.replied(answer, now),
                Ok(Some(Event::Probed(answer))) => self.probed(answer, now),
                Ok(Some(Event::Changed)) => self.watch.forget(),
                Err(fault) => self.lost(fault.error, &fault.words, now),
            }
        }
    }

    /// The connection is gone, or never came. `words` say how, for the log.
    pub fn lost(&mut self, error: StoreError, words: &str, now: Instant) {
        let fault = Fault { error, words: words.to_owned() };
        self.troubles.lost(fault, &self.protocol, now);
        self.give_up(now);
        self.watch.lost();
        self.outbound.clear();
        self.commands.push_back(Command::Disconnect);
        self.state = State::Down { until: now + self.backoff.next() };
    }

    /// Asks may be sent, and first those that were sent before.
    fn greeted(&mut self, now: Instant) {
        self.give_up(now); // The process may have stood still since the connection was lost.
        let seen = self.protocol.counter().high_water.position();
        let ended = self.in_flight.end_before(seen.epoch);
        self.replies.extend(iter::repeat_n(Reply::NotRun, ended));
        for again in self.in_flight.send_again(seen, now + self.timeout) {
            self.protocol.ask_again(again, self.outbound.writer());
        }
        self.state = State::Ready;
        self.watch.heard(now);
        if self.in_flight.is_empty() {
            self.backoff.end(); // Else at the first answer: it may be lost for what was asked.
        }
        self.troubles.connected();
        info!("store ready");
    }

    /// Those that the store may have forgotten are not sent again.
    fn give_up(&mut self, now: Instant) {
        let given_up = self.in_flight.give_up(now);
        self.replies.extend(iter::repeat_n(Reply::Failed(self.trouble().error), given_up));
    }

    fn replied(&mut self, answer: Answer, now: Instant) {
        let Some(Sent { ask, is_again, .. }) = self.in_flight.oldest() else {
            return self.lost(StoreError::Protocol, "a reply too many", now);
        };
        self.watch.heard(now);
        let reply = match answer {
            Answer::Granted(grant) if grant.granted > ask.count => {
                return self.lost(StoreError::Protocol, "more granted than asked for", now);
            }
            Answer::Granted(grant) => self.granted(ask.sequence, grant, now),
            // It may have run when it was sent first: nothing but its answer ends the matter.
            Answer::Refused(fault) | Answer::NotRun(Some(fault)) if is_again => {
                return self.lost(fault.error, &fault.words, now);
            }
            Answer::NotRun(None) if is_again => {
                return self.lost(StoreError::Conflict, "the ask did not run", now);
            }
            Answer::NotRun(None) => Reply::NotRun,
            Answer::NotRun(Some(fault)) => {
                self.troubles.hindered(fault, &self.protocol, now);
                Reply::NotRun
            }
            Answer::Refused(fault) => {
                self.troubles.refused(&fault, &self.protocol, now);
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
            let words = format!("{} was granted again", grant.first);
            let fault = Fault { error: StoreError::Backwards, words };
            self.troubles.refused(&fault, &self.protocol, now);
            self.replies.push_back(Reply::AnswersLost);
            return Reply::Failed(StoreError::Backwards);
        }
        if grant.granted > 0 {
            self.protocol.granted(self.in_flight.granted(sequence, grant));
            self.troubles.granted();
        }
        self.troubles.answered();
        self.backoff.end();
        if self.watch.replied(grant, self.protocol.may_track(), now) {
            self.probe(now);
        }
        Reply::Granted(grant)
    }

    /// Probes the counter, and has the store tell of its changes if it can.
    fn probe(&mut self, now: Instant) {
        self.protocol.probe(self.outbound.writer());
        self.watch.probe(now + PROBE_TIMEOUT);
    }

    fn probed(&mut self, answer: Result<Grant, Fault>, now: Instant) {
        self.watch.heard(now);
        self.watch.probed(answer.as_ref().ok(), self.protocol.is_tracked(), now);
        match answer {
            Ok(grant) if grant.granted > 0 => {
                self.lost(StoreError::Protocol, "a probe was granted something", now);
            }
            Ok(_) => self.troubles.probe_answered(),
            Err(fault) => self.troubles.probe_refused(&fault, &self.protocol, now),
        }
    }
}

#[cfg(test)]
mod tests;
