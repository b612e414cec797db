//! A number that one thread writes and any may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter or a gauge. Its one writer needs no read-modify-write, and so no lock of the bus; a
/// reader sees some value that it had.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// So many more.
    pub fn add(&self, count: u64) {
        self.set(self.get().wrapping_add(count));
    }

    /// From now on it is this.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it is.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// So many, all at 0.
pub fn tallies(count: usize) -> Box<[Tally]> {
    (0..count).map(|_| Tally::default()).collect()
}
