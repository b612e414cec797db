//! The counter that the links of a process ask for: its name, and what was seen of it.

use std::sync::Arc;

use log::{info, warn};

use crate::counter::{Count, Grant};
use crate::store::high_water::{HighWaterMark, Position};

/// A counter behind a connection; a clone is the same counter.
#[derive(Clone, Debug)]
pub struct Counter {
    /// Its name, of the characters that `config` allows.
    pub name: String,
    /// The limit it is created with.
    pub limit: u64,
    /// What is to become of it at the next handshake, if it is not to be served.
    pub change: Option<Change>,
    /// What this process has seen of it.
    pub high_water: Arc<HighWaterMark>,
}

/// A reset or a set: it begins an epoch of the counter, which running processes follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// A random one, no other change's: so a change that is sent again is known to be done.
    pub token: String,
    /// The limit from now on; `None` keeps the one that is there.
    pub limit: Option<u64>,
    /// How many are to be taken; `None` for a reset, which takes none and begins a sale.
    pub taken: Option<u64>,
}

/// What a change left in the store.
pub type Changed = Count;

/// How a counter came to be there at a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    Found,
    /// It was there in the layout of headcount 0.1, and has today's now.
    Migrated,
    /// It was not there, and now is.
    Created,
}

impl Counter {
    /// A counter of which nothing was seen yet.
    pub fn new(name: &str, limit: u64) -> Counter {
        Counter { name: name.to_owned(), limit, change: None, high_water: Arc::default() }
    }

    /// A handshake found it, or made it.
    pub fn confirmed(&self, origin: Origin) {
        let (counter, limit) = (self.name.as_str(), self.limit);
        match origin {
            Origin::Found => {}
            Origin::Migrated => {
                warn!(counter; "counter migrated: headcount 0.1 no longer takes from it");
            }
            Origin::Created => {
                self.high_water.created();
                let advice = "if there was one, it was lost: see the store's own log";
                warn!(counter, limit, advice; "counter created: the store had none");
            }
        }
    }

    /// A link was granted something, and so saw the count. Says what is new in it.
    pub fn observe(&self, grant: Grant) {
        let (counter, taken, limit) = (self.name.as_str(), grant.count().taken, grant.limit);
        let epoch = grant.epoch;
        let before = self.high_water.observe(Position { epoch, taken });
        if before.epoch == 0 && !self.high_water.is_created() {
            info!(counter, taken, limit, epoch; "counter found");
        } else if before.epoch > 0 && before.epoch < epoch {
            let epoch_before = before.epoch;
            warn!(counter, taken, limit, epoch, epoch_before;
                "the counter was reset or set, and is followed");
        }
        if before.epoch == 0 && limit != self.limit {
            let asked = self.limit;
            warn!(counter, limit, asked; "the store's limit differs from --limit and is followed");
        }
    }
}
