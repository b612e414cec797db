//! How a store behind a connection is spoken to: one of a closed set, matched once a call.

use std::time::Duration;

use crate::config::Endpoint;
use crate::counter::{CounterId, Grant};
use crate::limits::{
    BATCHES_IN_FLIGHT_MAX, HANDSHAKE_TIMEOUT, HEARTBEAT, POSTGRES_BATCHES_IN_FLIGHT_MAX,
};
use crate::store::change::ChangeProgress;
use crate::store::error::{Fault, StoreError};
use crate::store::hosts::Hosts;
use crate::store::postgres::{self, Postgres};
use crate::store::redis::Redis;
use crate::store::request::{LastGrant, Request, WireEvent};
use crate::store::survey::Survey;

/// The protocol of a store.
#[derive(Debug)]
pub enum Wire {
    /// Redis, or Valkey.
    Redis(Box<Redis>),
    /// PostgreSQL.
    Postgres(Box<Postgres>),
}

impl Wire {
    /// Where the next connection leads to.
    pub fn endpoint(&mut self) -> &Endpoint {
        match self {
            Wire::Redis(redis) => redis.endpoint(),
            Wire::Postgres(postgres) => postgres.hosts().current(),
        }
    }

    /// A connection is lost, or never came; `has_served`: its handshake was done. Whether another
    /// one may do better, and not all have failed in a row.
    pub fn lost(&mut self, error: StoreError, has_served: bool) -> bool {
        match self {
            Wire::Redis(redis) => redis.lost(has_served),
            Wire::Postgres(postgres) => error.is_of_host(has_served) && postgres.hosts().try_next(),
        }
    }

    /// Whether the server has answered the login of this connection with an error.
    pub fn is_login_refused(&self) -> bool {
        matches!(self, Wire::Postgres(postgres) if postgres.is_login_refused())
    }

    /// Whether the connection is to one who names the store, and is not the store itself.
    pub fn is_asking_sentinel(&self) -> bool {
        matches!(self, Wire::Redis(redis) if redis.is_asking_sentinel())
    }

    /// The hosts that are tried in turn.
    pub fn hosts(&mut self) -> &mut Hosts {
        match self {
            Wire::Redis(redis) => redis.hosts(),
            Wire::Postgres(postgres) => postgres.hosts(),
        }
    }

    /// What a fault says, and of which host where there may be several.
    pub fn located(&mut self, detail: &str) -> String {
        match self.hosts().are_several() || self.is_one_of_several() {
            true => format!("{}: {detail}", self.endpoint()),
            false => detail.to_owned(),
        }
    }

    fn is_one_of_several(&self) -> bool {
        matches!(self, Wire::Redis(redis) if redis.is_one_of_several())
    }

    /// The protocol of a connection to another node of a Cluster.
    pub fn for_node(&self, endpoint: Endpoint) -> Option<Wire> {
        match self {
            Wire::Redis(redis) => Some(Wire::Redis(Box::new(redis.for_node(endpoint)))),
            Wire::Postgres(_) => None,
        }
    }

    /// What came for this counter and what will come of what was sent is of no meaning any more.
    pub fn disown(&mut self, counter: CounterId) {
        if let Wire::Redis(redis) = self {
            redis.disown(counter);
        }
    }

    /// Whether the commands of the counter are preceded by ASKING.
    pub fn set_asking(&mut self, counter: CounterId, is_asking: bool) {
        if let Wire::Redis(redis) = self {
            redis.set_asking(counter, is_asking);
        }
    }

    /// Takes over what is to be done once, from the connection to another node.
    pub fn take_task(&mut self, other: &mut Wire) {
        if let (Wire::Redis(redis), Wire::Redis(other)) = (self, other) {
            redis.take_task(other);
        }
    }

    /// A new connection begins: writes what comes first.
    pub fn start_handshake(&mut self, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.start_handshake(out),
            Wire::Postgres(postgres) => postgres.start_handshake(out),
        }
    }

    /// Whether counters may be confirmed before the handshake is answered.
    pub fn is_handshake_pipelined(&self) -> bool {
        match self {
            Wire::Redis(redis) => redis.is_handshake_pipelined(),
            Wire::Postgres(_) => false,
        }
    }

    /// Writes what makes sure that a counter is there: creates it if it may be. `last`: the last
    /// request that was granted something, whose answer the store is to have still.
    pub fn write_confirm(&mut self, counter: CounterId, last: LastGrant, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_confirm(counter, last, out),
            Wire::Postgres(postgres) => postgres.write_confirm(counter, last, out),
        }
    }

    /// Whether a request would be sent now. A PostgreSQL transaction waits for the one before it.
    pub fn can_send(&self) -> bool {
        match self {
            Wire::Redis(_) => true,
            Wire::Postgres(postgres) => postgres.can_send(),
        }
    }

    /// Writes one request, or keeps it until [`Wire::finish_requests`].
    pub fn write_request(&mut self, counter: CounterId, request: Request, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_request(counter, request, out),
            Wire::Postgres(postgres) => postgres.write_request(counter, request),
        }
    }

    /// All requests of this wake were written: writes those that were kept, and what is to stand
    /// behind them.
    pub fn finish_requests(&mut self, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.finish_requests(out),
            Wire::Postgres(postgres) => postgres.finish_requests(out),
        }
    }

    /// Writes one request that was sent before, on a connection that is lost.
    pub fn write_resent(&mut self, counter: CounterId, request: Request, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_request(counter, request, out),
            Wire::Postgres(postgres) => postgres.write_resent(counter, request, out),
        }
    }

    /// Writes one probe: a read that the store is to follow with a message of the next change, if
    /// it can.
    pub fn write_probe(&mut self, counter: CounterId, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_probe(counter, out),
            Wire::Postgres(_) => {} // It has no heartbeat, and tracks nothing.
        }
    }

    /// Writes a write to a counter that changes nothing, to see whether the store takes it.
    pub fn write_check(&mut self, counter: CounterId, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_check(counter, out),
            Wire::Postgres(postgres) => postgres.write_check(out),
        }
    }

    /// How long a request may take.
    pub fn set_store_timeout(&mut self, timeout: Duration) {
        match self {
            Wire::Redis(redis) => redis.set_store_timeout(timeout),
            Wire::Postgres(_) => {} // It knows.
        }
    }

    /// Whether the halt that was read may be cached. A Redis that is to have replicas may tell what
    /// they do not have.
    pub fn may_cache(&self, counter: CounterId, grant: Grant) -> bool {
        match self {
            Wire::Redis(redis) => redis.may_cache(counter, grant),
            Wire::Postgres(_) => true,
        }
    }

    /// Whether the store is likely to tell of changes after a probe.
    pub fn may_track(&self) -> bool {
        match self {
            Wire::Redis(redis) => redis.may_track(),
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
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        match self {
            Wire::Redis(redis) => redis.next(out),
            Wire::Postgres(postgres) => postgres.next(out),
        }
    }

    /// What a survey has brought, if one is made.
    pub fn survey(&mut self) -> &mut Option<Survey> {
        match self {
            Wire::Redis(redis) => redis.survey(),
            Wire::Postgres(postgres) => postgres.survey(),
        }
    }

    /// What is known of a change.
    pub fn change_progress(&self) -> &ChangeProgress {
        match self {
            Wire::Redis(redis) => redis.change_progress(),
            Wire::Postgres(postgres) => postgres.change_progress(),
        }
    }

    /// How long connecting and the handshake may take, and confirming a counter.
    pub fn handshake_timeout(&self) -> Duration {
        match self {
            Wire::Redis(_) => HANDSHAKE_TIMEOUT,
            Wire::Postgres(postgres) => postgres.handshake_timeout(),
        }
    }

    /// Batches of one counter that may be in flight at once.
    pub fn batches_in_flight_max(&self) -> usize {
        match self {
            Wire::Redis(_) => BATCHES_IN_FLIGHT_MAX,
            Wire::Postgres(_) => POSTGRES_BATCHES_IN_FLIGHT_MAX,
        }
    }

    /// Of those who were just answered, how many the next batch waits for: a commit is expensive,
    /// so all; a script is not, and while half of them return the other half is on its way.
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
