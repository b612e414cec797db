//! How a store behind a connection is spoken to: one of a closed set, matched once a call.

mod pace;

use crate::config::Endpoint;
use crate::counter::{CounterId, Grant};
use crate::store::change::ChangeProgress;
use crate::store::channel::Channel;
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
    pub fn endpoint(&self) -> &Endpoint {
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
            Wire::Postgres(postgres) => {
                error.is_of_host(has_served) && postgres.hosts_mut().try_next()
            }
        }
    }

    /// The connection is gone: nothing is to be written on it any more.
    pub fn connection_ended(&mut self) {
        if let Wire::Redis(redis) = self {
            redis.connection_ended();
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
    pub fn hosts(&self) -> &Hosts {
        match self {
            Wire::Redis(redis) => redis.hosts(),
            Wire::Postgres(postgres) => postgres.hosts(),
        }
    }

    /// The same, to say which of them serve.
    pub fn hosts_mut(&mut self) -> &mut Hosts {
        match self {
            Wire::Redis(redis) => redis.hosts_mut(),
            Wire::Postgres(postgres) => postgres.hosts_mut(),
        }
    }

    /// What a fault says, and of which host where there may be several.
    pub fn located(&self, detail: &str) -> String {
        let is_node = matches!(self, Wire::Redis(redis) if redis.is_one_of_several());
        match self.hosts().are_several() || is_node {
            true => format!("{}: {detail}", self.endpoint()),
            false => detail.to_owned(),
        }
    }

    /// The protocol of a connection to another node of a Cluster.
    pub fn for_node(&self, endpoint: Endpoint) -> Option<Wire> {
        match self {
            Wire::Redis(redis) => Some(Wire::Redis(Box::new(redis.for_node(endpoint)))),
            Wire::Postgres(_) => None,
        }
    }

    /// Drops what still comes for this counter.
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

    /// The connection is encrypted now: what a login on it can be bound to.
    pub fn set_channel(&mut self, channel: Channel) {
        if let Wire::Postgres(postgres) = self {
            postgres.set_channel(channel);
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
    pub fn write_request(&mut self, counter: CounterId, request: &Request, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_request(counter, request, out),
            Wire::Postgres(postgres) => postgres.write_request(counter, request.clone()),
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
    pub fn write_resent(&mut self, counter: CounterId, request: &Request, out: &mut Vec<u8>) {
        match self {
            Wire::Redis(redis) => redis.write_request(counter, request, out),
            Wire::Postgres(postgres) => postgres.write_resent(counter, request.clone(), out),
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
    pub fn survey(&self) -> Option<&Survey> {
        match self {
            Wire::Redis(redis) => redis.survey(),
            Wire::Postgres(postgres) => postgres.survey(),
        }
    }

    /// The same, to take it out.
    pub fn survey_mut(&mut self) -> &mut Option<Survey> {
        match self {
            Wire::Redis(redis) => redis.survey_mut(),
            Wire::Postgres(postgres) => postgres.survey_mut(),
        }
    }

    /// What is known of a change.
    pub fn change_progress(&self) -> &ChangeProgress {
        match self {
            Wire::Redis(redis) => redis.change_progress(),
            Wire::Postgres(postgres) => postgres.change_progress(),
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
