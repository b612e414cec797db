//! What the reactors of a process share beside the store.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// What the reactors of a process share beside the store.
#[derive(Debug)]
pub struct Shared {
    /// Set once: stop accepting, finish what is in flight.
    pub draining: AtomicBool,
    /// Clients now, of all reactors, for `--max-clients`.
    pub clients: AtomicUsize,
    /// By the counters' ids: the limit whose halt was logged, or [`NEVER_HALTED`]. A raised limit
    /// has a halt of its own.
    pub halted_limits: Vec<AtomicU64>,
}

/// Whose lines they are, in the log.
pub const LOG_TARGET: &str = "headcount::engine";

/// No limit is as high.
const NEVER_HALTED: u64 = u64::MAX;

impl Shared {
    /// A process that serves so many counters.
    pub fn new(counters: usize) -> Shared {
        let halted_limits = (0..counters).map(|_| AtomicU64::new(NEVER_HALTED)).collect();
        Shared { draining: AtomicBool::new(false), clients: AtomicUsize::new(0), halted_limits }
    }
}
