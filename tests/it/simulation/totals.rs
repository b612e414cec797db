//! What happened in the simulation.

/// What happened, so that a simulation in which nothing does cannot pass.
#[derive(Debug, Default)]
pub struct Totals {
    pub numbers: u64,
    pub sent_away: u64,
    pub unavailable: u64,
    pub script_calls: u64,
    pub answered_again: u64,
    pub backwards: u64,
    pub resets: u64,
}

impl Totals {
    pub fn add(&mut self, other: Totals) {
        self.numbers += other.numbers;
        self.sent_away += other.sent_away;
        self.unavailable += other.unavailable;
        self.script_calls += other.script_calls;
        self.answered_again += other.answered_again;
        self.backwards += other.backwards;
        self.resets += other.resets;
    }

    /// Whether there was some of everything.
    pub fn is_plenty(&self) -> bool {
        let asked = self.numbers.min(self.sent_away).min(self.unavailable);
        let stored = self.script_calls.min(self.answered_again).min(self.backwards);
        asked.min(stored).min(self.resets) > 0
    }
}
