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
    /// The least of them; empty only if `rest` is. Apart, for it is touched for every number.
    front: Range<u64>,
    rest: VecDeque<Range<u64>>,
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
            self.front = 0..0;
            self.rest.clear();
        }
        let granted = grant.first..grant.first + grant.granted;
        if self.front.is_empty() {
            self.front = granted;
        } else if !granted.is_empty() {
            self.rest.push_back(granted);
        }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        if self.is_empty() {
            return 0; // As nearly always.
        }
        let length = |range: &Range<u64>| range.end - range.start;
        length(&self.front) + self.rest.iter().map(length).sum::<u64>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.front.is_empty()
    }

    /// The least of them.
    pub fn first(&self) -> Option<u64> {
        (!self.front.is_empty()).then_some(self.front.start)
    }

    /// The least of them was handed out.
    pub fn claim(&mut self) {
        self.front.next();
        if self.front.is_empty()
            && let Some(range) = self.rest.pop_front()
        {
            self.front = range;
        }
    }

    /// All of them, which are given up.
    pub fn drain(&mut self) -> impl Iterator<Item = u64> + '_ {
        std::mem::take(&mut self.front).chain(self.rest.drain(..).flatten())
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
