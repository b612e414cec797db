//! The end of a run: the faults are over, and nothing may be owed or lost.

use headcount::engine::client::CloseReason;
use headcount::limits::REFUSED_PAUSE;

use super::World;
use crate::simulation::client::SimulatedClient;
use crate::simulation::node::Node;
use crate::simulation::reset_run::ResetRun;
use crate::simulation::totals::Totals;

/// A counter that was lost before anybody told its floor may need a second reset, where the clock
/// of the store is behind.
const RESETS_MAX: usize = 2;

impl World {
    /// The faults end: everybody must be served, nothing be owed, and no number be lost. Where some
    /// were, the counter is reset, and that is held against its next epoch.
    pub fn come_to_rest(mut self) -> Totals {
        self.is_store_up = true;
        self.store.fill(false);
        (0..self.limits.len()).for_each(|counter| self.store.mend(counter));
        self.resets.clear();
        self.run_undisturbed();
        for counter in 0..self.limits.len() {
            if self.has_losses[counter] || self.store.oracles[counter].changes() > 0 {
                let is_followed = (0..RESETS_MAX).any(|_| self.reset_undisturbed(counter));
                assert!(is_followed, "a reset is not followed");
            }
        }
        self.pass_refusals();
        // Numbers whose askers have left wait in each node for the next who ask.
        for (counter, limit) in self.limits.clone().into_iter().enumerate() {
            (0..self.nodes.len()).for_each(|node| self.connect_to_write(node, counter, limit + 1));
        }
        self.run_undisturbed();
        for client in &self.clients {
            assert_eq!(client.due(), 0, "requests without an answer: {client:?}");
        }
        for (oracle, limit) in self.store.oracles.iter().zip(&self.limits) {
            oracle.assert_all(*limit);
            self.totals.changes += oracle.changes() as u64;
        }
        self.totals.calls = std::mem::take(&mut self.store.calls);
        self.totals
    }

    /// A reset that nothing hinders; returns whether each process follows it. Who still waits for
    /// the epoch before would be given of the next one, and not be counted: he leaves first.
    fn reset_undisturbed(&mut self, counter: usize) -> bool {
        for client in self.clients.drain(..) {
            let engine = &mut self.nodes[client.node].engine;
            engine.disconnect(client.token, CloseReason::Reset);
        }
        self.run_undisturbed();
        let limit = Some(self.limits[counter]);
        let mut reset = ResetRun::new(counter, self.random.u64(..), limit, None, self.now);
        while !reset.is_done() {
            assert!(!reset.has_ended(self.now), "nothing hinders the reset");
            reset.step(&mut self.store, true, self.now);
            reset.receive(true, self.now);
        }
        self.pass_refusals();
        let unavailable = self.totals.unavailable;
        (0..self.nodes.len()).for_each(|node| self.connect_to_write(node, counter, 0));
        self.run_undisturbed();
        self.totals.unavailable == unavailable
    }

    /// Who was refused a moment ago does not ask the store at once, but then does.
    fn pass_refusals(&mut self) {
        self.pass_exactly(REFUSED_PAUSE.as_millis() as u64 + 1);
    }

    /// One more client, with a look at the status and so many takes.
    fn connect_to_write(&mut self, node: usize, counter: usize, takes: u64) {
        self.connect(node);
        let known = self.known(node)[counter];
        let client = self.clients.last_mut().expect("one has just connected");
        client.write_last(counter, takes, known);
    }

    /// Until all is quiet, or nothing more can be expected.
    fn run_undisturbed(&mut self) {
        let mut quiet = 0;
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
            quiet = if self.is_quiet() { quiet + 1 } else { 0 };
            if quiet > 3 {
                return;
            }
        }
    }

    fn is_quiet(&self) -> bool {
        let is_answered = |client: &SimulatedClient| client.due() == 0 && !client.has_unsent();
        let is_settled = |node: &Node| node.settled_since.is_some();
        self.nodes.iter().all(is_settled) && self.clients.iter().all(is_answered)
    }
}
