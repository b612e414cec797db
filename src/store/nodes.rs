//! A reactor's connections to a Redis that may be a Cluster: one to each node that it needs.
//!
//! Each counter is bound to one of them, at first to that of the first host of the URL. A server
//! that does not serve a counter says where it is (MOVED, ASK), and the counter goes there with its
//! requests in flight. The counters of a node that is lost go to any other known one, and learn
//! from there. Without a Cluster there is one connection, and nothing ever goes anywhere.
//!
//! Invariants: a counter is bound to exactly one connection, the only one that has it; a connection
//! keeps its place in the list, where its socket is found too.

mod moves;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Endpoint;
use crate::counter::CounterId;
use crate::metrics::store_metrics::StoreMetrics;
use crate::store::connection::Connection;
use crate::store::error::StoreError;
use crate::store::request::{SendState, StoreEvent};

/// The connections of one reactor.
#[derive(Debug)]
pub struct Nodes {
    connections: Vec<Connection>,
    /// Where those lead to.
    endpoints: Vec<Endpoint>,
    /// By the counters' ids: the places of the connections that they are bound to.
    bound: Vec<u32>,
    /// The nodes of the URL.
    seeds: Vec<Endpoint>,
    /// The nodes that are known: the seeds, those of the last list that a node has sent, and those
    /// that were named since.
    known: Vec<Endpoint>,
    /// Where the search for another node begins among those that are known.
    turn: usize,
    /// The same among the seeds.
    seed_turn: usize,
    /// Counters whose requests begin with ASKING, until then.
    asking: Vec<(Instant, CounterId)>,
    /// The jitter's, of the next connection.
    seed: u64,
    timeout: Duration,
}

impl Nodes {
    /// All counters are bound to `connection`, which leads to the first of the `seeds`.
    pub fn new(
        connection: Connection,
        seeds: Vec<Endpoint>,
        counters: usize,
        timeout: Duration,
        seed: u64,
    ) -> Nodes {
        Nodes {
            connections: vec![connection],
            endpoints: seeds.first().cloned().into_iter().collect(),
            bound: vec![0; counters],
            known: seeds.clone(),
            seeds,
            turn: 0,
            seed_turn: 0,
            asking: Vec::new(),
            seed,
            timeout,
        }
    }

    /// One connection to what is no Cluster.
    pub fn of_one(connection: Connection, counters: usize, timeout: Duration) -> Nodes {
        Nodes::new(connection, Vec::new(), counters, timeout, 0)
    }

    /// The connection of this counter.
    pub fn of(&self, counter: CounterId) -> &Connection {
        &self.connections[self.bound[counter.index()] as usize]
    }

    /// The connection of this counter.
    pub fn of_mut(&mut self, counter: CounterId) -> &mut Connection {
        &mut self.connections[self.bound[counter.index()] as usize]
    }

    /// All of them. More are added, and none is taken away.
    pub fn connections(&mut self) -> &mut [Connection] {
        &mut self.connections
    }

    /// The connection of the first counter, when the others are needed no more.
    pub fn into_first(mut self) -> Connection {
        self.connections.swap_remove(self.bound[CounterId::FIRST.index()] as usize)
    }

    /// What they count, together.
    pub fn metrics(&self) -> Arc<StoreMetrics> {
        self.of(CounterId::FIRST).metrics()
    }

    /// See [`Connection::send_state`]. A counter that no node has served for as long as a request
    /// may wait is refused at once.
    pub fn send_state(&mut self, counter: CounterId, now: Instant) -> SendState {
        let state = self.of_mut(counter).send_state(counter, now);
        if state != SendState::Waiting || self.connections.len() == 1 {
            return state;
        }
        let connection = self.of(counter);
        match connection.unserved_since(counter) {
            Some(since) if since + self.timeout <= now => {
                SendState::Refused(connection.last_error(counter))
            }
            _ => state,
        }
    }

    /// Why nothing can be taken from this counter, as far as is known; `None` if it can.
    pub fn refusal(&self, counter: CounterId) -> Option<StoreError> {
        let connection = self.of(counter);
        match connection.unserved_since(counter) {
            Some(_) if self.connections.len() > 1 => Some(connection.last_error(counter)),
            _ => connection.refusal(counter),
        }
    }

    /// Whether the store takes writes, as far as a write to one of the nodes shows that: to that of
    /// the first counter, or if there is no connection to it, to another one.
    pub fn check_writes(&mut self, now: Instant) -> Option<Result<(), StoreError>> {
        let place = self.place_of_writes();
        self.connections[place].check_writes(now)
    }

    /// The same as far as is known without asking.
    pub fn known_writes(&self) -> Result<(), StoreError> {
        self.connections[self.place_of_writes()].known_writes()
    }

    /// Why the store is away, if it is: there is no connection to any node.
    pub fn absence(&self) -> Option<StoreError> {
        self.connections[self.place_of_writes()].absence()
    }

    /// When the store counts as away; `None` while there is a connection to some node.
    #[inline]
    pub fn away_at(&self) -> Option<Instant> {
        if let [only] = self.connections.as_slice() {
            return only.away_at();
        }
        if self.connections.iter().any(Connection::is_serving) {
            return None;
        }
        self.connections.iter().filter_map(Connection::away_at).max()
    }

    /// Whether a request is without a reply.
    pub fn is_awaiting_reply(&self) -> bool {
        self.connections.iter().any(Connection::is_awaiting_reply)
    }

    /// Logs how many numbers are in doubt at the end of the process.
    pub fn log_unfinished(&self) {
        self.connections.iter().for_each(Connection::log_unfinished);
    }

    /// All requests of this wake are made.
    #[inline]
    pub fn finish_requests(&mut self) {
        self.connections.iter_mut().for_each(Connection::finish_requests);
    }

    /// Whether there may be an event.
    #[inline]
    pub fn has_events(&self) -> bool {
        if let [only] = self.connections.as_slice() {
            return only.has_events() || only.noticed_at().is_some();
        }
        self.connections.iter().any(|it| it.has_events() || it.noticed_at().is_some())
    }

    /// The next event. The replies for a counter come in the order of its requests: whatever a
    /// connection has said of a counter comes before the counter goes to another one.
    #[inline]
    pub fn poll(&mut self) -> Option<StoreEvent> {
        if let [only] = self.connections.as_mut_slice()
            && only.noticed_at().is_none()
        {
            return only.poll();
        }
        self.poll_all()
    }

    fn poll_all(&mut self) -> Option<StoreEvent> {
        let next =
            |connection: &mut Connection| Some((connection.poll()?, connection.is_serving()));
        loop {
            match self.connections.iter_mut().find_map(next) {
                // It is lost. Another node may take writes, and is tried.
                Some((StoreEvent::Written(Err(_)), false)) if self.absence().is_none() => {}
                Some((event, _)) => return Some(event),
                None if self.follow_notice() => {}
                None => return None,
            }
        }
    }

    /// Lets the time pass.
    pub fn tick(&mut self, now: Instant) {
        self.connections.iter_mut().for_each(|connection| connection.tick(now));
        while let Some((_, counter)) = self.asking.pop_if(|(until, _)| *until <= now) {
            self.of_mut(counter).set_asking(counter, false);
        }
    }

    /// When [`Nodes::tick`] or [`Nodes::poll`] has work next.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        if let [only] = self.connections.as_slice()
            && self.asking.is_empty()
            && only.noticed_at().is_none()
        {
            return only.deadline();
        }
        self.deadline_of_all()
    }

    fn deadline_of_all(&self) -> Option<Instant> {
        let times = |connection: &Connection| [connection.deadline(), connection.noticed_at()];
        let asking = self.asking.iter().map(|(until, _)| *until);
        self.connections.iter().flat_map(times).flatten().chain(asking).min()
    }

    /// The place of the connection that shows whether the store takes writes.
    fn place_of_writes(&self) -> usize {
        let first = self.bound[CounterId::FIRST.index()] as usize;
        if self.connections[first].is_serving() {
            return first;
        }
        let serves = |place: &&u32| self.connections[**place as usize].is_serving();
        self.bound.iter().find(serves).map_or(first, |place| *place as usize)
    }
}

#[cfg(test)]
mod tests;
