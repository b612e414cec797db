//! The counter that the links of a process ask for: its name, and what was seen of it.

use std::sync::Arc;

use log::{info, warn};

use crate::counter::Grant;
use crate::store::high_water::{HighWaterMark, Position};

/// A counter behind a connection; a clone is the same counter.
#[derive(Clone, Debug)]
pub struct Counter {
    /// Its name, of the characters that `config` allows.
    pub name: String,
    /// The limit it is created or reset with.
    pub limit: u64,
    /// The epoch it is created or reset with: microseconds since 1970, so that a later life
    /// has a higher one even if the store has forgotten the earlier.
    pub born: u64,
    /// Whether it is to begin anew at the next greeting, whatever the store holds.
    pub is_to_be_reset: bool,
    /// What this process has seen of it.
    pub high_water: Arc<HighWaterMark>,
}

impl Counter {
    /// A counter of which nothing was seen yet.
    pub fn new(name: &str, limit: u64, born: u64) -> Counter {
        let (name, high_water) = (name.to_owned(), Arc::default());
        Counter { name, limit, born, is_to_be_reset: false, high_water }
    }

    /// A link was granted something, and so saw the count. Says what is new in it.
    pub fn observe(&self, grant: Grant) {
        let (counter, taken, limit) = (self.name.as_str(), grant.count().taken, grant.limit);
        let epoch = grant.epoch;
        let before = self.high_water.observe(Position { epoch, taken });
        if before.epoch == 0 {
            info!(counter, taken, limit, epoch; "counter found");
        } else if before.epoch < epoch {
            warn!(counter, taken, limit, epoch; "the counter was reset, and is followed");
        }
        if before.epoch == 0 && limit != self.limit {
            let asked = self.limit;
            warn!(counter, limit, asked; "the store's limit differs from --limit and is followed");
        }
    }
}
