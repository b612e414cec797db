//! What a server said between two ReadyForQuery, and what it means for an ask.

use postgres_protocol::message::backend::DataRowBody;

use super::error::{self, ServerError};
use super::message;
use crate::store::counter::Counter;
use crate::store::high_water::Position;
use crate::store::protocol::Answer;
use crate::store::{Fault, StoreError};

/// What came since the last ReadyForQuery.
#[derive(Default)]
pub struct Outcome {
    /// The one row, if there was one.
    pub row: Option<DataRowBody>,
    /// The error that undid the transaction.
    pub error: Option<ServerError>,
}

impl Outcome {
    /// The answer to an ask for `count` numbers of a counter, by one who had `seen` so much; an
    /// error if the connection must be given up.
    pub fn answer(self, counter: &Counter, count: u64, seen: Position) -> Result<Answer, Fault> {
        if let Some(error) = self.error {
            return error.answer();
        }
        let Some(row) = self.row else {
            return Ok(Answer::Refused(error::missing(&counter.name)));
        };
        let (grant, is_known) = message::grant(&row)?;
        // What was granted the statement has checked, now or before the connection was lost.
        if grant.granted == 0
            && let Err(fault) = seen.check(grant)
        {
            return Ok(Answer::Refused(fault));
        }
        counter.observe(grant);
        if count == 0 || grant.granted > 0 || grant.count().halted() {
            return Ok(Answer::Granted(grant));
        }
        if !is_known {
            let words = "the row of this link is gone".to_owned();
            return Err(Fault { error: StoreError::Connecting, words });
        }
        // Numbers were left when it began, and none or no row once it had the lock: ask which.
        Ok(Answer::NotRun(None))
    }
}
