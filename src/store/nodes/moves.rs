//! Counters that go from one connection to another.

use std::time::Instant;

use super::Nodes;
use crate::config::Endpoint;
use crate::counter::CounterId;
use crate::limits::{ASKING_TTL, NODES_MAX};
use crate::store::connection::{Connection, Notice};
use crate::store::request::Redirect;

impl Nodes {
    /// Does what the next notice calls for; `false` if there is none.
    pub(super) fn follow_notice(&mut self) -> bool {
        let mut places = 0..self.connections.len();
        let next = places.find_map(|place| Some((place, self.connections[place].notice()?)));
        let Some((place, (now, notice))) = next else {
            return false;
        };
        match notice {
            Notice::Named(nodes) => nodes.into_iter().for_each(|node| self.learn(node)),
            Notice::Moved(counter, redirect) => self.redirect(counter, place, redirect, now),
            Notice::Lost => self.scatter(place, now),
        }
        true
    }

    fn redirect(&mut self, counter: CounterId, from: usize, redirect: Redirect, now: Instant) {
        let (endpoint, is_ask) = match redirect {
            Redirect::Moved(endpoint) => (Some(endpoint), false),
            Redirect::Ask(endpoint) => (Some(endpoint), true),
            Redirect::Any => (self.another_than(from), false),
        };
        let Some(endpoint) = endpoint else {
            return self.bind(counter, from, now);
        };
        self.learn(endpoint.clone());
        let place = self.place_of(&endpoint, now).unwrap_or(from);
        if is_ask {
            self.asking.retain(|(_, other)| *other != counter);
            self.asking.insert(0, (now + ASKING_TTL, counter));
            self.connections[place].set_asking(counter, true);
        }
        self.bind(counter, place, now);
    }

    /// The connection in this place is lost: what it served goes to another known node.
    fn scatter(&mut self, place: usize, now: Instant) {
        if self.connections[place].is_serving() || self.known.len() < 2 {
            return;
        }
        let Some(endpoint) = self.another_than(place) else { return };
        let Some(other) = self.place_of(&endpoint, now) else { return };
        for index in 0..self.bound.len() {
            if self.bound[index] as usize == place {
                self.bind(CounterId(index as u32), other, now);
            }
        }
    }

    /// A known node in turn that is not the one in this place; one whose connection serves, if
    /// there is any.
    fn another_than(&mut self, place: usize) -> Option<Endpoint> {
        self.turn = (self.turn + 1) % self.known.len().max(1);
        let avoided = &self.endpoints[place];
        let others = || {
            let (before, after) = self.known.split_at(self.turn);
            after.iter().chain(before).filter(|endpoint| *endpoint != avoided)
        };
        let serves = |endpoint: &&Endpoint| {
            let place = self.endpoints.iter().position(|other| other == *endpoint);
            place.is_some_and(|place| self.connections[place].is_serving())
        };
        others().find(serves).or_else(|| others().next()).cloned()
    }

    fn bind(&mut self, counter: CounterId, to: usize, now: Instant) {
        let from = self.bound[counter.index()] as usize;
        let link = self.connections[from].release(counter, now);
        self.bound[counter.index()] = to as u32;
        if from != to
            && counter == CounterId::FIRST
            && let Ok([from, to]) = self.connections.get_disjoint_mut([from, to])
        {
            to.take_task(from);
        }
        self.connections[to].adopt(counter, link, now);
    }

    /// The place of the connection to this node: a new one, if there is none. `None` where there is
    /// no room.
    fn place_of(&mut self, endpoint: &Endpoint, now: Instant) -> Option<usize> {
        if let Some(place) = self.endpoints.iter().position(|other| other == endpoint) {
            return Some(place);
        }
        self.seed = self.seed.wrapping_add(1);
        let connection = self.connections[0].for_node(endpoint.clone(), self.seed, now)?;
        if self.connections.len() < NODES_MAX {
            self.connections.push(connection);
            self.endpoints.push(endpoint.clone());
            return Some(self.connections.len() - 1);
        }
        let place = self.connections.iter().position(Connection::is_resting)?;
        self.connections[place] = connection;
        self.endpoints[place] = endpoint.clone();
        Some(place)
    }

    /// There is such a node. Past the bound the oldest one that is no connection's is forgotten.
    fn learn(&mut self, endpoint: Endpoint) {
        if self.known.contains(&endpoint) {
            return;
        }
        if self.known.len() >= NODES_MAX {
            self.known.remove(0);
        }
        self.known.push(endpoint);
    }
}
