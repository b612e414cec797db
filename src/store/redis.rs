//! Redis, or Valkey, as bytes of RESP3.
//!
//! A counter is one hash, `headcount:{NAME}`; the braces make its name a Redis Cluster hash tag.
//! Its fields: `version`, `taken`, `limit`, `epoch`, `made`, `sale`, `floor`, `token` (see the
//! scripts), the answers to links (`a:LINK:SLOT`) and the list of those links (`links`), and the
//! numbers of keys (`k:KEY`).
//!
//! What comes before the requests is in `handshake.rs`, and the commands are in `change.rs` and
//! `survey.rs`. It knows neither sockets, nor the clock, nor who asks.

mod change;
mod cluster;
mod command;
mod due;
mod durability;
mod handshake;
mod replicas;
mod replies;
mod reply;
mod resp;
mod sentinel;
mod survey;
mod task;
mod value;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Endpoint, RedisUrl};
use crate::counter::{CounterId, Grant};
use crate::limits::BATCHES_IN_FLIGHT_MAX;
use crate::store::change::Change;
use crate::store::counters::Counters;
use crate::store::error::Fault;
use crate::store::hosts::Hosts;
use crate::store::request::Request;
use command::key;
use due::Due;
use replicas::Replicas;
use resp::Command;
use task::OnceTask;

const TAKE: &str = include_str!("redis/take.lua");

/// The protocol state of one connection, used again for the next one.
pub struct Redis {
    url: RedisUrl,
    /// The sentinels, where there are some.
    hosts: Hosts,
    /// What a sentinel has named.
    primary: Option<Endpoint>,
    counters: Arc<Counters>,
    /// By the counters' ids: the words of a take that are the same in each, up to the key.
    take_heads: Arc<[Box<[u8]>]>,
    /// The fields in which the answers to requests are remembered: those of a counter that are in
    /// flight at once have different ones.
    reply_slots: [String; BATCHES_IN_FLIGHT_MAX],
    unread: Vec<u8>,
    due: VecDeque<Due>,
    /// Nothing has refused tracking on this connection for good.
    may_track: bool,
    /// The next probe that is answered is tracked.
    is_tracked: bool,
    /// Why a counter that is being created was refused: it is not confirmed.
    refused: Option<Fault>,
    /// The user may not try a write that changes nothing.
    may_check: bool,
    /// The server is a node of a Cluster.
    is_cluster: bool,
    /// Its list of the nodes is not too long to be read.
    may_ask_nodes: bool,
    /// Counters whose commands are preceded by ASKING.
    asking: Vec<CounterId>,
    /// What is done instead of confirming counters, if anything is.
    task: OnceTask,
    replicas: Replicas,
}

impl Redis {
    /// A link to the Redis of `url`. `id` must be no other link's: a random one. `change`: what is
    /// to be done with the first counter. `timeout` is that of a request.
    pub fn new(
        url: RedisUrl,
        counters: Arc<Counters>,
        change: Option<Change>,
        timeout: Duration,
        id: u64,
    ) -> Redis {
        let hash = command::hash(TAKE);
        let take_head = |id| command::take_head(&hash, &key(&counters, id)).into_boxed_slice();
        let take_heads = counters.ids().map(take_head).collect();
        let reply_slots = std::array::from_fn(|slot| format!("a:{id:016x}:{slot}"));
        let task = OnceTask { change, ..OnceTask::default() };
        let replicas = Replicas::new(url.wait, timeout);
        Redis { task, ..Redis::unconnected(url, counters, take_heads, reply_slots, replicas) }
    }

    /// The protocol state of a connection to another node of a Cluster, of the same link.
    pub fn for_node(&self, endpoint: Endpoint) -> Redis {
        let url = RedisUrl { endpoint, ..self.url.clone() };
        let counters = Arc::clone(&self.counters);
        let take_heads = Arc::clone(&self.take_heads);
        let (reply_slots, replicas) = (self.reply_slots.clone(), self.replicas.anew());
        let other = Redis::unconnected(url, counters, take_heads, reply_slots, replicas);
        // HELLO is to say so. A failure before that names the node in the log as well.
        Redis { may_ask_nodes: self.may_ask_nodes, is_cluster: true, ..other }
    }

    fn unconnected(
        url: RedisUrl,
        counters: Arc<Counters>,
        take_heads: Arc<[Box<[u8]>]>,
        reply_slots: [String; BATCHES_IN_FLIGHT_MAX],
        replicas: Replicas,
    ) -> Redis {
        Redis {
            hosts: Hosts::new(url.endpoint.clone(), url.other_sentinels()),
            primary: None,
            url,
            counters,
            take_heads,
            reply_slots,
            unread: Vec::new(),
            due: VecDeque::new(),
            may_track: false,
            is_tracked: false,
            refused: None,
            may_check: true,
            is_cluster: false,
            may_ask_nodes: true,
            asking: Vec::new(),
            task: OnceTask::default(),
            replicas,
        }
    }

    /// Writes one request.
    pub fn write_request(&mut self, counter: CounterId, request: &Request, out: &mut Vec<u8>) {
        let due = if !request.keys.is_empty() {
            Due::KeyedRequest(counter)
        } else if request.is_read() {
            Due::Peek(counter)
        } else {
            Due::Request(counter)
        };
        self.take(counter, request, due, out);
    }

    /// Writes one probe. Where the user may, Redis pushes a message at the next change of the
    /// counter: see redis.io/docs/latest/develop/reference/client-side-caching, "Opt-in".
    pub fn write_probe(&mut self, counter: CounterId, out: &mut Vec<u8>) {
        // Either of CACHING and ASKING holds for the next command alone.
        if self.may_track && !self.asking.contains(&counter) {
            self.send(&command::cache(), Due::Caching, out);
        }
        self.read(counter, Due::Probe(counter), out);
    }

    /// Writes a write to a counter's key that changes nothing; where this user may not, a read.
    pub fn write_check(&mut self, counter: CounterId, out: &mut Vec<u8>) {
        let key = key(&self.counters, counter);
        let check = if self.may_check { command::check(&key) } else { command::check_read(&key) };
        self.ask_first(counter, out);
        self.send(&check, Due::Check(counter), out);
    }

    /// All requests of this wake are written: the WAIT for them, if they need one.
    pub fn finish_requests(&mut self, out: &mut Vec<u8>) {
        if self.replicas.is_wait_due() {
            self.write_wait(out);
        }
    }

    /// The connection is gone: no WAIT is due on it.
    pub fn connection_ended(&mut self) {
        self.replicas.reset();
    }

    fn write_wait(&mut self, out: &mut Vec<u8>) {
        let (wanted, timeout) = self.replicas.begin_wait();
        let counter = self.replicas.marked();
        self.ask_first(counter, out);
        self.send(&command::mark(&key(&self.counters, counter)), Due::Mark(counter), out);
        self.send(&command::wait(wanted, timeout), Due::Wait, out);
    }

    /// Whether what was read may be cached: it is known already, where only that counts.
    pub fn may_cache(&self, counter: CounterId, grant: Grant) -> bool {
        !self.replicas.are_wanted() || self.counters.get(counter).is_known(grant)
    }

    /// Whether a probe is likely to be followed by a message of the next change.
    pub fn may_track(&self) -> bool {
        self.may_track
    }

    fn read(&mut self, counter: CounterId, due: Due, out: &mut Vec<u8>) {
        let seen = self.counters.get(counter).high_water.position();
        self.take(counter, &Request::read(seen), due, out);
    }

    fn take(&mut self, counter: CounterId, request: &Request, due: Due, out: &mut Vec<u8>) {
        let slot = request.sequence as usize % BATCHES_IN_FLIGHT_MAX;
        self.ask_first(counter, out);
        let head = &self.take_heads[counter.index()];
        match request.keys.len() {
            0 => out.extend_from_slice(head),
            keys => command::write_keyed_head(head, keys, out),
        }
        resp::write_number(request.count, out);
        resp::write_number(request.sequence, out);
        resp::write_word(self.reply_slots[slot].as_bytes(), out);
        resp::write_word(self.reply_slots[1 - slot].as_bytes(), out);
        resp::write_number(request.seen.epoch, out);
        resp::write_number(request.seen.taken, out);
        resp::write_number(request.confirm, out);
        for key in request.keys.iter() {
            resp::write_word(key.as_str().as_bytes(), out);
        }
        self.expect(due);
    }

    fn send(&mut self, command: &Command, due: Due, out: &mut Vec<u8>) {
        command.write(out);
        self.expect(due);
    }

    fn expect(&mut self, due: Due) {
        self.replicas.sent(due);
        self.due.push_back(due);
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Redis");
        fields.field("url", &self.url).field("due", &self.due).finish_non_exhaustive()
    }
}

const _: () = assert!(BATCHES_IN_FLIGHT_MAX == 2, "`take.lua` knows two reply slots");

#[cfg(test)]
mod tests;
