//! Counters that go from one connection to another.

use std::time::Instant;

use super::Nodes;
use crate::config::Endpoint;
use crate::counter::CounterId;
use crate::limits::{ASKING_TTL, NODES_MAX, STORE_HOSTS_MAX};
use crate::store::connection::{Connection, Notice};
use crate::store::request::Redirect;

impl Nodes {
    /// Does what the next notice calls for; `false` if there is none.
    pub(super) fn follow_notice(&mut self) -> bool {
        let mut places = 0..self.connections.len();
        let next = places.find_map(|place| Some((place, self.connections[place].take_notice()?)));
        let Some((place, (now, notice))) = next else {
            return false;
        };
        match notice {
            Notice::Named(nodes) => self.learn_all(nodes),
            Notice::GoesElsewhere(counter, redirect) => {
                self.redirect(counter, place, redirect, now);
            }
            Notice::Lost => self.scatter(place, now),
        }
        true
    }

    fn redirect(&mut self, counter: CounterId, from: usize, redirect: Redirect, now: Instant) {
        let (endpoint, is_ask) = match redirect {
            Redirect::To(endpoint) => (Some(endpoint), false),
            Redirect::AskAt(endpoint) => (Some(endpoint), true),
            Redirect::AnyOther => (self.another_than(from), false),
            Redirect::Nowhere => (None, false),
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

    /// Another node than the one in this place: in turn, one whose connection serves. If none does,
    /// the addresses that servers have named may be of no more use, and a seed's name may lead to
    /// others by now: so each second try is a seed.
    fn another_than(&mut self, place: usize) -> Option<Endpoint> {
        let avoided = &self.endpoints[place];
        let serves = |endpoint: &&Endpoint| {
            let place = self.endpoints.iter().position(|other| other == *endpoint);
            place.is_some_and(|place| self.connections[place].is_serving())
        };
        let others = || in_turn(&self.known, self.turn).filter(|endpoint| *endpoint != avoided);
        if let Some(serving) = others().find(serves) {
            self.turn += 1;
            return Some(serving.clone());
        }
        if !self.seeds.contains(avoided)
            && let Some(seed) = in_turn(&self.seeds, self.seed_turn).next()
        {
            self.seed_turn += 1;
            return Some(seed.clone());
        }
        let other = others().next().cloned();
        self.turn += 1;
        other
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
        let place = self.connections.iter().position(Connection::is_over)?;
        self.connections[place] = connection;
        self.endpoints[place] = endpoint.clone();
        Some(place)
    }

    /// There is such a node. Past the bound the oldest one that is no connection's is forgotten; if
    /// each is, the oldest. A seed never is.
    fn learn(&mut self, endpoint: Endpoint) {
        if self.known.contains(&endpoint) {
            return;
        }
        if self.known.len() >= NODES_MAX {
            let is_named = |known: &&Endpoint| !self.seeds.contains(known);
            let mut named = self.known.iter().filter(is_named);
            let free = named.clone().find(|known| !self.endpoints.contains(known));
            let oldest = free.or_else(|| named.next()).cloned();
            self.known.retain(|known| Some(known) != oldest.as_ref());
        }
        self.known.push(endpoint);
    }

    /// The Cluster has just these nodes now. Beside them the seeds stay known, and those that
    /// counters are bound to.
    fn learn_all(&mut self, named: Vec<Endpoint>) {
        let is_bound = |place: usize| self.bound.contains(&(place as u32));
        let endpoints = self.endpoints.iter().enumerate();
        let bound = endpoints.filter(|(place, _)| is_bound(*place)).map(|(_, it)| it.clone());
        let mut known = self.seeds.clone();
        for endpoint in bound.chain(named) {
            if known.len() < NODES_MAX && !known.contains(&endpoint) {
                known.push(endpoint);
            }
        }
        self.known = known;
    }
}

/// All of the list, from another place on at each turn.
fn in_turn(list: &[Endpoint], turn: usize) -> impl Iterator<Item = &Endpoint> {
    let (before, after) = list.split_at(turn % list.len().max(1));
    after.iter().chain(before)
}

const _: () = assert!(STORE_HOSTS_MAX < NODES_MAX, "beside the seeds there is room");
