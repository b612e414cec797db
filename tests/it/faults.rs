//! What becomes of the service while its store suffers: 503 and never a guess, a line in the log
//! that says what to do, service again by itself, and no number twice.

mod absence;
mod backwards;
mod fail_fast;
mod many_counters;
mod postgres;
mod postgres_counters;
mod postgres_table;
mod readyz;
mod redis_script;
mod refusals;
mod wire;

use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::load::{Load, Tally};

/// More than any of these tests takes.
const LIMIT: u64 = 1_000_000;

/// The default of `--store-timeout`, which is the contract's bound for an answer, and what a busy
/// machine may add.
const ANSWER_MAX: Duration = Duration::from_millis(500 + 5_000);

/// A program with the default store timeout, ready.
fn start(store_url: &str) -> Daemon {
    let daemon = start_without_store(store_url);
    daemon.wait_until_ready();
    daemon
}

/// The same, though the store may be away.
fn start_without_store(store_url: &str) -> Daemon {
    let limit = LIMIT.to_string();
    Daemon::start(&["--store", store_url, "--limit", &limit, "--threads", "2"])
}

/// Runs a load, breaks the store, sees the service fail closed and the log warn for one of
/// these reasons, repairs the store, and sees numbers again.
fn suffer(daemon: &Daemon, reasons: &[&str], break_it: impl FnOnce(), repair_it: impl FnOnce()) {
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(50);
    break_it();
    load.wait_for_unavailable(20);
    daemon.wait_for_trouble(reasons);
    let numbers = load.tally().numbers.len();
    load.wait_for_unavailable(20);
    assert_eq!(load.tally().numbers.len(), numbers, "a number without a store");
    repair_it();
    load.wait_for_numbers(50);
    daemon.wait_until_ready();
    assert_sound(&load.stop());
}

fn assert_sound(tally: &Tally) {
    tally.assert_sound(LIMIT);
    assert_eq!(tally.halted, 0, "sent away far from the limit");
    assert!(tally.slowest < ANSWER_MAX, "an answer took {:?}", tally.slowest);
}
