//! Several services, their clients and one store, in one thread and in virtual time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fastrand::Rng;
use headcount::client::CloseReason;
use headcount::store::{Store, StoreError};

use super::client::{Answer, SimulatedClient};
use super::node::{Node, STORE_TIMEOUT};
use super::store::ModelStore;
use super::totals::Totals;

pub struct World {
    random: Rng,
    limit: u64,
    now: Instant,
    store: ModelStore,
    is_store_up: bool,
    /// What the store has not read yet of connections that were given up.
    late: Vec<Vec<u8>>,
    nodes: Vec<Node>,
    clients: Vec<SimulatedClient>,
    /// Takes that clients have written.
    takes: u64,
    handed_out: BTreeSet<u64>,
    totals: Totals,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Rng::with_seed(seed);
        let now = Instant::now();
        let limit = random.u64(1..60);
        let nodes =
            (0..random.usize(1..4)).map(|_| Node::new(limit, random.u64(..), now)).collect();
        World {
            random,
            limit,
            now,
            store: ModelStore::default(),
            is_store_up: true,
            late: Vec::new(),
            nodes,
            clients: Vec::new(),
            takes: 0,
            handed_out: BTreeSet::new(),
            totals: Totals::default(),
        }
    }

    /// One thing happens, somewhere.
    pub fn step(&mut self) {
        let node = self.random.usize(..self.nodes.len());
        match self.random.u8(..100) {
            0..=9 => self.connect(node),
            10..=29 => self.write(),
            30..=49 => self.deliver(),
            50..=64 => self.turn(node),
            65..=74 => self.run_store(node),
            75..=84 => self.reply(node),
            85..=86 => self.cut(node),
            87 => self.restart_store(),
            88 => self.is_store_up = !self.is_store_up,
            89..=91 => self.leave(),
            92..=93 => self.read_late(),
            94..=98 => self.pass(40),
            _ => self.pass(1_500),
        }
        self.check();
    }

    /// The faults end: everybody must be served, nothing be owed, and no number be lost.
    pub fn come_to_rest(mut self) -> Totals {
        self.is_store_up = true;
        self.run_undisturbed();
        // Numbers whose askers have left wait in each node for the next who ask.
        for node in 0..self.nodes.len() {
            self.connect(node);
            let takes = self.limit + 1;
            self.takes += takes;
            let client = self.clients.last_mut().expect("one has just connected");
            client.write_takes(takes);
        }
        self.run_undisturbed();
        for client in &self.clients {
            assert_eq!(client.due(), 0, "requests without an answer: {client:?}");
        }
        let all: BTreeSet<u64> = (1..=self.limit).collect();
        assert_eq!(self.handed_out, all, "numbers are lost");
        self.totals.script_calls += self.store.script_calls;
        self.totals.answered_again += self.store.answered_again;
        self.totals
    }

    fn run_undisturbed(&mut self) {
        for _ in 0..400 {
            for client in 0..self.clients.len() {
                self.deliver_from(client);
            }
            for node in 0..self.nodes.len() {
                self.run_store(node);
                self.reply(node);
                self.turn(node);
            }
            self.pass(10);
            self.check();
        }
    }

    // --- what may happen ------------------------------------------------------------------------

    fn connect(&mut self, node: usize) {
        let token = self.nodes[node].service.clients.insert();
        self.clients.push(SimulatedClient::new(node, token));
    }

    fn write(&mut self) {
        if let Some(client) = self.random.choice(0..self.clients.len()) {
            self.takes += self.clients[client].write(&mut self.random);
        }
    }

    fn deliver(&mut self) {
        if let Some(client) = self.random.choice(0..self.clients.len()) {
            self.deliver_from(client);
        }
    }

    fn deliver_from(&mut self, client: usize) {
        let client = &mut self.clients[client];
        let service = &mut self.nodes[client.node].service;
        if !service.clients.get(client.token).is_some_and(|it| it.wants_input()) {
            return;
        }
        let bytes = client.send(&mut self.random);
        if !bytes.is_empty() {
            service.receive(client.token, &bytes);
        }
    }

    /// A client leaves: with its connection, or only its sending half.
    fn leave(&mut self) {
        let Some(index) = self.random.choice(0..self.clients.len()) else {
            return;
        };
        if self.random.bool() {
            // What was written to it is on its way, and so handed out.
            let (node, token) = (self.clients[index].node, self.clients[index].token);
            if let Some(client) = self.nodes[node].service.clients.get(token) {
                let bytes = client.outbound().unsent().to_vec();
                self.read_answers(node, token, &bytes);
            }
            self.clients.swap_remove(index);
            self.nodes[node].service.disconnect(token, CloseReason::Reset);
        } else if !self.clients[index].has_unsent() {
            let client = &mut self.clients[index];
            client.has_ended = true;
            let clients = &mut self.nodes[client.node].service.clients;
            if let Some((client, _)) = clients.touch(client.token) {
                client.end();
            }
        }
    }

    /// Up to so much time passes, and everybody notices.
    fn pass(&mut self, at_most_ms: u64) {
        self.now += Duration::from_millis(self.random.u64(1..=at_most_ms));
        for node in 0..self.nodes.len() {
            self.turn(node);
        }
    }

    fn turn(&mut self, node: usize) {
        let now = self.now;
        self.nodes[node].service.clients.context().now = now;
        self.nodes[node].service.turn();
        self.nodes[node].obey(self.is_store_up, self.now);
        self.flush(node);
    }

    fn run_store(&mut self, node: usize) {
        if let (true, Some(wire)) = (self.is_store_up, &mut self.nodes[node].wire) {
            let replies = self.store.run(&mut wire.to_store);
            wire.to_link.extend(replies);
        }
    }

    fn reply(&mut self, node: usize) {
        let Node { service, wire: Some(wire) } = &mut self.nodes[node] else {
            return;
        };
        let length = match self.random.bool() {
            true => wire.to_link.len(),
            false => self.random.usize(..=wire.to_link.len()),
        };
        let bytes: Vec<u8> = wire.to_link.drain(..length).collect();
        if let (Store::Link(link), false) = (&mut service.store, bytes.is_empty()) {
            link.received(&bytes, self.now);
        }
        self.nodes[node].obey(self.is_store_up, self.now);
    }

    /// The connection breaks, with whatever is on its way: run by the store or not.
    fn cut(&mut self, node: usize) {
        if let Some(wire) = self.nodes[node].wire.take()
            && let Store::Link(link) = &mut self.nodes[node].service.store
        {
            link.lost(StoreError::Unreachable, "cut", self.now);
            self.late.push(wire.to_store);
            self.nodes[node].obey(self.is_store_up, self.now);
        }
    }

    /// The store comes to read what a connection had sent before it was given up.
    fn read_late(&mut self) {
        if !self.late.is_empty() && self.is_store_up {
            let mut bytes = self.late.swap_remove(self.random.usize(..self.late.len()));
            self.store.run(&mut bytes);
        }
    }

    fn restart_store(&mut self) {
        self.store.restart();
        self.late.clear();
        for node in 0..self.nodes.len() {
            self.cut(node);
        }
    }

    /// What the connections do for the clients who were touched.
    fn flush(&mut self, node: usize) {
        let mut touched = Vec::new();
        self.nodes[node].service.clients.swap_touched(&mut touched);
        for token in touched {
            while let Some(client) = self.nodes[node].service.clients.get(token)
                && !client.outbound().unsent().is_empty()
            {
                let bytes = client.outbound().unsent();
                let count = self.random.usize(1..=bytes.len());
                let bytes = bytes[..count].to_vec();
                self.nodes[node].service.sent(token, count);
                self.read_answers(node, token, &bytes);
            }
            self.conclude(node, token);
        }
    }

    fn read_answers(&mut self, node: usize, token: headcount::token::Token, bytes: &[u8]) {
        let is_meant = |it: &&mut SimulatedClient| it.node == node && it.token == token;
        let client = self.clients.iter_mut().find(is_meant).expect("the client is here");
        for answer in client.receive(bytes) {
            match answer {
                Answer::Number(number) => {
                    assert!(self.handed_out.insert(number), "{number} was handed out twice");
                    self.totals.numbers += 1;
                }
                Answer::GoAway => self.totals.sent_away += 1,
                Answer::Unavailable => self.totals.unavailable += 1,
                Answer::Other => {}
            }
        }
    }

    fn conclude(&mut self, node: usize, token: headcount::token::Token) {
        let clients = &mut self.nodes[node].service.clients;
        let Some(reason) = clients.get(token).and_then(|client| client.finished()) else {
            return;
        };
        let index = self.clients.iter().position(|it| it.node == node && it.token == token);
        let client = self.clients.swap_remove(index.expect("the client is here"));
        let may_owe = client.has_unsent() || reason == CloseReason::Truncated;
        assert!(may_owe || client.due() == 0, "closed ({reason:?}) and owes: {client:?}");
        self.nodes[node].service.disconnect(token, reason);
    }

    // --- what must hold -------------------------------------------------------------------------

    fn check(&self) {
        let taken = self.store.fields.get("taken").copied().unwrap_or_default();
        assert!(taken <= self.limit, "past the limit");
        let highest = self.handed_out.last().copied().unwrap_or_default();
        assert!(highest <= taken, "{highest} was handed out, and only {taken} are taken");
        assert!(taken <= self.takes, "{taken} numbers taken for {} takes", self.takes);
        for node in &self.nodes {
            if let Some(deadline) = node.service.deadline() {
                let latest = self.now + STORE_TIMEOUT.max(Duration::from_secs(1));
                assert!(deadline <= latest, "somebody waits past the store timeout");
            }
        }
    }
}
