//! The counts in the process itself: one atomic a counter, shared by the reactors. They end with
//! the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::counter::{self, Count, CounterId, Grant};

/// One reactor's access to the process's counters; clone it for the next reactor.
#[derive(Clone, Debug)]
pub struct Memory {
    counters: Arc<[MemoryCounter]>,
}

#[derive(Debug)]
struct MemoryCounter {
    taken: AtomicU64,
    limit: u64,
}

impl Memory {
    /// Counters with these limits, from which nothing is taken yet.
    pub fn new(limits: impl Iterator<Item = u64>) -> Memory {
        let counter = |limit| MemoryCounter { taken: AtomicU64::new(0), limit };
        Memory { counters: limits.map(counter).collect() }
    }

    /// Grants up to `count` numbers at once.
    pub fn take(&self, counter: CounterId, count: u64) -> Grant {
        self.counters[counter.index()].take(count)
    }
}

impl MemoryCounter {
    /// Relaxed order will do: the atomic orders its own values, and nothing else depends on it.
    fn take(&self, wanted: u64) -> Grant {
        let mut taken = self.taken.load(Ordering::Relaxed);
        loop {
            let count = Count { taken, limit: self.limit };
            let grant = counter::take(count, wanted);
            if grant.granted == 0 {
                return grant;
            }
            match self.taken.compare_exchange_weak(
                taken,
                grant.count().taken,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return grant,
                Err(changed) => taken = changed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn take_all(memory: Memory) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            let grant = memory.take(CounterId::FIRST, 3);
            if grant.granted == 0 {
                return numbers;
            }
            numbers.extend(grant.first..grant.first + grant.granted);
        }
    }

    #[test]
    fn threads_get_every_number_exactly_once() {
        let memory = Memory::new([10_000].into_iter());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let memory = memory.clone();
                std::thread::spawn(move || take_all(memory))
            })
            .collect();
        let taken: Vec<u64> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no thread panics"))
            .collect();
        assert_eq!(taken.len(), 10_000);
        let distinct: BTreeSet<u64> = taken.into_iter().collect();
        assert_eq!(distinct, (1..=10_000).collect());
    }

    #[test]
    fn each_counter_has_numbers_of_its_own() {
        let memory = Memory::new([2, 0, 2].into_iter());
        let granted = |counter, count| memory.take(CounterId(counter), count).granted;
        assert_eq!([granted(0, 1), granted(2, 5), granted(1, 1), granted(0, 5)], [1, 2, 0, 1]);
    }

    #[test]
    fn a_read_takes_nothing() {
        let memory = Memory::new([9, 5].into_iter());
        let count = Count { taken: 0, limit: 5 };
        assert_eq!(memory.take(CounterId(1), 0), counter::take(count, 0));
        assert_eq!(memory.take(CounterId(1), 1).first, 1);
    }
}
