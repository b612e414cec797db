//! What was sent to PostgreSQL, and so what is due from it.

use crate::counter::CounterId;
use crate::store::high_water::Position;
use crate::store::request::LastGrant;

/// What was sent up to a Sync, and so a ReadyForQuery that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Startup,
    Settings,
    /// The statements of takes and reads.
    Prepare,
    Create,
    /// A table of headcount 0.1 gets today's layout.
    Migrate,
    /// Answers that are a day old are dropped.
    Clean,
    /// The row of a counter.
    Insert(CounterId),
    /// The row of the link for a counter, where its answers are remembered.
    Enter(CounterId, LastGrant),
    /// What a counter holds that is to be changed.
    Read,
    /// Its change.
    Change,
    /// What the change has left.
    ReadChanged,
    /// A page of what all counters hold.
    List,
    /// A read of a counter, the last step of confirming it, by one who had seen so much.
    Confirm(CounterId, Position),
    /// The same behind its creation.
    ConfirmCreated(CounterId, Position),
    /// So many requests.
    Requests(usize),
    /// The answer that a request may have been given on another connection.
    Answer(CounterId),
    /// Some keys of ended sales are removed.
    CleanKeys,
    /// What was seen of a counter that is missing.
    Lost,
    /// A write that changes nothing.
    Check,
}

impl Due {
    /// Whether it is a simple query, in whose text the settings of its transaction are.
    pub fn is_simple_query(self) -> bool {
        matches!(self, Due::Create | Due::Migrate)
    }
}
