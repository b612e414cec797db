//! What a process has seen of its counter, for all its links: a store that holds less would hand
//! numbers out again, and is refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::error::{Fault, StoreError};

/// How far a counter has come. An epoch is one life of it: a reset or a set begins a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The epoch; 0 before the counter was seen.
    pub epoch: u64,
    /// Numbers taken in that epoch, at least.
    pub taken: u64,
}

impl Position {
    /// Checks that a counter which stands here may be taken from by one who has `seen` so much, or
    /// has that as its floor. `is_created`: its epoch was begun by somebody's start. The same rule
    /// is in `redis/take.lua` and `create.lua`, and in `postgres/take.sql` and `peek.sql`.
    ///
    /// # Errors
    /// The counter was lost, in part or as a whole, and numbers would come twice.
    pub fn check_not_behind(self, seen: Position, is_created: bool) -> Result<(), Fault> {
        let error = if (self.epoch, self.taken) < (seen.epoch, seen.taken) {
            StoreError::Backwards
        } else if self.epoch > seen.epoch && seen.epoch > 0 && is_created {
            StoreError::Recreated
        } else {
            return Ok(());
        };
        let detail = format!(
            "the store holds {} taken (epoch {}), but {} taken (epoch {}) were seen before",
            self.taken, self.epoch, seen.taken, seen.epoch
        );
        Err(Fault { error, detail })
    }
}

/// The position that the links of a process share. Locked once a batch, for a few instructions.
#[derive(Debug, Default)]
pub struct HighWaterMark {
    position: Mutex<Position>,
    is_created: AtomicBool,
}

impl HighWaterMark {
    /// The furthest position so far. A store that holds less has lost something.
    pub fn position(&self) -> Position {
        *self.lock()
    }

    /// Whether the counter was seen at all: then it must not be created again.
    pub fn is_seen(&self) -> bool {
        self.position().epoch > 0
    }

    /// This process has created the counter.
    pub fn created(&self) {
        self.is_created.store(true, Ordering::Relaxed);
    }

    /// Whether this process has created the counter.
    pub fn is_created(&self) -> bool {
        self.is_created.load(Ordering::Relaxed)
    }

    /// A link saw so much. Replies come out of order between links: less is no news here. Returns
    /// the furthest position before.
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
    fn a_position_only_goes_further() {
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

    #[test]
    fn a_counter_is_followed_forward_and_into_what_a_reset_or_a_set_has_made() {
        let rows = [
            (position(5, 3), position(0, 0), true, None),
            (position(5, 3), position(5, 3), true, None),
            (position(5, 2), position(5, 3), false, Some(StoreError::Backwards)),
            (position(4, 9), position(5, 3), false, Some(StoreError::Backwards)),
            (position(6, 0), position(5, 3), false, None),
            (position(6, 9), position(5, 3), true, Some(StoreError::Recreated)),
        ];
        for (held, seen, is_created, expected) in rows {
            let error = held.check_not_behind(seen, is_created).err().map(|fault| fault.error);
            assert_eq!(error, expected, "{held:?} after {seen:?}");
        }
    }
}
