//! A change of a counter by an operator: what is asked for, and what is known of its being done.

use std::fmt;

use crate::counter::Count;
use crate::store::counters::Made;

/// A change of one counter. A reset and a set of the count begin an epoch of it, which running
/// processes follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// A random one, no other change's: so a change that is sent again is known to be done.
    pub token: String,
    /// What is asked for.
    pub kind: ChangeKind,
    /// The epoch that the operator was shown, 0 for no counter: in another one it is not done.
    pub epoch_shown: Option<u64>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Create the counter, or find it there. Never ends the refusal of one that was lost.
    Create {
        /// Its limit.
        limit: u64,
    },
    /// Change the limit, or close the counter at what is taken if that is more. Begins no epoch.
    SetLimit {
        /// The limit from now on.
        limit: u64,
    },
    /// Change how many are taken. Begins an epoch.
    SetTaken {
        /// How many are to be taken.
        taken: u64,
        /// The limit from now on; `None` keeps the one that is there.
        limit: Option<u64>,
    },
    /// Take none, and begin a sale. Begins an epoch.
    Reset {
        /// The limit from now on; `None` keeps the one that is there.
        limit: Option<u64>,
    },
}

/// Why a counter cannot be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// More were to be taken than the limit, which is this one.
    PastLimit(u64),
    /// So many are taken already, or were seen to be, and would be handed out again.
    BelowTaken(u64),
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAllowed::PastLimit(limit) => write!(
                formatter,
                "the limit is {limit}: expected taken to be at most that, or a limit beside it"
            ),
            NotAllowed::BelowTaken(taken) => {
                write!(formatter, "{taken} are taken already, and would be handed out again")
            }
        }
    }
}

impl ChangeKind {
    /// What such a change leaves of a counter that is there and holds `before`, and how the epoch
    /// began that it begins, if it begins one. So many, `taken_seen`, were seen to be taken.
    ///
    /// # Errors
    /// Why it is not to be done.
    pub fn leaves(
        self,
        before: Count,
        taken_seen: u64,
    ) -> Result<(Count, Option<Made>), NotAllowed> {
        let (after, made) = match self {
            ChangeKind::Create { .. } => (before, None),
            ChangeKind::SetLimit { limit } => {
                (Count { limit: limit.max(before.taken), ..before }, None)
            }
            ChangeKind::SetTaken { taken, limit } => {
                (Count { taken, limit: limit.unwrap_or(before.limit) }, Some(Made::Set))
            }
            ChangeKind::Reset { limit } => {
                (Count { taken: 0, limit: limit.unwrap_or(before.limit) }, Some(Made::Reset))
            }
        };
        let taken_seen = before.taken.max(taken_seen);
        if made == Some(Made::Set) && after.taken < taken_seen {
            return Err(NotAllowed::BelowTaken(taken_seen));
        }
        if after.taken > after.limit {
            return Err(NotAllowed::PastLimit(after.limit));
        }
        Ok((after, made))
    }
}

impl Change {
    /// A change in whatever epoch the counter is.
    pub fn new(token: String, kind: ChangeKind) -> Change {
        Change { token, kind, epoch_shown: None }
    }

    /// A set of the count if `taken` says to how many, else a reset.
    pub fn reset_or_set(token: String, limit: Option<u64>, taken: Option<u64>) -> Change {
        let kind = match taken {
            Some(taken) => ChangeKind::SetTaken { taken, limit },
            None => ChangeKind::Reset { limit },
        };
        Change::new(token, kind)
    }

    /// The limit from now on, if one is given.
    pub fn limit(&self) -> Option<u64> {
        match self.kind {
            ChangeKind::Create { limit } | ChangeKind::SetLimit { limit } => Some(limit),
            ChangeKind::SetTaken { limit, .. } | ChangeKind::Reset { limit } => limit,
        }
    }

    /// How many are to be taken, if that is given.
    pub fn taken(&self) -> Option<u64> {
        match self.kind {
            ChangeKind::SetTaken { taken, .. } => Some(taken),
            _ => None,
        }
    }

    /// Whether it makes a counter where there is none.
    pub fn may_create(&self) -> bool {
        !matches!(self.kind, ChangeKind::SetLimit { .. })
    }

    /// Whether it may be done to a counter that was read in this epoch, 0 for none.
    pub fn fits_epoch(&self, epoch: u64) -> bool {
        self.epoch_shown.is_none_or(|shown| shown == epoch)
    }
}

/// What a change has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What was read before it; `None` if there was no count that can be read.
    pub before: Option<Count>,
    /// What it left. Of a create that found the counter, the same as before.
    pub after: Count,
}

/// What is known of a change, over all connections of its link.
#[derive(Debug, Default)]
pub struct ChangeProgress {
    /// How often it was sent and not answered: it may have been done, or still be.
    unanswered: u32,
    before: Option<Count>,
    result: Option<Changed>,
}

impl ChangeProgress {
    /// The counter was read before the change.
    pub fn read(&mut self, before: Option<Count>) {
        self.before = before;
    }

    /// It is sent, perhaps again.
    pub fn sent(&mut self) {
        self.unanswered += 1;
    }

    /// It was answered: this time it was not done.
    pub fn refused(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// It was answered: it is done, now or before, and left this.
    pub fn done(&mut self, after: Count) {
        self.result = Some(Changed { before: self.before, after });
    }

    /// It was answered: it has created the counter, now or before.
    pub fn created(&mut self, after: Count) {
        self.result = Some(Changed { before: None, after });
    }

    /// It was answered: the counter that was to be created is there.
    pub fn found(&mut self, count: Count) {
        self.result = Some(Changed { before: Some(count), after: count });
    }

    /// What it did, once it is known to be done.
    pub fn result(&self) -> Option<Changed> {
        self.result
    }

    /// Whether it may have been done, or may still be, for all that is known.
    pub fn is_in_doubt(&self) -> bool {
        self.result.is_none() && self.unanswered > 0
    }
}

/// Why a change was not done to a counter that is not there.
pub fn no_counter(name: &str) -> String {
    format!("there is no counter {name}: headcount create {name} --limit N creates it")
}

/// Why a change was not done to a counter that was lost, by what was seen of it.
pub fn lost_counter(name: &str, taken_seen: u64) -> String {
    format!(
        "counter {name} was lost after {taken_seen} were taken: go on with headcount set {name} \
         --taken N, or begin at 1 with headcount reset {name}"
    )
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

    #[test]
    fn a_create_says_whether_the_counter_was_there() {
        let (mut progress, count) = (ChangeProgress::default(), Count { taken: 2, limit: 5 });
        progress.read(None);
        progress.found(count);
        assert_eq!(progress.result(), Some(Changed { before: Some(count), after: count }));
        progress.read(Some(count));
        progress.created(count);
        assert_eq!(progress.result(), Some(Changed { before: None, after: count }));
    }
}
