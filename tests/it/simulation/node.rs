//! One reactor of the simulation: its mind, and its end of the wire to the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::config::{Endpoint, RedisUrl};
use headcount::http::Status;
use headcount::service::{Service, Settings};
use headcount::store::counter::Counter;
use headcount::store::link::{Command, Link};
use headcount::store::protocol::Protocol;
use headcount::store::redis::Redis;
use headcount::store::{Store, StoreError};

use super::store::{ModelStore, Tracking};

pub const STORE_TIMEOUT: Duration = Duration::from_millis(500);

pub struct Node {
    /// Its process: no other one has this number, be it in this node's place. The nodes of a
    /// process share what they have seen of the counter.
    pub process: usize,
    /// The id of its link.
    pub link: u64,
    pub service: Service,
    pub wire: Option<Wire>,
}

/// A connection to the store: bytes that are on their way.
#[derive(Default)]
pub struct Wire {
    pub to_store: Vec<u8>,
    pub to_link: Vec<u8>,
    /// What the store has run of it.
    pub run: Vec<u8>,
    tracking: Tracking,
}

impl Wire {
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
        let store = Store::Link(Box::new(link));
        let service = Service::new(store, settings, Arc::default(), now);
        Node { process, link: id, service, wire: None }
    }

    /// What the uplink does for a link.
    pub fn obey(&mut self, is_store_up: bool, now: Instant) {
        let Store::Link(link) = &mut self.service.store else {
            unreachable!("every node has a link");
        };
        obey(link, &mut self.wire, is_store_up, now);
    }
}

/// A link of this id to the model.
pub fn link(counter: Counter, id: u64, now: Instant) -> Link {
    let endpoint = Endpoint::Tcp { host: "model".to_owned(), port: 1 };
    let url = RedisUrl { endpoint, user: None, password: None, database: 0 };
    let redis = Redis::new(url, counter, id);
    Link::new(Protocol::Redis(Box::new(redis)), STORE_TIMEOUT, id, now)
}

/// Does what a link commands, and sends what it has to send.
pub fn obey(link: &mut Link, wire: &mut Option<Wire>, is_store_up: bool, now: Instant) {
    while let Some(command) = link.command() {
        match command {
            Command::Connect if is_store_up => {
                *wire = Some(Wire::default());
                link.connected();
            }
            Command::Connect => link.lost(StoreError::Unreachable, "refused", now),
            Command::Disconnect => *wire = None,
        }
    }
    let length = link.outbound().unsent().len();
    if let Some(wire) = wire {
        wire.to_store.extend_from_slice(link.outbound().unsent());
        link.outbound().advance(length);
    }
}
