//! What happened in the simulation.

use std::collections::HashMap;

/// What comes of a take or a change. No schedule has so many links that there are others.
const OUTCOMES: [&str; 11] = [
    "granted",
    "again",
    "changed",
    "DECLINED",
    "MISSING",
    "BACKWARDS",
    "RECREATED",
    "OOM",
    "DAMAGED",
    "LAYOUT",
    "WRONGTYPE",
];

/// What happened, so that a simulation in which nothing does cannot pass.
#[derive(Debug, Default)]
pub struct Totals {
    pub numbers: u64,
    /// Those among them that a key got for the first time, and once more.
    pub keyed_numbers: u64,
    pub replays: u64,
    pub sent_away: u64,
    pub unavailable: u64,
    /// Requests answered in their own turn because the store was away for too long.
    pub failed_fast: u64,
    /// Resets and sets that were done.
    pub changes: u64,
    /// Takes and changes by what came of them.
    pub calls: HashMap<String, u64>,
}

impl Totals {
    pub fn add(&mut self, other: Totals) {
        self.numbers += other.numbers;
        self.keyed_numbers += other.keyed_numbers;
        self.replays += other.replays;
        self.sent_away += other.sent_away;
        self.unavailable += other.unavailable;
        self.failed_fast += other.failed_fast;
        self.changes += other.changes;
        for (outcome, count) in other.calls {
            *self.calls.entry(outcome).or_default() += count;
        }
    }

    /// Whether there was some of everything that may happen, and nothing else.
    pub fn is_plenty(&self) -> bool {
        let least = self.numbers.min(self.sent_away).min(self.changes);
        let least = least.min(self.keyed_numbers).min(self.replays);
        let least = least.min(self.unavailable).min(self.failed_fast);
        let have_all_happened = OUTCOMES.iter().all(|outcome| self.calls.contains_key(*outcome));
        least > 0 && have_all_happened && self.calls.len() == OUTCOMES.len()
    }
}
