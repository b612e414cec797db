//! What the network does of itself: it brings bytes late, in pieces, to clients and to the store.

use headcount::engine::client::CloseReason;
use headcount::token::Token;

use super::World;
use crate::simulation::client::{Answer, KEYS, Kind, Request, SimulatedClient};
use crate::simulation::store::Tracking;

impl World {
    /// The store reads what has come from a node, or from who has its socket.
    pub(super) fn run_store(&mut self, node: usize) {
        let node = self.owner(node);
        if let (true, Some(socket)) = (self.is_store_up, &mut self.nodes[node].socket) {
            socket.run_by(&mut self.store);
        }
    }

    /// The store reads no more than one command.
    pub(super) fn run_one(&mut self, node: usize) {
        let node = self.owner(node);
        if let (true, Some(socket)) = (self.is_store_up, &mut self.nodes[node].socket) {
            socket.run_one_by(&mut self.store);
        }
    }

    /// The store comes to read what a connection had sent before it was given up.
    pub(super) fn read_late(&mut self) {
        if !self.is_store_up {
            return;
        }
        let place = self.random.usize(..(self.late.len() + self.replays.len()).max(1));
        if place < self.late.len() {
            self.store.run(&mut self.late.swap_remove(place), &mut Tracking::default());
        } else if place - self.late.len() < self.replays.len() {
            let mut replay = self.replays.swap_remove(place - self.late.len());
            let taken = self.taken();
            self.store.run(&mut replay, &mut Tracking::default());
            // What found a halted counter takes something where the limit was raised since, and
            // nobody waits for it any more.
            for (counter, taken) in taken.into_iter().enumerate() {
                self.has_losses[counter] |= self.taken()[counter] > taken;
            }
        }
    }

    /// How many are taken of each counter.
    fn taken(&self) -> Vec<Option<u64>> {
        let counters = 0..self.limits.len();
        counters.map(|counter| self.store.held(counter).map(|held| held.taken)).collect()
    }

    /// What the connections do for the clients who were touched.
    pub(super) fn flush(&mut self, node: usize) {
        let mut touched = Vec::new();
        self.nodes[node].engine.clients.swap_touched(&mut touched);
        for token in touched {
            while let Some(client) = self.nodes[node].engine.clients.get(token)
                && !client.send_buffer().unsent().is_empty()
            {
                let bytes = client.send_buffer().unsent();
                let count = self.random.usize(1..=bytes.len());
                let bytes = bytes[..count].to_vec();
                self.nodes[node].engine.sent(token, count);
                self.read_answers(node, token, &bytes);
            }
            self.conclude(node, token);
        }
    }

    pub(super) fn read_answers(&mut self, node: usize, token: Token, bytes: &[u8]) {
        let is_meant = |it: &&mut SimulatedClient| it.node == node && it.token == token;
        let client = self.clients.iter_mut().find(is_meant).expect("the client is here");
        for (answer, request) in client.receive(bytes, self.now) {
            self.judge(node, &answer, &request);
            match answer {
                Answer::Number(_) | Answer::Replayed(_) => {
                    self.handed_out(node, &answer, &request);
                }
                Answer::GoAway(_) => self.totals.sent_away += 1,
                Answer::Unavailable => self.totals.unavailable += 1,
                Answer::Status(_) | Answer::Other => {}
            }
        }
    }

    fn handed_out(&mut self, node: usize, answer: &Answer, request: &Request) {
        let (oracle, sent) = (&mut self.store.oracles[request.counter], request.known.sent);
        let link = self.nodes[node].link;
        match (answer, request.kind) {
            (Answer::Replayed(number), Kind::TakeWithKey(key)) => {
                oracle.replayed(*number, KEYS[key].trim_matches('"'), link, sent);
                self.totals.replays += 1;
            }
            (Answer::Number(number), Kind::TakeWithKey(key)) => {
                oracle.handed_out(*number, Some(KEYS[key].trim_matches('"')), link, sent);
                self.totals.keyed_numbers += 1;
            }
            (Answer::Number(number), _) => oracle.handed_out(*number, None, link, sent),
            _ => {}
        }
        self.totals.numbers += 1;
    }

    pub(super) fn conclude(&mut self, node: usize, token: Token) {
        let clients = &mut self.nodes[node].engine.clients;
        let Some(reason) = clients.get(token).and_then(|client| client.finished()) else {
            return;
        };
        let index = self.clients.iter().position(|it| it.node == node && it.token == token);
        let client = self.clients.swap_remove(index.expect("the client is here"));
        let may_owe = client.has_unsent() || reason == CloseReason::Truncated;
        assert!(may_owe || client.due() == 0, "closed ({reason:?}) and owes: {client:?}");
        self.nodes[node].engine.disconnect(token, reason);
    }
}
