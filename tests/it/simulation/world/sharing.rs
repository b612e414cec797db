//! Processes whose nodes share one connection to the store: the first of them has the socket, and
//! they wake each other.

use std::sync::Arc;

use headcount::store::counters::Counters;

use super::World;
use crate::simulation::keys::NAMES;
use crate::simulation::node::Node;

/// Turns of the nodes of one process, one waking the other, before something must have come.
const TURNS_MAX: usize = 64;

impl World {
    /// One more process, whose so many nodes share one link.
    pub(super) fn start_sharing(&mut self, nodes: usize) -> Vec<Node> {
        let (id, process) = (self.random.u64(..), self.processes);
        let counters =
            Arc::new(Counters::new(NAMES.into_iter().zip(self.limits.iter().copied()), true));
        self.processes += 1;
        self.store.introduce(id, process);
        Node::sharing(nodes, process, &counters, id, self.now)
    }

    /// A node turns, and then those that it wakes.
    pub(super) fn turn(&mut self, node: usize) {
        let owner = self.owner(node);
        let (mut due, mut turned) = (vec![node], Vec::new());
        while let Some(place) = due.pop() {
            self.turn_alone(place);
            turned.push(place);
            due.extend(self.nodes[owner].take_wakes().into_iter().map(|source| owner + source));
            assert!(turned.len() < TURNS_MAX, "nodes wake each other without end");
        }
        turned.into_iter().for_each(|place| self.turned(place));
    }

    /// The place of the node that has the socket of this one.
    pub(super) fn owner(&self, place: usize) -> usize {
        place - self.nodes[place].source
    }

    /// Whether all who share the connection of this node have taken out what it has for them.
    pub(super) fn have_all_read(&self, owner: usize) -> bool {
        let mut nodes = self.nodes[owner..].iter().enumerate();
        nodes.all(|(source, node)| node.source != source || !node.engine.store.has_events())
    }

    /// What is known of the connection is of all who share it.
    pub(super) fn follow_owner(&mut self, place: usize) {
        let owner = self.owner(place);
        let (lost_at, refused_at) = (self.nodes[owner].lost_at, self.nodes[owner].refused_at);
        let refused = self.nodes[owner].socket.as_ref().map(|socket| socket.tracking.refused);
        for (source, node) in self.nodes[owner..].iter_mut().enumerate().skip(1) {
            if node.source != source {
                return;
            }
            (node.lost_at, node.refused_at) = (lost_at, refused_at);
            node.is_refused = refused.unwrap_or_default();
        }
    }
}
