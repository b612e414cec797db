//! What goes wrong: connections break, processes die, and the store forgets.

use headcount::store::error::StoreError;

use super::World;

impl World {
    /// The connection breaks, with whatever is on its way: run by the store or not.
    pub(super) fn cut(&mut self, node: usize) {
        let (place, now) = (self.owner(node), self.now);
        let node = place;
        if let Some(socket) = self.nodes[node].socket.take() {
            let node = &mut self.nodes[node];
            node.note_refused(socket.tracking.refused, self.now);
            node.with_connection(now, |it| it.lost(StoreError::Unreachable, "cut", now));
            self.late.push(socket.to_store);
            (node.settled_since, node.busy_since) = (None, None);
            node.run_commands(self.is_store_up, self.now);
            self.follow_owner(place);
        }
    }

    /// The same, and a proxy sends the store once more what it has run already.
    pub(super) fn cut_and_replay(&mut self, node: usize) {
        if let Some(socket) = &self.nodes[self.owner(node)].socket {
            self.replays.push(socket.run.clone());
        }
        self.cut(node);
    }

    /// Another server is the store: every connection breaks, and what was on its way is lost.
    fn cut_all(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.cut(node));
        for reset in &mut self.resets {
            reset.cut(self.now);
        }
        self.late.clear();
        self.replays.clear();
    }

    pub(super) fn restart_store(&mut self) {
        self.cut_all();
        self.store.restart();
    }

    /// A process dies, with its clients, and another one starts in its place.
    pub(super) fn kill(&mut self, node: usize) {
        let process = self.nodes[node].process;
        let is_its = |place: &usize| self.nodes[*place].process == process;
        let places: Vec<usize> = (0..self.nodes.len()).filter(is_its).collect();
        let is_shared = places.iter().any(|place| self.nodes[*place].source > 0);
        let nodes = match is_shared {
            true => self.start_sharing(places.len()),
            false => self.start(places.len()),
        };
        for (place, node) in places.into_iter().zip(nodes) {
            self.cut(place);
            self.clients.retain(|client| client.node != place);
            self.nodes[place] = node;
        }
        self.has_losses.fill(true);
    }

    /// A replica that is behind takes over, if there is one.
    pub(super) fn roll_back(&mut self) {
        let clock_us = self.other_clock();
        if self.store.roll_back(clock_us) {
            self.cut_all();
            self.has_losses.fill(true);
        }
    }

    pub(super) fn flush_store(&mut self) {
        let clock_us = self.other_clock();
        self.store.flush(clock_us);
        self.cut_all();
        self.has_losses.fill(true);
    }

    /// Somebody deletes a counter.
    pub(super) fn delete(&mut self, counter: usize) {
        self.store.delete(counter);
        self.has_losses[counter] = true;
    }

    /// An operator's mistake. Where a text stands in the place of a counter, the answers to links
    /// are gone as far as they can see, and so are the numbers that nobody was given yet.
    pub(super) fn damage(&mut self, counter: usize) {
        let how = self.random.usize(..4);
        self.has_losses[counter] |= self.store.damage(counter, how);
    }

    /// Of another machine: up to two hours before or after.
    fn other_clock(&mut self) -> u64 {
        (1 << 50) + self.random.u64(..4 * 3_600 * 1_000_000)
    }
}
