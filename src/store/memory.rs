//! The count in the process itself: one atomic, shared by the reactors. It ends with the process.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::counter::{self, Count, Grant};
use crate::store::request::Reply;

/// One reactor's hand on the process's counter; clone it for the next reactor.
#[derive(Clone, Debug)]
pub struct Memory {
    taken: Arc<AtomicU64>,
    limit: u64,
    replies: VecDeque<Reply>,
}

impl Memory {
    /// A counter from which nothing is taken yet.
    pub fn new(limit: u64) -> Memory {
        Memory { taken: Arc::new(AtomicU64::new(0)), limit, replies: VecDeque::new() }
    }

    /// Grants at once; the grant waits for [`Memory::poll`].
    pub fn send(&mut self, count: u64) {
        let grant = self.take(count);
        self.replies.push_back(Reply::Granted(grant));
    }

    /// The reply to the oldest request.
    pub fn poll(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    /// Relaxed order will do: the atomic orders its own values, and nothing else hangs on it.
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

    fn take_all(mut memory: Memory) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            memory.send(3);
            let Some(Reply::Granted(grant)) = memory.poll() else {
                panic!("memory always grants");
            };
            if grant.granted == 0 {
                return numbers;
            }
            numbers.extend(grant.first..grant.first + grant.granted);
        }
    }

    #[test]
    fn threads_get_every_number_exactly_once() {
        let memory = Memory::new(10_000);
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
    fn a_look_takes_nothing() {
        let mut memory = Memory::new(5);
        memory.send(0);
        let count = Count { taken: 0, limit: 5 };
        assert_eq!(memory.poll(), Some(Reply::Granted(counter::take(count, 0))));
        assert_eq!(memory.poll(), None);
    }
}
