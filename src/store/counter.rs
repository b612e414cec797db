//! The counter that the links of a process ask for: its name, and what was seen of it.

use std::sync::Arc;

use log::{info, warn};

use crate::counter::Grant;
use crate::store::change::Change;
use crate::store::high_water::{HighWaterMark, Position};

/// A counter behind a connection; a clone is the same counter.
#[derive(Clone, Debug)]
pub struct Counter {
    /// Its name, of the characters that `config` allows.
    pub name: String,
    /// The limit it is created with.
    pub limit: u64,
    /// The reset or set that the next handshake carries out; `None` in a serving process.
    pub change: Option<Change>,
    /// What this process has seen of it.
    pub high_water: Arc<HighWaterMark>,
}

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
                warn!(counter; "counter of headcount 0.1 migrated; stop every headcount 0.1");
            }
            Origin::Created => {
                self.high_water.created();
                let hint = "if there was one, it was lost: see the store's own log";
                warn!(counter, limit, hint; "counter created: the store had none");
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
                "counter reset or set by an operator; continuing in its new epoch");
        }
        if before.epoch == 0 && limit != self.limit {
            let asked = self.limit;
            warn!(counter, limit, asked; "the store's limit differs from --limit and is followed");
        }
    }
}
