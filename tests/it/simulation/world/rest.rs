//! The end of a run: the faults are over, and nothing may be owed or lost.

use headcount::client::CloseReason;

use super::World;
use crate::simulation::handed_out::HandedOut;
use crate::simulation::totals::Totals;

impl World {
    /// The faults end: everybody must be served, nothing be owed, and no number be lost. Where some
    /// were, the counter is reset, and that is held against its next life.
    pub fn come_to_rest(mut self) -> Totals {
        self.is_store_up = true;
        self.run_undisturbed();
        if self.has_losses || self.store.resets > 0 {
            self.late.clear();
            self.reset();
            // Each process comes to see the reset, and drops what it has of the life before. Who
            // still waits for that would be given of the next one, and not be counted.
            for client in self.clients.drain(..) {
                let service = &mut self.nodes[client.node].service;
                service.disconnect(client.token, CloseReason::Reset);
            }
            (0..self.nodes.len()).for_each(|node| self.connect_to_write(node, 0));
            self.run_undisturbed();
            self.handed_out = HandedOut::new();
        }
        // Numbers whose askers have left wait in each node for the next who ask.
        (0..self.nodes.len()).for_each(|node| self.connect_to_write(node, self.limit + 1));
        self.run_undisturbed();
        for client in &self.clients {
            assert_eq!(client.due(), 0, "requests without an answer: {client:?}");
        }
        self.handed_out.assert_all(self.limit);
        self.totals.script_calls += self.store.script_calls;
        self.totals.answered_again += self.store.answered_again;
        self.totals.backwards += self.store.backwards;
        self.totals.resets += self.store.resets;
        self.totals
    }

    /// One more client, with a look at the status and so many takes.
    fn connect_to_write(&mut self, node: usize, takes: u64) {
        self.connect(node);
        self.takes += takes;
        self.clients.last_mut().expect("one has just connected").write_last(takes);
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
}
