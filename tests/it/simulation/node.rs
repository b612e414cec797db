//! One reactor of the simulation: its mind, and its end of the wire to the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::config::{Endpoint, RedisUrl};
use headcount::engine::{Engine, Settings};
use headcount::http::Status;
use headcount::store::Store;
use headcount::store::connection::{Command, Connection};
use headcount::store::counter::Counter;
use headcount::store::error::StoreError;
use headcount::store::redis::Redis;
use headcount::store::wire::Wire;

use super::store::{ModelStore, Tracking};

pub const STORE_TIMEOUT: Duration = Duration::from_millis(500);

pub struct Node {
    /// Its process: no other one has this number, be it in this node's place. The nodes of a
    /// process share what they have seen of the counter.
    pub process: usize,
    /// The id of its link.
    pub link: u64,
    pub engine: Engine,
    pub wire: Option<SimulatedSocket>,
}

/// A connection to the store: bytes that are on their way.
#[derive(Default)]
pub struct SimulatedSocket {
    pub to_store: Vec<u8>,
    pub to_link: Vec<u8>,
    /// What the store has run of it.
    pub run: Vec<u8>,
    tracking: Tracking,
}

impl SimulatedSocket {
    /// The store runs what has come, and replies.
    pub fn run_by(&mut self, store: &mut ModelStore) {
        let sent = self.to_store.clone();
        self.to_link.extend(store.run(&mut self.to_store, &mut self.tracking));
        self.run.extend(&sent[..sent.len() - self.to_store.len()]);
    }
}

impl Node {
    pub fn new(process: usize, counter: Counter, id: u64, now: Instant) -> Node {
        let link = link(counter, id, now);
        let settings = Settings { halted_status: Status::Ok, store_timeout: STORE_TIMEOUT };
        let store = Store::Connection(Box::new(link));
        let engine = Engine::new(store, settings, Arc::default(), now);
        Node { process, link: id, engine, wire: None }
    }

    /// What the uplink does for a link.
    pub fn obey(&mut self, is_store_up: bool, now: Instant) {
        let Store::Connection(link) = &mut self.engine.store else {
            unreachable!("every node has a link");
        };
        obey(link, &mut self.wire, is_store_up, now);
    }
}

/// A link of this id to the model.
pub fn link(counter: Counter, id: u64, now: Instant) -> Connection {
    let endpoint = Endpoint::Tcp { host: "model".to_owned(), port: 1 };
    let url = RedisUrl { endpoint, user: None, password: None, database: 0 };
    let redis = Redis::new(url, counter, id);
    Connection::new(Wire::Redis(Box::new(redis)), STORE_TIMEOUT, id, now)
}

/// Does what a link commands, and sends what it has to send.
pub fn obey(
    link: &mut Connection,
    wire: &mut Option<SimulatedSocket>,
    is_store_up: bool,
    now: Instant,
) {
    while let Some(command) = link.command() {
        match command {
            Command::Connect if is_store_up => {
                *wire = Some(SimulatedSocket::default());
                link.connected();
            }
            Command::Connect => link.lost(StoreError::Unreachable, "refused", now),
            Command::Disconnect => *wire = None,
        }
    }
    let length = link.send_buffer().unsent().len();
    if let Some(wire) = wire {
        wire.to_store.extend_from_slice(link.send_buffer().unsent());
        link.send_buffer().advance(length);
    }
}
