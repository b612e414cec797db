//! What a server said between two ReadyForQuery, and what it means for a request.

use postgres_protocol::message::backend::DataRowBody;

use super::error::{self, ServerError};
use super::row;
use crate::counter::CounterId;
use crate::store::counters::Counters;
use crate::store::error::{Fault, StoreError};
use crate::store::request::{Answer, Request};

/// What came since the last ReadyForQuery.
#[derive(Default)]
pub struct Outcome {
    /// The one row, if there was one.
    pub row: Option<DataRowBody>,
    /// The error that undid the transaction.
    pub error: Option<ServerError>,
    /// The last statement has inserted a row.
    pub has_inserted: bool,
    /// The statements that have run.
    pub executed: u32,
}

impl Outcome {
    /// All went well, and there was no row.
    pub fn is_empty(&self) -> bool {
        self.row.is_none() && self.error.is_none()
    }

    /// The answer to a request for a counter.
    ///
    /// # Errors
    /// The connection must be given up.
    pub fn answer(
        self,
        counters: &Counters,
        counter: CounterId,
        request: &Request,
    ) -> Result<Answer, Fault> {
        let (count, seen) = (request.count, request.seen);
        if let Some(error) = self.error {
            return error.answer();
        }
        let Some(row) = self.row else {
            return Ok(Answer::Refused(error::missing(seen)));
        };
        let checked = row::taken(&row).and_then(|taken| taken.check(seen).map(|()| taken));
        let taken = match checked {
            Ok(taken) => taken,
            // It is this counter's row: the others on the connection go on.
            Err(fault) => return Ok(Answer::Refused(fault)),
        };
        let grant = taken.grant;
        counters.observe(counter, grant, taken.made());
        let is_of_another_epoch = grant.epoch != seen.epoch;
        if count == 0 || grant.granted > 0 || grant.count().halted() || is_of_another_epoch {
            return Ok(Answer::Granted(grant));
        }
        if !taken.is_known {
            let detail = "the row of this link is gone".to_owned();
            let fault = Fault { error: StoreError::Connecting, detail };
            return Ok(Answer::Unconfirmed(fault));
        }
        // Numbers were left when it began, and none or no row once it had the lock: ask which.
        Ok(Answer::NotRun(None))
    }
}
