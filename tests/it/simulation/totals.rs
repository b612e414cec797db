//! What happened in the simulation.

/// What happened, so that a simulation in which nothing does cannot pass.
#[derive(Debug, Default)]
pub struct Totals {
    pub numbers: u64,
    pub sent_away: u64,
    pub unavailable: u64,
    pub script_calls: u64,
    pub answered_again: u64,
}

impl Totals {
    pub fn add(&mut self, other: Totals) {
        self.numbers += other.numbers;
        self.sent_away += other.sent_away;
        self.unavailable += other.unavailable;
        self.script_calls += other.script_calls;
        self.answered_again += other.answered_again;
    }

    /// Of everything there must have been plenty.
    pub fn check_that_something_happened(&self) {
        let calls = self.script_calls.min(self.answered_again);
        let least = self.numbers.min(self.sent_away).min(self.unavailable).min(calls);
        assert!(least > 0, "{self:?}");
    }
}
