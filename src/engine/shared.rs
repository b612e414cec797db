//! What the reactors of a process share beside the store.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::metrics::Registry;

/// What the reactors of a process share beside the store.
#[derive(Debug)]
pub struct Shared {
    /// Set once: the process was told to stop. Each reactor counts the drain delay from when it
    /// sees this.
    pub draining: AtomicBool,
    /// Clients now, of all reactors, for `--max-clients`.
    pub clients: AtomicUsize,
    /// By the counters' ids: the halt that was logged.
    pub logged_halts: Vec<LoggedHalt>,
    /// What each reactor counts.
    pub metrics: Registry,
}

/// The halt of a counter that was logged last: a reset or a raised limit has one of its own.
#[derive(Debug)]
pub struct LoggedHalt {
    epoch: AtomicU64,
    limit: AtomicU64,
}

impl LoggedHalt {
    /// Whether this halt was not logged yet; from now on it was. Two reactors at the same moment
    /// may both be told so.
    pub fn is_new(&self, epoch: u64, limit: u64) -> bool {
        let is_known = self.epoch.load(Ordering::Relaxed) == epoch
            && self.limit.load(Ordering::Relaxed) == limit;
        if is_known {
            return false;
        }
        let is_new_epoch = self.epoch.swap(epoch, Ordering::Relaxed) != epoch;
        let is_new_limit = self.limit.swap(limit, Ordering::Relaxed) != limit;
        is_new_epoch || is_new_limit
    }
}

/// Whose lines they are, in the log.
pub const LOG_TARGET: &str = "headcount::engine";

/// No epoch and no limit is as high.
const NEVER: u64 = u64::MAX;

impl Shared {
    /// A process that serves so many counters.
    pub fn new(counters: usize) -> Shared {
        let never = |_| LoggedHalt { epoch: AtomicU64::new(NEVER), limit: AtomicU64::new(NEVER) };
        let logged_halts = (0..counters).map(never).collect();
        Shared {
            draining: AtomicBool::new(false),
            clients: AtomicUsize::new(0),
            logged_halts,
            metrics: Registry::default(),
        }
    }
}
