//! Several services, their clients and one store, in one thread and in virtual time.

mod faults;
mod network;
mod resets;
mod rest;

use std::time::{Duration, Instant};

use fastrand::Rng;
use headcount::engine::client::CloseReason;
use headcount::store::Store;
use headcount::store::counter::Counter;

use super::client::SimulatedClient;
use super::node::{Node, STORE_TIMEOUT};
use super::reset_run::ResetRun;
use super::schedule::{Action, Step};
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
    /// What it has run of such connections, and a proxy sends once more.
    replays: Vec<Vec<u8>>,
    nodes: Vec<Node>,
    /// Processes started so far.
    processes: usize,
    clients: Vec<SimulatedClient>,
    /// Resets and sets under way.
    resets: Vec<ResetRun>,
    /// Numbers may be lost: a process was killed, the store has forgotten some, the limit fell
    /// below them, or a replay has taken some.
    has_losses: bool,
    totals: Totals,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Rng::with_seed(seed);
        let now = Instant::now();
        let limit_max = [10, 60][random.usize(..2)];
        let limit = random.u64(1..limit_max);
        let processes = random.usize(1..4);
        let mut world = World {
            random,
            limit,
            now,
            store: ModelStore::new(),
            is_store_up: true,
            late: Vec::new(),
            replays: Vec::new(),
            nodes: Vec::new(),
            processes: 0,
            clients: Vec::new(),
            resets: Vec::new(),
            has_losses: false,
            totals: Totals::default(),
        };
        for _ in 0..processes {
            let links = 1 + usize::from(world.random.u8(..4) == 0);
            let nodes = world.start(links);
            world.nodes.extend(nodes);
        }
        world
    }

    /// One more process, with so many links that share what was seen of the counter.
    fn start(&mut self, links: usize) -> Vec<Node> {
        let (process, counter) = (self.processes, Counter::new("default", self.limit));
        self.processes += 1;
        let start = |_| {
            let id = self.random.u64(..);
            self.store.introduce(id, process);
            Node::new(process, counter.clone(), id, self.now)
        };
        (0..links).map(start).collect()
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
            Action::Flush => self.flush_store(),
            Action::Fill => self.store.fill(!self.store.is_full()),
            Action::SetLimit | Action::CloseAtTaken | Action::RaiseLimit => {
                self.write_limit(step.action);
            }
            Action::Reset => self.change(None),
            Action::Set => self.set(),
            Action::StepReset => self.step_reset(),
            Action::AnswerReset => self.answer_reset(),
            Action::CutReset => self.cut_reset(),
        }
        self.check();
    }

    // --- what may happen ------------------------------------------------------------------------

    fn connect(&mut self, node: usize) {
        let token = self.nodes[node].engine.clients.insert();
        self.clients.push(SimulatedClient::new(node, token));
    }

    fn write(&mut self) {
        if let Some(client) = self.random.choice(0..self.clients.len()) {
            let moment = self.store.oracle.moment();
            self.clients[client].write(&mut self.random, moment);
        }
    }

    fn deliver(&mut self) {
        if let Some(client) = self.random.choice(0..self.clients.len()) {
            self.deliver_from(client);
        }
    }

    fn deliver_from(&mut self, client: usize) {
        let client = &mut self.clients[client];
        let engine = &mut self.nodes[client.node].engine;
        if !engine.clients.get(client.token).is_some_and(|it| it.wants_input()) {
            return;
        }
        let bytes = client.send(&mut self.random);
        if !bytes.is_empty() {
            engine.receive(client.token, &bytes);
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
            if let Some(client) = self.nodes[node].engine.clients.get(token) {
                let bytes = client.send_buffer().unsent().to_vec();
                self.read_answers(node, token, &bytes);
            }
            self.clients.swap_remove(index);
            self.nodes[node].engine.disconnect(token, CloseReason::Reset);
        } else if !self.clients[index].has_unsent() {
            let client = &mut self.clients[index];
            client.has_ended = true;
            let clients = &mut self.nodes[client.node].engine.clients;
            if let Some((client, _)) = clients.touch(client.token) {
                client.on_eof();
            }
        }
    }

    /// Up to so much time passes, and everybody notices.
    fn pass(&mut self, at_most_ms: u64) {
        let ms = self.random.u64(1..=at_most_ms);
        self.now += Duration::from_millis(ms);
        self.store.pass(ms * 1_000);
        for node in 0..self.nodes.len() {
            self.turn(node);
        }
    }

    fn turn(&mut self, node: usize) {
        let now = self.now;
        self.nodes[node].engine.clients.turn().now = now;
        self.nodes[node].engine.finish_turn();
        self.nodes[node].obey(self.is_store_up, self.now);
        self.flush(node);
    }

    fn run_store(&mut self, node: usize) {
        if let (true, Some(wire)) = (self.is_store_up, &mut self.nodes[node].wire) {
            wire.run_by(&mut self.store);
        }
    }

    fn reply(&mut self, node: usize) {
        let Node { engine, wire: Some(wire), .. } = &mut self.nodes[node] else {
            return;
        };
        let length = match self.random.bool() {
            true => wire.to_link.len(),
            false => self.random.usize(..=wire.to_link.len()),
        };
        let bytes: Vec<u8> = wire.to_link.drain(..length).collect();
        if let (Store::Connection(link), false) = (&mut engine.store, bytes.is_empty()) {
            link.received(&bytes, self.now);
        }
        self.nodes[node].obey(self.is_store_up, self.now);
    }

    fn write_limit(&mut self, action: Action) {
        let taken = self.store.held().map_or(0, |held| held.taken);
        let limit = match action {
            Action::CloseAtTaken => taken.max(1),
            // By little, so that it is reached again soon.
            Action::RaiseLimit => self.limit + self.random.u64(1..9),
            _ => self.random.u64(1..60),
        };
        if self.store.set_limit(limit) {
            self.limit = limit;
            self.has_losses |= limit < taken;
        }
    }

    // --- what must hold -------------------------------------------------------------------------

    fn check(&self) {
        for node in &self.nodes {
            if let Some(deadline) = node.engine.deadline() {
                let latest = self.now + STORE_TIMEOUT.max(Duration::from_secs(1));
                assert!(deadline <= latest, "somebody waits past the store timeout");
            }
        }
    }
}
