//! A request to whatever store it is.

use std::time::Instant;

use super::Store;
use crate::counter::{CounterId, Grant};
use crate::store::keys::Keys;
use crate::store::request::Reply;

impl Store {
    /// Sends a request for up to `count` numbers; only if the counter is ready. `has_unclaimed`:
    /// there are numbers at hand, and the store is to confirm that it still has their grant. A
    /// store in the process grants at once; else the reply comes from [`Store::poll`].
    pub fn send(
        &mut self,
        counter: CounterId,
        count: u64,
        has_unclaimed: bool,
        now: Instant,
    ) -> Option<Grant> {
        match self {
            Store::Memory(memory) => Some(memory.take(counter, count)),
            other => {
                other.send_away(counter, count, Keys::NONE, has_unclaimed, now);
                None
            }
        }
    }

    /// The same for the numbers of `keys`, and up to `count` more.
    pub fn send_with_keys(
        &mut self,
        counter: CounterId,
        count: u64,
        keys: Keys,
        has_unclaimed: bool,
        now: Instant,
    ) -> Option<Reply> {
        match self {
            Store::Memory(memory) => {
                let (grant, keyed) = memory.take_with_keys(counter, count, &keys);
                Some(Reply::GrantedToKeys(grant, keyed))
            }
            other => {
                other.send_away(counter, count, keys, has_unclaimed, now);
                None
            }
        }
    }

    /// Sends a request to a store that is not in the process.
    #[inline(always)] // One of its two callers is cold.
    fn send_away(
        &mut self,
        counter: CounterId,
        count: u64,
        keys: Keys,
        has_unclaimed: bool,
        now: Instant,
    ) {
        match self {
            Store::Memory(_) => debug_assert!(false, "it grants at once"),
            Store::File(file) => file.send(counter, count, keys, now),
            Store::Connection(connection) => {
                connection.send(counter, count, keys, has_unclaimed, now);
            }
            Store::Nodes(nodes) => {
                nodes.of_mut(counter).send(counter, count, keys, has_unclaimed, now);
            }
            Store::Shared(shared) => shared.send(counter, count, keys, has_unclaimed, now),
        }
    }
}
