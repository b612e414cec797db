//! The protocol of a store behind a connection: one of a closed set, matched once a call.

use std::time::Duration;

use crate::counter::Grant;
use crate::limits::{
    BATCHES_IN_FLIGHT_MAX, HANDSHAKE_TIMEOUT, HEARTBEAT, POSTGRES_BATCHES_IN_FLIGHT_MAX,
};
use crate::store::change::ChangeProgress;
use crate::store::counter::Counter;
use crate::store::high_water::Position;
use crate::store::postgres::{self, Postgres};
use crate::store::redis::Redis;
use crate::store::{Fault, StoreError};

/// How a link speaks to its store.
#[derive(Debug)]
pub enum Protocol {
    /// Redis, or Valkey.
    Redis(Box<Redis>),
    /// PostgreSQL.
    Postgres(Box<Postgres>),
}

/// A question for numbers. Sent again after a lost connection, it has the same sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Counts the asks of a link, from 1.
    pub sequence: u64,
    /// Up to so many numbers; 0 to look only.
    pub count: u64,
    /// What the asker has seen of the counter. It runs in that epoch and in no other.
    pub seen: Position,
    /// The last ask that was granted something, if the asker has unclaimed numbers: where the store
    /// no longer has the answer to it, it answers no more than that. 0: nothing is to be confirmed.
    pub confirm: u64,
}

impl Ask {
    /// A probe of the count, of which no reply is due to anybody.
    pub fn probe(seen: Position) -> Ask {
        Ask { sequence: 0, count: 0, seen, confirm: 0 }
    }
}

/// The last ask of a link that was granted something; all 0 if there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastGrant {
    /// The ask's sequence number.
    pub sequence: u64,
    /// The epoch of the counter in which it was granted.
    pub epoch: u64,
}

/// What the store's bytes meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The store has lost, or dropped, the answer to the last grant of this link. Comes before
    /// the greeting is done.
    AnswersLost,
    /// The greeting is done, and asks may follow.
    Greeted,
    /// The answer to the oldest ask.
    Replied(Answer),
    /// The answer to the oldest probe, or why it was refused.
    Probed(Result<Grant, Fault>),
    /// The counter was changed by somebody since the last probe.
    Changed,
}

/// The store's answer to one ask.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It ran.
    Granted(Grant),
    /// It surely did not run and may be asked again, after what hindered it, if anything did
    /// that an operator should know of.
    NotRun(Option<Fault>),
    /// It was refused, and wrote nothing.
    Refused(Fault),
}

impl Protocol {
    /// A new connection begins: writes what comes first.
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        match self {
            Protocol::Redis(redis) => redis.greet(out),
            Protocol::Postgres(postgres) => postgres.greet(out),
        }
    }

    /// Writes one ask.
    pub fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) {
        match self {
            Protocol::Redis(redis) => redis.ask(ask, out),
            Protocol::Postgres(postgres) => postgres.ask(ask, out),
        }
    }

    /// Writes one ask that was sent before, on a connection that is lost.
    pub fn ask_again(&mut self, ask: Ask, out: &mut Vec<u8>) {
        match self {
            Protocol::Redis(redis) => redis.ask(ask, out),
            Protocol::Postgres(postgres) => postgres.ask_again(ask, out),
        }
    }

    /// An ask was granted something: the next greeting makes sure that the store still knows.
    pub fn granted(&mut self, last: LastGrant) {
        match self {
            Protocol::Redis(redis) => redis.last_grant = last,
            Protocol::Postgres(postgres) => postgres.last_grant = last,
        }
    }

    /// Writes one probe, which the store is to follow with a word of the next change, if it can.
    pub fn probe(&mut self, out: &mut Vec<u8>) {
        match self {
            Protocol::Redis(redis) => redis.probe(out),
            Protocol::Postgres(_) => {} // It has no heartbeat, and tracks nothing.
        }
    }

    /// Whether the store is likely to tell of changes after a probe.
    pub fn may_track(&self) -> bool {
        match self {
            Protocol::Redis(redis) => redis.may_track(),
            Protocol::Postgres(_) => false,
        }
    }

    /// Whether the store tells of changes after the probe that was answered last.
    pub fn is_tracked(&self) -> bool {
        match self {
            Protocol::Redis(redis) => redis.is_tracked(),
            Protocol::Postgres(_) => false,
        }
    }

    /// How long the store may be silent before it is probed; `None`: for ever.
    pub fn heartbeat(&self) -> Option<Duration> {
        match self {
            Protocol::Redis(_) => Some(HEARTBEAT),
            Protocol::Postgres(_) => None,
        }
    }

    /// Bytes came; [`Protocol::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        match self {
            Protocol::Redis(redis) => redis.receive(bytes),
            Protocol::Postgres(postgres) => postgres.receive(bytes),
        }
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`.
    ///
    /// # Errors
    /// The connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Event>, Fault> {
        match self {
            Protocol::Redis(redis) => redis.next(out),
            Protocol::Postgres(postgres) => postgres.next(out),
        }
    }

    /// The counter that is asked for.
    pub fn counter(&self) -> &Counter {
        match self {
            Protocol::Redis(redis) => redis.counter(),
            Protocol::Postgres(postgres) => postgres.counter(),
        }
    }

    /// What is known of a reset or a set.
    pub fn change_progress(&self) -> &ChangeProgress {
        match self {
            Protocol::Redis(redis) => redis.change_progress(),
            Protocol::Postgres(postgres) => postgres.change_progress(),
        }
    }

    /// How long a connecting and its greeting may take.
    pub fn handshake_timeout(&self) -> Duration {
        match self {
            Protocol::Redis(_) => HANDSHAKE_TIMEOUT,
            Protocol::Postgres(postgres) => postgres.handshake_timeout(),
        }
    }

    /// Batches that may be on their way at once.
    pub fn batches_in_flight_max(&self) -> usize {
        match self {
            Protocol::Redis(_) => BATCHES_IN_FLIGHT_MAX,
            Protocol::Postgres(_) => POSTGRES_BATCHES_IN_FLIGHT_MAX,
        }
    }

    /// Of those who were just answered, how many the next ask is worth waiting for: a commit is
    /// dear, so all; a script is not, and while half of them come the other half is on its way.
    pub fn awaited_of(&self, answered: usize) -> usize {
        match self {
            Protocol::Redis(_) => answered / 2,
            Protocol::Postgres(_) => answered,
        }
    }

    /// What the operator of this store can do about an error, for the log.
    pub fn advice(&self, error: StoreError) -> &'static str {
        match self {
            Protocol::Redis(_) => error.advice(),
            Protocol::Postgres(_) => postgres::advice(error),
        }
    }
}
