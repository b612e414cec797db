//! The rule of a bounded counter, pure: how many of the numbers asked for may be handed out; and
//! the counters of a process by their names.
//!
//! `store/redis/take.lua` and `store/postgres/take.sql` say the same to the stores. A leaf: it uses
//! none but the bounds.

use crate::limits::LIMIT_MAX;

/// One of the counters that this process serves: its place in the configuration. 0 answers `/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CounterId(pub u32);

impl CounterId {
    /// The counter that answers `/`.
    pub const FIRST: CounterId = CounterId(0);

    /// Its place in a list of all counters.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The counters by their names.
#[derive(Debug, Default)]
pub struct CounterNames {
    /// In the order of the names' bytes.
    sorted: Vec<(Box<[u8]>, CounterId)>,
}

impl CounterNames {
    /// The first of `names` is that of [`CounterId::FIRST`], and so on. None comes twice.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> CounterNames {
        let mut sorted: Vec<(Box<[u8]>, CounterId)> = Vec::new();
        for (name, id) in names.map(str::as_bytes).zip((0..).map(CounterId)) {
            let place = sorted.partition_point(|(other, _)| **other < *name);
            sorted.insert(place, (name.into(), id));
        }
        CounterNames { sorted }
    }

    /// The counter of this name, if it is served here.
    pub fn find(&self, name: &[u8]) -> Option<CounterId> {
        let found = self.sorted.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(self.sorted[found].1)
    }
}

/// What a counter holds: `taken` numbers are handed out, and none above `limit` ever will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Numbers handed out so far, the last of them included.
    pub taken: u64,
    /// The last number there is. It may be lowered, so `taken <= limit` is not promised.
    pub limit: u64,
}

impl Count {
    /// Numbers that can still be taken.
    pub fn remaining(self) -> u64 {
        self.limit.saturating_sub(self.taken)
    }

    /// Whether the last number is gone.
    pub fn halted(self) -> bool {
        self.remaining() == 0
    }
}

/// The answer to one store request: the numbers `first .. first + granted` belong to the requester
/// alone.
///
/// Invariant: `first + granted - 1 <= limit` whenever `granted > 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The first number granted; with none granted, the number that would have been next.
    pub first: u64,
    /// How many were granted: as many as were asked for, or what was left.
    pub granted: u64,
    /// The counter's limit when it granted.
    pub limit: u64,
    /// Which life of the counter the numbers belong to: a reset begins a later one. 0 where it
    /// has but one.
    pub epoch: u64,
}

impl Grant {
    /// Whether its fields fit together: whatever a store says is checked before it is used.
    pub fn is_sound(self) -> bool {
        let last = self.first.checked_add(self.granted).and_then(|end| end.checked_sub(1));
        let is_within = self.granted == 0 || last.is_some_and(|last| last <= self.limit);
        self.first >= 1 && last.is_some() && is_within && self.limit <= LIMIT_MAX
    }

    /// The number of the waiter in place `index` from 0, or none if the limit came before it.
    pub fn number(self, index: u64) -> Option<u64> {
        (index < self.granted).then(|| self.first + index)
    }

    /// What the counter held right after it granted.
    pub fn count(self) -> Count {
        Count { taken: self.first - 1 + self.granted, limit: self.limit }
    }
}

/// Takes up to `wanted` numbers from a counter. With 0 wanted it only looks.
pub fn take(count: Count, wanted: u64) -> Grant {
    let granted = wanted.min(count.remaining());
    Grant { first: count.taken + 1, granted, limit: count.limit, epoch: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_whole_name_alone() {
        let names = CounterNames::new(["shoes", "hats", "hat"].into_iter());
        assert_eq!(names.find(b"shoes"), Some(CounterId::FIRST));
        assert_eq!(names.find(b"hat"), Some(CounterId(2)));
        for unknown in [&b""[..], b"ha", b"hatss", b"Hats"] {
            assert_eq!(names.find(unknown), None);
        }
    }

    fn taken_of_100(taken: u64, wanted: u64) -> Grant {
        take(Count { taken, limit: 100 }, wanted)
    }

    #[test]
    fn an_ask_gets_what_is_left_and_no_more() {
        for (taken, wanted, first, granted) in [
            (0, 1, 1, 1),
            (0, 0, 1, 0),
            (0, 100, 1, 100),
            (0, 101, 1, 100),
            (99, 1, 100, 1),
            (99, 5, 100, 1),
            (100, 1, 101, 0),
            (100, 0, 101, 0),
            (120, 7, 121, 0),
        ] {
            let grant = taken_of_100(taken, wanted);
            assert_eq!((grant.first, grant.granted), (first, granted));
            assert_eq!(grant.count().taken, taken + granted);
        }
    }

    #[test]
    fn each_asker_gets_its_own_number_until_the_limit() {
        let grant = taken_of_100(98, 4);
        let numbers: Vec<_> = (0..4).map(|index| grant.number(index)).collect();
        assert_eq!(numbers, [Some(99), Some(100), None, None]);
        assert!(grant.count().halted());
    }

    #[test]
    fn a_lowered_limit_leaves_nothing() {
        let count = Count { taken: 7, limit: 5 };
        assert_eq!(count.remaining(), 0);
        assert!(count.halted());
    }
}
