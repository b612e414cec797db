//! A reset or a set of a counter: what is asked for, and what is known of its being done.

use crate::counter::Count;

/// A reset or a set: it begins an epoch of the counter, which running processes follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// A random one, no other change's: so a change that is sent again is known to be done.
    pub token: String,
    /// The limit from now on; `None` keeps the one that is there.
    pub limit: Option<u64>,
    /// How many are to be taken; `None` for a reset, which takes none and begins a sale.
    pub taken: Option<u64>,
}

/// What is known of a change, over all connections of its link.
#[derive(Debug, Default)]
pub struct ChangeProgress {
    /// How often it was sent and not answered: it may have been done, or still be.
    unanswered: u32,
    result: Option<Count>,
}

impl ChangeProgress {
    /// It is sent, perhaps again.
    pub fn sent(&mut self) {
        self.unanswered += 1;
    }

    /// It was answered: this time it was not done.
    pub fn refused(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// It was answered: it is done, now or before, and left this.
    pub fn done(&mut self, result: Count) {
        self.result = Some(result);
    }

    /// What it left, once it is known to be done.
    pub fn result(&self) -> Option<Count> {
        self.result
    }

    /// Whether it may have been done, or may still be, for all that is known.
    pub fn is_in_doubt(&self) -> bool {
        self.result.is_none() && self.unanswered > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_in_doubt_while_one_of_its_sendings_has_no_answer() {
        let mut progress = ChangeProgress::default();
        assert!(!progress.is_in_doubt());
        progress.sent();
        assert!(progress.is_in_doubt());
        progress.refused();
        assert!(!progress.is_in_doubt());
        progress.sent();
        progress.sent();
        progress.refused();
        assert!(progress.is_in_doubt(), "the first may have been done");
        progress.done(Count { taken: 0, limit: 5 });
        assert!(!progress.is_in_doubt());
    }
}
