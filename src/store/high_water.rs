//! What a process has seen of its counter, for all its links: a count that went backwards would
//! hand numbers out again, and is refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::counter::Grant;
use crate::store::{Fault, StoreError};

/// The furthest position of a counter. An epoch is one life of it: a reset begins a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The epoch; 0 before the counter was seen.
    pub epoch: u64,
    /// Numbers taken in that epoch, at least.
    pub taken: u64,
}

impl Position {
    /// Whether a store that grants so holds no less than this.
    ///
    /// # Errors
    /// The count went backwards.
    pub fn check(self, grant: Grant) -> Result<(), Fault> {
        let (epoch, taken) = (grant.epoch, grant.count().taken);
        if (epoch, taken) >= (self.epoch, self.taken) {
            return Ok(());
        }
        let words = format!(
            "{taken} are taken in epoch {epoch}, and {} in {} were seen",
            self.taken, self.epoch
        );
        Err(Fault { error: StoreError::Backwards, words })
    }
}

/// The position that the links of a process share. Locked once a batch, for a few instructions.
#[derive(Debug, Default)]
pub struct HighWaterMark {
    position: Mutex<Position>,
    is_store_judged: AtomicBool,
}

impl HighWaterMark {
    /// The furthest position so far. A store that holds less has lost something.
    pub fn position(&self) -> Position {
        *self.lock()
    }

    /// Whether nobody has judged yet how safe the store is: the asker is to, and the others not.
    pub fn is_first_to_judge(&self) -> bool {
        !self.is_store_judged.swap(true, Ordering::Relaxed)
    }

    /// Whether the counter was seen at all: then it must not be created again.
    pub fn is_seen(&self) -> bool {
        self.position().epoch > 0
    }

    /// A link saw so much. Replies come out of order between links: less is no news here. Returns
    /// what was the furthest position before.
    pub fn observe(&self, position: Position) -> Position {
        let mut furthest = self.lock();
        let before = *furthest;
        if position.epoch > before.epoch {
            *furthest = position;
        } else if position.epoch == before.epoch {
            furthest.taken = before.taken.max(position.taken);
        }
        before
    }

    fn lock(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(epoch: u64, taken: u64) -> Position {
        Position { epoch, taken }
    }

    #[test]
    fn a_sight_only_goes_further() {
        let high_water = HighWaterMark::default();
        assert!(!high_water.is_seen());
        assert_eq!(high_water.observe(position(5, 10)), position(0, 0));
        assert!(high_water.is_seen());
        high_water.observe(position(5, 7));
        assert_eq!(high_water.position(), position(5, 10));
        high_water.observe(position(6, 0));
        assert_eq!(high_water.position(), position(6, 0));
        high_water.observe(position(5, 90));
        assert_eq!(high_water.position(), position(6, 0));
    }
}
