//! Several services, their clients and one store, in one thread and in virtual time.

mod rest;

use std::time::{Duration, Instant};

use fastrand::Rng;
use headcount::client::CloseReason;
use headcount::store::{Store, StoreError};

use super::client::{Answer, SimulatedClient};
use super::handed_out::HandedOut;
use super::node::{Node, STORE_TIMEOUT};
use super::schedule::{Action, Step};
use super::store::{ModelStore, Tracking};
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
    /// Processes started so far.
    processes: usize,
    clients: Vec<SimulatedClient>,
    /// Takes that clients have written.
    takes: u64,
    handed_out: HandedOut,
    /// Numbers may be lost: a process was killed, or the store has forgotten some.
    has_losses: bool,
    totals: Totals,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Rng::with_seed(seed);
        let now = Instant::now();
        let limit = random.u64(1..60);
        let processes = random.usize(1..4);
        let nodes = (0..processes).map(|it| Node::new(it, limit, random.u64(..), now)).collect();
        World {
            random,
            limit,
            now,
            store: ModelStore::default(),
            is_store_up: true,
            late: Vec::new(),
            nodes,
            processes,
            clients: Vec::new(),
            takes: 0,
            handed_out: HandedOut::new(),
            has_losses: false,
            totals: Totals::default(),
        }
    }

    /// One thing happens, somewhere.
    pub fn step(&mut self, step: &Step) {
        self.random = step.random.clone();
        let node = self.random.usize(..self.nodes.len());
        match step.action {
            Action::Connect => self.connect(node),
            Action::Write => self.write(),
            Action::Deliver => self.deliver(),
            Action::Turn => self.turn(node),
            Action::RunStore => self.run_store(node),
            Action::Reply => self.reply(node),
            Action::Cut => self.cut(node),
            Action::CutAndReplay => self.cut_and_replay(node),
            Action::RestartStore => self.restart_store(),
            Action::SwitchStore => self.is_store_up = !self.is_store_up,
            Action::Leave => self.leave(),
            Action::ReadLate => self.read_late(),
            Action::Pass => self.pass(40),
            Action::PassLong => self.pass(1_500),
            Action::Kill => self.kill(node),
            Action::BackUp => self.store.back_up(),
            Action::RollBack => self.roll_back(),
            Action::Reset => self.reset(),
        }
        self.check();
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
            wire.run_by(&mut self.store);
        }
    }

    fn reply(&mut self, node: usize) {
        let Node { service, wire: Some(wire), .. } = &mut self.nodes[node] else {
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

    /// The same, and a proxy sends the store once more what it has run already.
    fn cut_and_replay(&mut self, node: usize) {
        if let Some(wire) = &self.nodes[node].wire {
            self.late.push(wire.run.clone());
        }
        self.cut(node);
    }

    /// A process dies, with its clients, and another one starts in its place.
    fn kill(&mut self, node: usize) {
        self.cut(node);
        self.clients.retain(|client| client.node != node);
        self.nodes[node] = Node::new(self.processes, self.limit, self.random.u64(..), self.now);
        self.processes += 1;
        self.has_losses = true;
    }

    fn roll_back(&mut self) {
        if self.store.roll_back() {
            self.handed_out.roll_back();
            self.has_losses = true;
        }
    }

    fn reset(&mut self) {
        if self.store.reset() {
            self.handed_out.reset();
        }
    }

    /// The store comes to read what a connection had sent before it was given up.
    fn read_late(&mut self) {
        if !self.late.is_empty() && self.is_store_up {
            let mut bytes = self.late.swap_remove(self.random.usize(..self.late.len()));
            self.store.run(&mut bytes, &mut Tracking::default());
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
                    self.handed_out.add(number, self.nodes[node].process);
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
        let highest = self.handed_out.highest().unwrap_or_default();
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
