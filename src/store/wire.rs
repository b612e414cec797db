//! The protocol of a store behind a connection: one of a closed set, matched once a call.

use std::time::Duration;

use crate::limits::{
    BATCHES_IN_FLIGHT_MAX, HANDSHAKE_TIMEOUT, HEARTBEAT, POSTGRES_BATCHES_IN_FLIGHT_MAX,
};
use crate::store::change::ChangeProgress;
use crate::store::counter::Counter;
use crate::store::error::{Fault, StoreError};
use crate::store::postgres::{self, Postgres};
use crate::store::redis::Redis;
use crate::store::request::{Event, LastGrant, Request};

/// How a link speaks to its store.
#[derive(Debug)]
pub enum Wire {
    /// Redis, or Valkey.
    Redis(Box<Redis>),
    /// PostgreSQL.
    Postgres(Box<Postgres>),
}

impl Wire {
    /// A new connection begins: writes what comes first.
    pub fn start_handshake(&mut self, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.start_handshake(out),
            Wire::Postgres(postgres) => postgres.start_handshake(out),
        }
    }

    /// Writes one request.
    pub fn send(&mut self, request: Request, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_request(request, out),
            Wire::Postgres(postgres) => postgres.write_request(request, out),
        }
    }

    /// Writes one ask that was sent before, on a connection that is lost.
    pub fn resend(&mut self, request: Request, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_request(request, out),
            Wire::Postgres(postgres) => postgres.write_resent(request, out),
        }
    }

    /// An ask was granted something: the next handshake makes sure that the store still knows.
    pub fn granted(&mut self, last: LastGrant) {
        match self {
            Wire::Redis(redis) => redis.last_grant = last,
            Wire::Postgres(postgres) => postgres.last_grant = last,
        }
    }

    /// Writes one probe, which the store is to follow with a word of the next change, if it can.
    pub fn probe(&mut self, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.probe(out),
            Wire::Postgres(_) => {} // It has no heartbeat, and tracks nothing.
        }
    }

    /// Whether the store is likely to tell of changes after a probe.
    pub fn may_track(&self) -> bool {
        match self {
            Wire::Redis(redis) => redis.may_track(),
            Wire::Postgres(_) => false,
        }
    }

    /// Whether the store tells of changes after the probe that was answered last.
    pub fn is_tracked(&self) -> bool {
        match self {
            Wire::Redis(redis) => redis.is_tracked(),
            Wire::Postgres(_) => false,
        }
    }

    /// How long the store may be silent before it is probed; `None`: for ever.
    pub fn heartbeat(&self) -> Option<Duration> {
        match self {
            Wire::Redis(_) => Some(HEARTBEAT),
            Wire::Postgres(_) => None,
        }
    }

    /// Bytes came; [`Wire::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        match self {
            Wire::Redis(redis) => redis.receive(bytes),
            Wire::Postgres(postgres) => postgres.receive(bytes),
        }
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`.
    ///
    /// # Errors
    /// The connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Event>, Fault> {
        match self {
            Wire::Redis(redis) => redis.next(out),
            Wire::Postgres(postgres) => postgres.next(out),
        }
    }

    /// The counter that is asked for.
    pub fn counter(&self) -> &Counter {
        match self {
            Wire::Redis(redis) => redis.counter(),
            Wire::Postgres(postgres) => postgres.counter(),
        }
    }

    /// What is known of a reset or a set.
    pub fn change_progress(&self) -> &ChangeProgress {
        match self {
            Wire::Redis(redis) => redis.change_progress(),
            Wire::Postgres(postgres) => postgres.change_progress(),
        }
    }

    /// How long a connecting and its handshake may take.
    pub fn handshake_timeout(&self) -> Duration {
        match self {
            Wire::Redis(_) => HANDSHAKE_TIMEOUT,
            Wire::Postgres(postgres) => postgres.handshake_timeout(),
        }
    }

    /// Batches that may be on their way at once.
    pub fn batches_in_flight_max(&self) -> usize {
        match self {
            Wire::Redis(_) => BATCHES_IN_FLIGHT_MAX,
            Wire::Postgres(_) => POSTGRES_BATCHES_IN_FLIGHT_MAX,
        }
    }

    /// Of those who were just answered, how many the next ask is worth waiting for: a commit is
    /// dear, so all; a script is not, and while half of them come the other half is on its way.
    pub fn expected_returning(&self, answered: usize) -> usize {
        match self {
            Wire::Redis(_) => answered / 2,
            Wire::Postgres(_) => answered,
        }
    }

    /// What the operator of this store can do about an error, for the log.
    pub fn hint(&self, error: StoreError) -> &'static str {
        match self {
            Wire::Redis(_) => error.hint(),
            Wire::Postgres(_) => postgres::hint(error),
        }
    }
}
