//! One reactor of the simulation: its engine, and its connection to the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::config::{Endpoint, RedisUrl};
use headcount::engine::shared::Shared;
use headcount::engine::{Engine, Settings};
use headcount::store::Store;
use headcount::store::change::Change;
use headcount::store::connection::{Command, Connection};
use headcount::store::counters::Counters;
use headcount::store::error::StoreError;
use headcount::store::redis::Redis;
use headcount::store::shared::SharedStore;
use headcount::store::wire::Wire;

use super::keys::NAMES;
use super::resp;
use super::store::{ModelStore, Refused, Tracking};

pub const STORE_TIMEOUT: Duration = Duration::from_millis(500);

pub struct Node {
    /// Its process: no other one has this number, be it in this node's place. The nodes of a
    /// process share what they have seen of the counter.
    pub process: usize,
    /// Nodes before it that share its connection; the first of them has the socket.
    pub source: usize,
    /// The id of its link.
    pub link: u64,
    pub engine: Engine,
    pub socket: Option<SimulatedSocket>,
    /// Since when all is answered that was sent, and the engine knows of each change.
    pub settled_since: Option<Instant>,
    /// Since when that is not so.
    pub busy_since: Option<Instant>,
    /// The moment of each counter's history in which that was so for the last time.
    pub up_to_date: [usize; NAMES.len()],
    /// It has closed its connection, and nobody else has.
    pub has_disconnected: bool,
    /// Since when there is no connection whose handshake is done.
    pub lost_at: Option<Instant>,
    /// When the engine came to know that something was refused, see [`Refused`].
    pub refused_at: [Option<Instant>; NAMES.len() + 1],
    /// What was refused to the node that has the socket.
    pub is_refused: Refused,
}

/// A connection to the store: bytes that are on their way.
#[derive(Default)]
pub struct SimulatedSocket {
    pub to_store: Vec<u8>,
    pub to_connection: Vec<u8>,
    /// What the store has run of it.
    pub run: Vec<u8>,
    pub tracking: Tracking,
    /// Bytes that the connection has read.
    read: usize,
    /// Where the last reply of the handshake ends among all that the store says.
    handshake_end: Option<usize>,
}

impl SimulatedSocket {
    /// The store runs what has come, and replies.
    pub fn run_by(&mut self, store: &mut ModelStore) {
        let sent = self.to_store.clone();
        let replied = self.read + self.to_connection.len();
        self.to_connection.extend(store.run(&mut self.to_store, &mut self.tracking));
        let end = self.tracking.handshake_end.take().map(|end| replied + end);
        self.handshake_end = self.handshake_end.or(end);
        self.run.extend(&sent[..sent.len() - self.to_store.len()]);
    }

    /// The store runs the first of the commands that have come, and replies.
    pub fn run_one_by(&mut self, store: &mut ModelStore) {
        let length = resp::command(&self.to_store).map_or(0, |(_, length)| length);
        let later = self.to_store.split_off(length);
        self.run_by(store);
        self.to_store.extend(later);
    }

    /// The next bytes for the connection.
    pub fn read(&mut self, length: usize) -> Vec<u8> {
        self.read += length;
        self.to_connection.drain(..length).collect()
    }

    fn is_handshake_done(&self) -> bool {
        self.handshake_end.is_some_and(|end| end <= self.read)
    }
}

impl Node {
    pub fn new(process: usize, counters: &Arc<Counters>, id: u64, now: Instant) -> Node {
        let connection = connection(counters, None, id, now);
        Node::over(Store::Connection(Box::new(connection)), process, counters, id, now)
    }

    /// So many nodes of one process that share one connection.
    pub fn sharing(
        nodes: usize,
        process: usize,
        counters: &Arc<Counters>,
        id: u64,
        now: Instant,
    ) -> Vec<Node> {
        let stores = SharedStore::of(connection(counters, None, id, now), nodes, counters);
        let node = |(source, store)| Node {
            source,
            ..Node::over(Store::Shared(store), process, counters, id, now)
        };
        stores.into_iter().enumerate().map(node).collect()
    }

    fn over(store: Store, process: usize, counters: &Arc<Counters>, id: u64, now: Instant) -> Node {
        let settings = Settings { store_timeout: STORE_TIMEOUT, ..Settings::default() };
        let shared = Arc::new(Shared::new(counters.len()));
        let engine = Engine::new(store, Arc::clone(counters), settings, shared, now);
        Node {
            process,
            source: 0,
            link: id,
            engine,
            socket: None,
            settled_since: None,
            busy_since: None,
            up_to_date: [0; NAMES.len()],
            has_disconnected: false,
            lost_at: Some(now),
            refused_at: [None; NAMES.len() + 1],
            is_refused: Refused::default(),
        }
    }

    /// Something happens to its connection, or to that which it owns and shares.
    pub fn with_connection<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Connection) -> T,
    ) -> T {
        match &mut self.engine.store {
            Store::Connection(connection) => act(connection),
            Store::Shared(shared) => shared.with_connection(now, act),
            Store::Memory(_) | Store::File(_) | Store::Nodes(_) => {
                unreachable!("every node has a connection")
            }
        }
    }

    /// Which of those who share its connection are to turn, from the one that has the socket.
    pub fn take_wakes(&self) -> Vec<usize> {
        match &self.engine.store {
            Store::Shared(shared) => shared.take_wakes(),
            _ => Vec::new(),
        }
    }

    /// The engine may know that this was refused.
    pub fn note_refused(&mut self, refused: Refused, now: Instant) {
        for (at, _) in self.refused_at.iter_mut().zip(refused).filter(|(_, it)| *it) {
            *at = Some(now);
        }
    }

    /// What the store socket does for a connection.
    pub fn run_commands(&mut self, is_store_up: bool, now: Instant) {
        if self.source > 0 {
            return;
        }
        let refused = self.socket.as_ref().map(|socket| socket.tracking.refused);
        let mut socket = self.socket.take();
        self.with_connection(now, |connection| {
            run_commands(connection, &mut socket, is_store_up, now);
        });
        self.socket = socket;
        if let (Some(refused), None) = (refused, &self.socket) {
            self.has_disconnected = true;
            self.note_refused(refused, now);
        }
        let is_there = self.socket.as_ref().is_some_and(SimulatedSocket::is_handshake_done);
        self.lost_at = self.lost_at.or(Some(now)).filter(|_| !is_there);
    }
}

/// A connection to the model, whose link has this id.
pub fn connection(
    counters: &Arc<Counters>,
    change: Option<Change>,
    id: u64,
    now: Instant,
) -> Connection {
    let endpoint = Endpoint::Tcp { host: "model".to_owned(), port: 1 };
    let (user, password, tls, sentinels, seeds) = (None, None, None, None, Vec::new());
    let url = RedisUrl { endpoint, user, password, database: 0, tls, sentinels, seeds, wait: 0 };
    let redis =
        Wire::Redis(Box::new(Redis::new(url, Arc::clone(counters), change, STORE_TIMEOUT, id)));
    Connection::new(redis, Arc::clone(counters), STORE_TIMEOUT, id, now)
}

/// Does what a connection commands, and sends what it has to send.
pub fn run_commands(
    connection: &mut Connection,
    socket: &mut Option<SimulatedSocket>,
    is_store_up: bool,
    now: Instant,
) {
    while let Some(command) = connection.command() {
        match command {
            Command::Connect(_) if is_store_up => {
                *socket = Some(SimulatedSocket::default());
                connection.connected(now);
            }
            Command::Connect(_) => connection.lost(StoreError::Unreachable, "refused", now),
            Command::Disconnect => *socket = None,
        }
    }
    let length = connection.seal_and_buffer().unsent().len();
    if let Some(socket) = socket {
        socket.to_store.extend_from_slice(connection.seal_and_buffer().unsent());
        connection.seal_and_buffer().advance(length);
    }
}
