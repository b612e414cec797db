//! What one reactor's way to the store counts.

use super::histogram::{BATCH_SIZES, DURATIONS, Histogram};
use super::tally::{Tally, tallies};

/// The numbers of one reactor's store connections, over all their lives: of one, or in a Cluster
/// of one to each node.
#[derive(Debug)]
#[repr(align(64))]
pub struct StoreMetrics {
    /// How many are ready.
    pub ready: Tally,
    /// Connections that were made after one was lost.
    pub reconnects: Tally,
    /// Requests for numbers or reads that were sent, those sent again among them.
    pub requests: Tally,
    /// From the first sending of a request to its answer, in nanoseconds.
    pub request_duration: Histogram,
    /// Numbers asked for in one request; reads are left out.
    pub request_takes: Histogram,
    /// By the reasons' places: connections lost, and requests, reads and confirmations refused.
    pub errors: Box<[Tally]>,
    /// By the counters' places: numbers of requests that were given up, though they may have run.
    pub in_doubt: Box<[Tally]>,
}

impl StoreMetrics {
    /// Nothing happened yet between a reactor and a store of so many counters, which can fail for
    /// so many reasons. For a store in the process both are 0.
    pub fn new(counters: usize, reasons: usize) -> StoreMetrics {
        StoreMetrics {
            ready: Tally::default(),
            reconnects: Tally::default(),
            requests: Tally::default(),
            request_duration: Histogram::new(&DURATIONS),
            request_takes: Histogram::new(&BATCH_SIZES),
            errors: tallies(reasons),
            in_doubt: tallies(counters),
        }
    }

    /// Failures for the reason in this place.
    pub fn errors_of(&self, reason: usize) -> u64 {
        self.errors.get(reason).map_or(0, Tally::get)
    }

    /// Numbers of the counter in this place that are in doubt.
    pub fn in_doubt_of(&self, counter: usize) -> u64 {
        self.in_doubt.get(counter).map_or(0, Tally::get)
    }
}
