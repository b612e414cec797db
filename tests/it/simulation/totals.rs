//! What happened in the simulation.

use std::collections::HashMap;

/// What happened, so that a simulation in which nothing does cannot pass.
#[derive(Debug, Default)]
pub struct Totals {
    pub numbers: u64,
    pub sent_away: u64,
    pub unavailable: u64,
    /// Resets and sets that were done.
    pub changes: u64,
    /// Takes by what came of them.
    pub calls: HashMap<String, u64>,
}

impl Totals {
    pub fn add(&mut self, other: Totals) {
        self.numbers += other.numbers;
        self.sent_away += other.sent_away;
        self.unavailable += other.unavailable;
        self.changes += other.changes;
        for (outcome, count) in other.calls {
            *self.calls.entry(outcome).or_default() += count;
        }
    }

    /// Whether there was some of everything.
    pub fn is_plenty(&self) -> bool {
        let outcomes = ["granted", "again", "MISSING", "BACKWARDS", "RECREATED"];
        let calls = outcomes.map(|outcome| self.calls.get(outcome).copied().unwrap_or_default());
        let least = self.numbers.min(self.sent_away).min(self.unavailable).min(self.changes);
        calls.into_iter().fold(least, u64::min) > 0
    }
}
