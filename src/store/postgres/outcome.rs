//! What a server said between two ReadyForQuery, and what it means for a request.

use postgres_protocol::message::backend::DataRowBody;

use super::error::{self, ServerError};
use super::keyed;
use super::row::{self, Taken};
use crate::counter::CounterId;
use crate::store::counters::Counters;
use crate::store::error::{Fault, StoreError};
use crate::store::keys::KeyedNumber;
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
    /// The statements that were found to fit the tables.
    pub parsed: u32,
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
        if let Some(error) = self.error {
            return error.answer();
        }
        let Some(row) = self.row else {
            return Ok(Answer::Refused(error::missing(request.seen)));
        };
        let taken = match request.keys.len() {
            0 => row::taken(&row),
            keys => row::taken_by_keys(&row, keys),
        };
        Ok(judge(taken, counters, counter, request))
    }

    /// The answer that a request was given when it ran before, if this has brought it. `keyed`:
    /// what its keys have now.
    ///
    /// # Errors
    /// The connection must be given up.
    pub fn first_answer(
        self,
        counters: &Counters,
        counter: CounterId,
        request: &Request,
        keyed: &[KeyedNumber],
    ) -> Result<Answer, Fault> {
        let row = match (self.error, self.row) {
            (Some(error), _) => return error.answer(),
            (None, Some(row)) => row,
            (None, None) => return Ok(Answer::NotRun(None)),
        };
        let (mut taken, granted_to_keys) = match row::answered(&row) {
            Ok(answered) => answered,
            Err(fault) => return Ok(Answer::Refused(fault)),
        };
        if !request.keys.is_empty() {
            let then =
                keyed::first_answer(keyed, taken.grant.first, granted_to_keys, taken.grant.epoch);
            match then.filter(|then| then.len() == request.keys.len()) {
                Some(then) => taken.keyed = then,
                // They were looked for before it ran, or not at all. It is sent again.
                None => return Ok(Answer::NotRun(None)),
            }
        }
        Ok(judge(Ok(taken), counters, counter, request))
    }
}

/// What a row means for its request.
fn judge(
    taken: Result<Taken, Fault>,
    counters: &Counters,
    counter: CounterId,
    request: &Request,
) -> Answer {
    match taken.and_then(|taken| taken.check(request.seen).map(|()| taken)) {
        Ok(taken) => {
            counters.observe(counter, taken.grant, taken.made());
            answer(taken, request)
        }
        // It is this counter's row: the others on the connection go on.
        Err(fault) => Answer::Refused(fault),
    }
}

fn answer(taken: Taken, request: &Request) -> Answer {
    let grant = taken.grant;
    if grant.epoch != request.seen.epoch {
        return Answer::Granted(grant);
    }
    if taken.keyed.len() != request.keys.len() {
        return Answer::Refused(row::senseless());
    }
    let has_all_it_wants = request.count == 0 && !taken.keyed.contains(&KeyedNumber::NoneLeft);
    if has_all_it_wants || taken.has_granted() || grant.count().halted() {
        return match request.keys.is_empty() {
            true => Answer::Granted(grant),
            false => Answer::GrantedToKeys(grant, taken.keyed),
        };
    }
    if !taken.is_known {
        let detail = "the row of this link is gone".to_owned();
        return Answer::Unconfirmed(Fault { error: StoreError::Connecting, detail });
    }
    // Numbers were left when it began, and none or no row once it had the lock: ask which.
    Answer::NotRun(None)
}
