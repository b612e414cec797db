//! Numbers that the store has granted and nobody was given yet: those of the reply at hand, and
//! before them those of clients who left.
//!
//! They are of one epoch, and are handed out only in settling a reply of that epoch, within the
//! limit that it names: a reset, a lost counter or a lowered limit must show before.
//! Invariant: the ranges ascend, since the store grants a link ascending numbers in an epoch.

use std::collections::VecDeque;
use std::ops::Range;

use crate::counter::Grant;

/// The unclaimed numbers of one counter in one reactor.
#[derive(Debug, Default)]
pub struct Unclaimed {
    epoch: u64,
    ranges: VecDeque<Range<u64>>,
}

impl Unclaimed {
    /// The latest epoch that the store has granted in.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The store has granted these. Those of an earlier epoch have ended with it.
    pub fn add(&mut self, grant: Grant) {
        if grant.epoch != self.epoch {
            self.epoch = grant.epoch;
            self.ranges.clear();
        }
        if grant.granted > 0 {
            self.ranges.push_back(grant.first..grant.first + grant.granted);
        }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The least of them.
    pub fn first(&self) -> Option<u64> {
        self.ranges.front().map(|range| range.start)
    }

    /// The least of them was handed out.
    pub fn claim(&mut self) {
        if let Some(range) = self.ranges.front_mut() {
            range.start += 1;
        }
        self.ranges.pop_front_if(|range| range.is_empty());
    }

    /// All of them, which are given up.
    pub fn drain(&mut self) -> impl Iterator<Item = u64> + '_ {
        self.ranges.drain(..).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(epoch: u64, first: u64, granted: u64) -> Grant {
        Grant { first, granted, limit: 100, epoch }
    }

    #[test]
    fn numbers_are_claimed_in_the_order_of_their_grants() {
        let mut unclaimed = Unclaimed::default();
        unclaimed.add(grant(5, 3, 2));
        unclaimed.add(grant(5, 9, 0));
        unclaimed.add(grant(5, 9, 1));
        assert_eq!(unclaimed.len(), 3);
        for number in [3, 4, 9] {
            assert_eq!(unclaimed.first(), Some(number));
            unclaimed.claim();
        }
        assert!(unclaimed.is_empty());
        unclaimed.claim();
        assert_eq!(unclaimed.first(), None);
    }

    #[test]
    fn numbers_end_with_their_epoch() {
        let mut unclaimed = Unclaimed::default();
        unclaimed.add(grant(5, 11, 3));
        unclaimed.add(grant(6, 1, 0));
        assert!(unclaimed.is_empty());
        unclaimed.add(grant(6, 1, 1));
        assert_eq!(unclaimed.drain().collect::<Vec<_>>(), [1]);
    }
}
