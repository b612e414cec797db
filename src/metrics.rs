//! What a process counts for those who watch it: numbers of each reactor, summed when asked.
//!
//! A reactor alone writes its numbers, with a load and a store, and anybody may read them. So
//! counting costs a few instructions, and a sum may be a moment old but never goes back. A leaf: it
//! knows neither statuses nor stores nor clocks, only their places in a list.

pub mod exposition;
pub mod histogram;
pub mod process_stats;
pub mod store_metrics;
pub mod tally;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::LIVE_TURN_AGE_MAX;
use histogram::{DURATIONS, Histogram};
use store_metrics::StoreMetrics;
use tally::{Tally, tallies};

/// The codes of HTTP end before this.
const HTTP_CODES: usize = 600;

/// Why a take was refused before anything was asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedTake {
    /// The browser only prepares for a visit.
    Prefetch,
    /// Takes have another method here.
    Method,
    /// The request was made by a page of another site.
    Origin,
    /// It has no idempotency key, or none that may be one.
    Key,
}

impl RefusedTake {
    /// All of them, in the order of their places.
    pub const ALL: [RefusedTake; 4] =
        [RefusedTake::Prefetch, RefusedTake::Method, RefusedTake::Origin, RefusedTake::Key];

    /// The value of the label `reason`.
    pub fn word(self) -> &'static str {
        match self {
            RefusedTake::Prefetch => "prefetch",
            RefusedTake::Method => "method",
            RefusedTake::Origin => "origin",
            RefusedTake::Key => "key",
        }
    }
}

/// Takes by what became of them, each counted when it was answered.
#[derive(Debug, Default)]
pub struct Takes {
    /// A number was handed out.
    pub granted: Tally,
    /// The number of an earlier take with the same key was handed out again.
    pub replayed: Tally,
    /// The last number was gone.
    pub halted: Tally,
    /// The store gave no answer in time, or refused.
    pub failed: Tally,
}

/// What one reactor counts. It starts on a cache line that no other reactor writes to.
#[derive(Debug)]
#[repr(align(64))]
pub struct ReactorMetrics {
    /// By the counters' places: takes that were answered.
    pub takes: Box<[Takes]>,
    /// From the parsing of a take to the writing of its answer, in nanoseconds.
    pub take_duration: Histogram,
    /// Clients that were let in.
    pub connections_accepted: Tally,
    /// Clients past `--max-clients`.
    pub connections_rejected: Tally,
    /// By the counters' places: numbers that are granted, and handed out to nobody yet.
    pub unclaimed: Box<[Tally]>,
    /// What the reactor's way to the store counts.
    pub store: Arc<StoreMetrics>,
    refused: [Tally; RefusedTake::ALL.len()],
    /// By the code: 5 KB, of which an answer touches one word.
    responses: [Tally; HTTP_CODES],
    /// The beginning of the reactor's time.
    start: Instant,
    /// When it turned last, in milliseconds from `start`.
    turned_ms: Tally,
}

impl ReactorMetrics {
    /// Nothing happened yet to a reactor of so many counters, which begins now.
    pub fn new(counters: usize, store: Arc<StoreMetrics>, now: Instant) -> ReactorMetrics {
        ReactorMetrics {
            takes: (0..counters).map(|_| Takes::default()).collect(),
            take_duration: Histogram::new(&DURATIONS),
            connections_accepted: Tally::default(),
            connections_rejected: Tally::default(),
            unclaimed: tallies(counters),
            store,
            refused: Default::default(),
            responses: std::array::from_fn(|_| Tally::default()),
            start: now,
            turned_ms: Tally::default(),
        }
    }

    /// A take was refused, and the store was not asked.
    pub fn count_refused(&self, reason: RefusedTake) {
        self.refused[reason as usize].add(1);
    }

    /// Takes that were refused for this reason.
    pub fn refused(&self, reason: RefusedTake) -> u64 {
        self.refused[reason as usize].get()
    }

    /// An answer with this code was written to a client of the public listener.
    pub fn count_response(&self, code: u16) {
        if let Some(tally) = self.responses.get(usize::from(code)) {
            tally.add(1);
        }
    }

    /// Answers with this code.
    pub fn responses(&self, code: u16) -> u64 {
        self.responses.get(usize::from(code)).map_or(0, Tally::get)
    }

    /// The reactor's loop has come round.
    pub fn turned(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start);
        self.turned_ms.set(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    /// Whether the reactor's loop has not come round for [`LIVE_TURN_AGE_MAX`].
    pub fn is_stalled(&self, now: Instant) -> bool {
        let turned_at = Duration::from_millis(self.turned_ms.get());
        now.saturating_duration_since(self.start).saturating_sub(turned_at) > LIVE_TURN_AGE_MAX
    }
}

/// The reactors of a process. The lock is taken at their start and by who asks for sums, never on
/// the way of a take.
#[derive(Debug, Default)]
pub struct Registry {
    reactors: Mutex<Vec<Arc<ReactorMetrics>>>,
}

impl Registry {
    /// One more reactor counts.
    pub fn add(&self, reactor: Arc<ReactorMetrics>) {
        self.reactors.lock().unwrap_or_else(PoisonError::into_inner).push(reactor);
    }

    /// All that count.
    pub fn reactors(&self) -> Vec<Arc<ReactorMetrics>> {
        self.reactors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether any of them is stalled.
    pub fn is_any_stalled(&self, now: Instant) -> bool {
        self.reactors().iter().any(|reactor| reactor.is_stalled(now))
    }
}

/// What became of all takes of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakeTotals {
    /// See [`Takes::granted`].
    pub granted: u64,
    /// See [`Takes::replayed`].
    pub replayed: u64,
    /// See [`Takes::halted`].
    pub halted: u64,
    /// See [`Takes::failed`].
    pub failed: u64,
    /// Refused before the store was asked, for any reason.
    pub refused: u64,
}

impl TakeTotals {
    /// The sums over all counters of these reactors.
    pub fn of(reactors: &[Arc<ReactorMetrics>]) -> TakeTotals {
        let mut totals = TakeTotals::default();
        for reactor in reactors {
            reactor.takes.iter().for_each(|takes| totals.add(takes));
            totals.refused +=
                RefusedTake::ALL.map(|reason| reactor.refused(reason)).iter().sum::<u64>();
        }
        totals
    }

    /// The sums over these reactors for the counter at `index`; refusals are of no counter.
    pub fn of_counter(reactors: &[Arc<ReactorMetrics>], index: usize) -> TakeTotals {
        let mut totals = TakeTotals::default();
        reactors.iter().for_each(|reactor| totals.add(&reactor.takes[index]));
        totals
    }

    fn add(&mut self, takes: &Takes) {
        self.granted += takes.granted.get();
        self.replayed += takes.replayed.get();
        self.halted += takes.halted.get();
        self.failed += takes.failed.get();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(now: Instant) -> ReactorMetrics {
        ReactorMetrics::new(1, Arc::new(StoreMetrics::new(1, 1)), now)
    }

    #[test]
    fn each_reason_and_each_code_is_counted_apart() {
        let metrics = metrics(Instant::now());
        for (times, reason) in (1..).zip(RefusedTake::ALL) {
            (0..times).for_each(|_| metrics.count_refused(reason));
        }
        let counts = RefusedTake::ALL.map(|reason| metrics.refused(reason));
        assert_eq!(counts, [1, 2, 3, 4]);
        metrics.count_response(200);
        metrics.count_response(599);
        metrics.count_response(600); // No such code: it is not counted, and harms nothing.
        let counts = [200, 201, 599, 600].map(|code| metrics.responses(code));
        assert_eq!(counts, [1, 0, 1, 0]);
    }

    #[test]
    fn a_reactor_that_does_not_turn_is_stalled_after_its_time_and_well_after_its_next_turn() {
        let start = Instant::now();
        let metrics = metrics(start);
        let moment = Duration::from_millis(1);
        assert!(!metrics.is_stalled(start + LIVE_TURN_AGE_MAX));
        let late = start + LIVE_TURN_AGE_MAX + moment;
        assert!(metrics.is_stalled(late));
        metrics.turned(late);
        assert!(!metrics.is_stalled(late + LIVE_TURN_AGE_MAX));
        assert!(metrics.is_stalled(late + LIVE_TURN_AGE_MAX + moment));
        assert!(!metrics.is_stalled(start), "who asks may be a little behind");
    }

    #[test]
    fn totals_are_over_all_reactors_and_all_reasons() {
        let registry = Registry::default();
        for count in [2, 40] {
            let reactor = Arc::new(metrics(Instant::now()));
            reactor.takes[0].granted.add(count);
            RefusedTake::ALL.into_iter().for_each(|reason| reactor.count_refused(reason));
            registry.add(reactor);
        }
        let expected = TakeTotals { granted: 42, ..TakeTotals::default() };
        assert_eq!(TakeTotals::of_counter(&registry.reactors(), 0), expected);
        let expected = TakeTotals { refused: 8, ..expected };
        assert_eq!(TakeTotals::of(&registry.reactors()), expected);
    }
}
