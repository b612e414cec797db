//! What a process has seen of its counter, for all its links: a count that went backwards would
//! hand numbers out again, and is refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::counter::Grant;
use crate::store::{Fault, StoreError};

/// The furthest sight of a counter. A generation is one life of it: a reset begins a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The generation; 0 before the counter was seen.
    pub generation: u64,
    /// Numbers taken in that generation, at least.
    pub taken: u64,
}

impl Sight {
    /// Whether a store that grants so holds no less than this.
    ///
    /// # Errors
    /// The count went backwards.
    pub fn check(self, grant: Grant) -> Result<(), Fault> {
        let (generation, taken) = (grant.generation, grant.count().taken);
        if (generation, taken) >= (self.generation, self.taken) {
            return Ok(());
        }
        let words = format!(
            "{taken} are taken in generation {generation}, and {} in {} were seen",
            self.taken, self.generation
        );
        Err(Fault { error: StoreError::Backwards, words })
    }
}

/// The sight that the links of a process share. Locked once a batch, for a few instructions.
#[derive(Debug, Default)]
pub struct Horizon {
    sight: Mutex<Sight>,
    is_store_judged: AtomicBool,
}

impl Horizon {
    /// The furthest sight so far. A store that holds less has lost something.
    pub fn sight(&self) -> Sight {
        *self.lock()
    }

    /// Whether nobody has judged yet how safe the store is: the asker is to, and the others not.
    pub fn is_first_to_judge(&self) -> bool {
        !self.is_store_judged.swap(true, Ordering::Relaxed)
    }

    /// Whether the counter was seen at all: then it must not be created again.
    pub fn is_seen(&self) -> bool {
        self.sight().generation > 0
    }

    /// A link saw so much. Replies come out of order between links: less is no news here. Returns
    /// what was the furthest sight before.
    pub fn saw(&self, sight: Sight) -> Sight {
        let mut furthest = self.lock();
        let before = *furthest;
        if sight.generation > before.generation {
            *furthest = sight;
        } else if sight.generation == before.generation {
            furthest.taken = before.taken.max(sight.taken);
        }
        before
    }

    fn lock(&self) -> MutexGuard<'_, Sight> {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(generation: u64, taken: u64) -> Sight {
        Sight { generation, taken }
    }

    #[test]
    fn a_sight_only_goes_further() {
        let horizon = Horizon::default();
        assert!(!horizon.is_seen());
        assert_eq!(horizon.saw(sight(5, 10)), sight(0, 0));
        assert!(horizon.is_seen());
        horizon.saw(sight(5, 7));
        assert_eq!(horizon.sight(), sight(5, 10));
        horizon.saw(sight(6, 0));
        assert_eq!(horizon.sight(), sight(6, 0));
        horizon.saw(sight(5, 90));
        assert_eq!(horizon.sight(), sight(6, 0));
    }
}
