//! The clients of one reactor by their tokens, and which of them were touched in this wake.
//!
//! Invariant: a token whose client has left finds nobody, whoever has the slot now.

use slab::Slab;

use crate::api::audit::Audit;
use crate::api::body::Outcome;
use crate::engine::client::{Client, Peer, Turn};
use crate::http::Response;
use crate::store::counters::Counters;
use crate::store::keys::Keys;
use crate::token::Token;

/// Every client of one reactor.
#[derive(Debug)]
pub struct Clients {
    slots: Slab<Slot>,
    generation: u32,
    touched: Vec<Token>,
    turn: Turn,
}

#[derive(Debug)]
struct Slot {
    token: Token,
    /// Is in `touched` already.
    touched: bool,
    client: Client,
}

impl Clients {
    /// Nobody yet. `turn` is what they share in the first wake.
    pub fn new(turn: Turn) -> Clients {
        Clients { slots: Slab::new(), generation: 0, touched: Vec::new(), turn }
    }

    /// What they share in this wake.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The same, to change it.
    pub fn turn_mut(&mut self) -> &mut Turn {
        &mut self.turn
    }

    /// The counters that are served to them.
    pub fn counters(&self) -> &Counters {
        &self.turn.counters
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds a client and returns its token.
    pub fn insert(&mut self, peer: Peer) -> Token {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.slots.vacant_entry();
        let token = Token {
            slot: u32::try_from(entry.key()).expect("--max-clients is far below 2^32"),
            generation: self.generation,
        };
        entry.insert(Slot { token, touched: false, client: Client::new(peer, self.turn.now) });
        token
    }

    /// Removes the client if it is still connected.
    pub fn remove(&mut self, token: Token) -> Option<Client> {
        self.contains(token).then(|| self.slots.remove(token.slot as usize).client)
    }

    /// Whether the client is still here.
    pub fn contains(&self, token: Token) -> bool {
        self.slots.get(token.slot as usize).is_some_and(|slot| slot.token == token)
    }

    /// The client, to look at or to flush.
    pub fn get(&mut self, token: Token) -> Option<&mut Client> {
        let slot = self.slots.get_mut(token.slot as usize)?;
        (slot.token == token).then_some(&mut slot.client)
    }

    /// The client, to give something to: it is touched by it.
    pub fn touch(&mut self, token: Token) -> Option<(&mut Client, &Turn)> {
        let slot = self.slots.get_mut(token.slot as usize)?;
        if slot.token != token {
            return None;
        }
        if !slot.touched {
            slot.touched = true;
            self.touched.push(token);
        }
        Some((&mut slot.client, &self.turn))
    }

    /// Gives the oldest awaited request of a client its outcome; `false` if the client has left.
    pub fn answer(&mut self, token: Token, outcome: Outcome) -> bool {
        let touched = self.touch(token);
        let is_here = touched.is_some();
        if let Some((client, turn)) = touched {
            client.answer(outcome, turn);
        }
        is_here
    }

    /// The keys of these clients, who are here and wait with one each, in their order.
    pub fn keys_of(&self, tokens: impl Iterator<Item = Token>) -> Keys {
        let key = |token: Token| {
            let slot = self.slots.get(token.slot as usize).filter(|slot| slot.token == token);
            let key = slot.and_then(|slot| slot.client.key());
            key.expect("who waits with a key has it until it is answered").clone()
        };
        tokens.map(key).collect()
    }

    /// The numbers that are handed out next are of this counter and epoch.
    #[inline]
    pub fn prepare_tickets(&mut self, counter: &str, epoch: u64) {
        if let Some(tickets) = &mut self.turn.settings.tickets {
            tickets.prepare(counter, epoch, self.turn.counters.time());
        }
    }

    /// Whether it is kept who takes.
    pub fn is_audited(&self) -> bool {
        self.turn.settings.is_audited
    }

    /// Who got the number that was handed out last to a client, if that is kept.
    pub fn take_answered(&mut self, token: Token) -> Option<(Peer, Box<Audit>)> {
        let client = self.get(token)?;
        Some((client.peer(), client.take_answered()?))
    }

    /// Gives the oldest awaited request of a client this answer; `false` if the client has left.
    pub fn answer_with(&mut self, token: Token, response: Response<'_>) -> bool {
        let touched = self.touch(token);
        let is_here = touched.is_some();
        if let Some((client, turn)) = touched {
            client.answer_with(response, turn);
        }
        is_here
    }

    /// Touches those of whom `affected` says so.
    pub fn touch_those(&mut self, mut affected: impl FnMut(&mut Client, &Turn) -> bool) {
        for (_, slot) in &mut self.slots {
            if affected(&mut slot.client, &self.turn) && !slot.touched {
                slot.touched = true;
                self.touched.push(slot.token);
            }
        }
    }

    /// Those who were touched since the last call, each once: they may have something to send, or
    /// be at their end. Swaps the list with `emptied`, so that neither is ever allocated anew.
    pub fn swap_touched(&mut self, emptied: &mut Vec<Token>) {
        debug_assert!(emptied.is_empty());
        std::mem::swap(&mut self.touched, emptied);
        for token in emptied {
            if let Some(slot) = self.slots.get_mut(token.slot as usize) {
                slot.touched = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::engine::settings::Settings;

    fn clients() -> Clients {
        let counters = Counters::new([("default", 9)].into_iter(), true);
        Clients::new(Turn::alone(Settings::default(), counters, Instant::now()))
    }

    #[test]
    fn a_token_of_one_who_left_never_finds_the_next_owner_of_the_slot() {
        let mut clients = clients();
        let old = clients.insert(Peer::default());
        clients.remove(old);
        let new = clients.insert(Peer::default());
        assert_eq!(old.slot, new.slot);
        assert!(clients.touch(old).is_none());
        assert!(!clients.answer(old, Outcome::Number(1)));
        assert!(clients.remove(old).is_none());
        assert!(clients.contains(new));
    }

    #[test]
    fn a_client_is_in_the_touched_list_once() {
        let mut clients = clients();
        let token = clients.insert(Peer::default());
        clients.touch(token);
        clients.touch_those(|_, _| true);
        let mut touched = Vec::new();
        clients.swap_touched(&mut touched);
        assert_eq!(touched, [token]);
        clients.touch(token);
        touched.clear();
        clients.swap_touched(&mut touched);
        assert_eq!(touched, [token]);
    }
}
