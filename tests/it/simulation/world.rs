//! Several engines, their clients and one store, in one thread and in virtual time.

mod faults;
mod isolation;
mod network;
mod resets;
mod rest;
mod sharing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use headcount::engine::client::{CloseReason, Peer};
use headcount::store::counters::Counters;

use super::client::{Known, SimulatedClient};
use super::keys::NAMES;
use super::node::{Node, STORE_TIMEOUT};
use super::oracle::Oracle;
use super::reset_run::ResetRun;
use super::schedule::{Action, Step};
use super::store::ModelStore;
use super::totals::Totals;

pub struct World {
    random: Rng,
    /// The limits of the counters, as last told to processes and written.
    limits: Vec<u64>,
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
    /// By the counters: numbers may be lost: a process was killed, the store has forgotten some,
    /// the limit fell below them, or a replay has taken some.
    has_losses: Vec<bool>,
    totals: Totals,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Rng::with_seed(seed);
        let now = Instant::now();
        let counters = if random.u8(..3) == 0 { 1 } else { random.usize(2..=NAMES.len()) };
        let limits: Vec<u64> = (0..counters).map(|_| limit(&mut random, counters)).collect();
        let processes = random.usize(1..4);
        let mut world = World {
            random,
            limits,
            now,
            store: ModelStore::new(counters),
            is_store_up: true,
            late: Vec::new(),
            replays: Vec::new(),
            nodes: Vec::new(),
            processes: 0,
            clients: Vec::new(),
            resets: Vec::new(),
            has_losses: vec![false; counters],
            totals: Totals::default(),
        };
        for _ in 0..processes {
            let links = 1 + usize::from(world.random.u8(..4) == 0);
            let is_shared = world.random.u8(..3) == 0;
            let nodes = match is_shared {
                true => world.start_sharing(links + 1),
                false => world.start(links),
            };
            world.nodes.extend(nodes);
        }
        world
    }

    /// One more process, with so many links that share what was seen of the counters.
    fn start(&mut self, links: usize) -> Vec<Node> {
        let process = self.processes;
        let counters =
            Arc::new(Counters::new(NAMES.into_iter().zip(self.limits.iter().copied()), true));
        self.processes += 1;
        let start = |_| {
            let id = self.random.u64(..);
            self.store.introduce(id, process);
            Node::new(process, &counters, id, self.now)
        };
        (0..links).map(start).collect()
    }

    /// One thing happens, somewhere.
    pub fn step(&mut self, step: &Step) {
        self.random = step.random.clone();
        let node = self.random.usize(..self.nodes.len());
        let counter = step.counter % self.limits.len();
        match step.action {
            Action::Connect => self.connect(node),
            Action::Write => self.write(counter),
            Action::Deliver => self.deliver(),
            Action::Turn => self.turn(node),
            Action::RunStore => self.run_store(node),
            Action::RunOne => self.run_one(node),
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
            Action::Delete => self.delete(counter),
            Action::Damage => self.damage(counter),
            Action::Mend => self.store.mend(counter),
            Action::Fill => self.store.fill(!self.store.is_full()),
            Action::SetLimit | Action::CloseAtTaken | Action::RaiseLimit => {
                self.write_limit(counter, step.action);
            }
            Action::Reset => self.change(counter, None),
            Action::Set => self.set(counter),
            Action::StepReset => self.step_reset(),
            Action::AnswerReset => self.answer_reset(),
            Action::CutReset => self.cut_reset(),
        }
        self.check();
    }

    // --- what may happen ------------------------------------------------------------------------

    fn connect(&mut self, node: usize) {
        let token = self.nodes[node].engine.clients.insert(Peer::default());
        self.clients.push(SimulatedClient::new(node, token));
    }

    /// What is known of each counter at a node.
    fn known(&self, node: usize) -> Vec<Known> {
        let known = |(oracle, up_to_date): (&Oracle, &usize)| Known {
            sent: oracle.moment(),
            up_to_date: *up_to_date,
        };
        self.store.oracles.iter().zip(&self.nodes[node].up_to_date).map(known).collect()
    }

    fn write(&mut self, counter: usize) {
        if let Some(client) = self.random.choice(0..self.clients.len()) {
            let known = self.known(self.clients[client].node);
            self.clients[client].write(&mut self.random, counter, &known);
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
        let bytes = client.send(&mut self.random, self.now);
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
        self.pass_exactly(ms);
    }

    fn pass_exactly(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.store.pass(ms * 1_000);
        for node in 0..self.nodes.len() {
            self.turn(node);
        }
    }

    pub(super) fn turn_alone(&mut self, node: usize) {
        let (now, waiting) = (self.now, self.waiting_in_vain(node));
        self.nodes[node].engine.clients.turn_mut().now = now;
        self.nodes[node].engine.note_turn();
        self.nodes[node].engine.finish_turn();
        self.nodes[node].run_commands(self.is_store_up, now);
        self.follow_owner(node);
        self.flush(node);
        self.assert_failed_fast(node, &waiting);
        self.nodes[node].engine.deadline(now);
    }

    fn reply(&mut self, node: usize) {
        let place = self.owner(node);
        let Some(socket) = &mut self.nodes[place].socket else {
            return;
        };
        let length = match self.random.bool() {
            true => socket.to_connection.len(),
            false => self.random.usize(..=socket.to_connection.len()),
        };
        let bytes = socket.read(length);
        if bytes.is_empty() {
            return;
        }
        let node = &mut self.nodes[place];
        node.settled_since = None;
        let now = self.now;
        node.with_connection(now, |connection| connection.received(&bytes, now));
        node.run_commands(self.is_store_up, now);
        node.assert_not_disconnected(now);
        node.busy_since = node.busy_since.or(Some(now));
        self.follow_owner(place);
    }

    fn write_limit(&mut self, counter: usize, action: Action) {
        let taken = self.store.held(counter).map_or(0, |held| held.taken);
        let limit = match action {
            Action::CloseAtTaken => taken,
            // By little, so that it is reached again soon.
            Action::RaiseLimit => self.limits[counter] + self.random.u64(1..9),
            _ => limit(&mut self.random, self.limits.len()),
        };
        if self.store.set_limit(counter, limit) {
            self.limits[counter] = limit;
            self.has_losses[counter] |= limit < taken;
        }
    }

    // --- what must hold -------------------------------------------------------------------------

    fn check(&mut self) {
        for node in &mut self.nodes {
            if let Some(deadline) = node.engine.deadline(self.now) {
                let latest = self.now + STORE_TIMEOUT.max(Duration::from_secs(1));
                assert!(deadline <= latest, "somebody waits past the store timeout");
            }
        }
    }
}

/// A limit. Some counters are closed; many of them in a world have less each, for the speed of it.
fn limit(random: &mut Rng, counters: usize) -> u64 {
    match random.u8(..12) {
        0 => 0,
        1..=5 => random.u64(1..10),
        _ => random.u64(1..60 / counters as u64),
    }
}
