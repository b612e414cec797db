//! What the reactors of a process share beside the store.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// What the reactors of a process share beside the store.
#[derive(Debug, Default)]
pub struct Shared {
    /// Set once: stop accepting, finish what is in flight.
    pub draining: AtomicBool,
    /// Clients now, of all reactors, for `--max-clients`.
    pub clients: AtomicUsize,
    /// The limit whose halt was logged; 0 before the first. A raised limit has a halt of its own.
    pub halted_limit: AtomicU64,
}
