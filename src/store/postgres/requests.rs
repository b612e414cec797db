//! The requests of a connection that wait for their answers, and what it knows of each counter.

use std::collections::VecDeque;

use postgres_protocol::message::backend::DataRowBody;

use super::error::not_postgres;
use super::statement::Locks;
use crate::counter::CounterId;
use crate::store::error::Fault;
use crate::store::keys::KeyedNumber;
use crate::store::request::{Answer, Request};

/// The requests of a connection that have no answer yet.
#[derive(Default)]
pub struct Requests {
    /// Those of this wake, until all are there.
    pub kept: Vec<(CounterId, Request)>,
    /// Those on their way, oldest first.
    sent: VecDeque<Sent>,
    /// How many of those were not sent before on another connection.
    new_in_flight: usize,
    /// How many of the oldest transaction's have run.
    pub executed: usize,
    /// One for each [`Due::Answer`].
    pub answers_now: VecDeque<AnswerNow>,
}

/// A request on its way.
pub struct Sent {
    /// The counter.
    pub counter: CounterId,
    /// What was sent.
    pub request: Request,
    /// It was sent before on another connection, and may have run.
    pub is_again: bool,
    /// The link's row is entered before it.
    pub is_entering: bool,
    /// Statements of it that are not executed yet.
    pub statements_left: u32,
    /// What it has given, before the commit.
    pub row: Option<DataRowBody>,
}

/// A request that was sent before, and may have been granted something then.
pub struct AnswerNow {
    /// What was sent.
    pub request: Request,
    /// What it is answered if it was not.
    pub answer: Answer,
    /// What its keys have now.
    pub keyed: Box<[KeyedNumber]>,
}

/// What a connection knows of one counter.
#[derive(Clone, Copy, Default)]
pub struct CounterSession {
    /// The link has its row for this counter. Of this connection only.
    pub has_entered: bool,
    /// Keys were served in this epoch, and those of ended sales removed behind them. Of this
    /// connection only.
    pub cleaned_epoch: u64,
    /// It is tried in a transaction of its own: see `transaction.rs`. Over all connections.
    pub is_alone: bool,
}

impl CounterSession {
    /// What was known of the connection only is known no more.
    pub fn connection_lost(&mut self) {
        (self.has_entered, self.cleaned_epoch) = (false, 0);
    }

    /// What its statements do where somebody else holds a row.
    pub fn locks(self) -> Locks {
        if self.is_alone { Locks::Fail } else { Locks::Wait }
    }
}

impl Requests {
    /// Whether requests may be sent: there is no transaction of an earlier wake.
    pub fn can_send(&self) -> bool {
        self.new_in_flight == 0
    }

    /// The connection is lost: the requests are made again on the next one.
    pub fn clear(&mut self) {
        *self = Requests::default();
    }

    /// A row came for the oldest transaction, which has so many requests.
    pub fn row(&mut self, requests: usize, row: DataRowBody) -> Result<(), Fault> {
        let sent = self.sent.get_mut(self.executed).filter(|_| self.executed < requests);
        match sent.map(|sent| sent.row.replace(row)) {
            Some(None) => Ok(()),
            _ => Err(not_postgres("a row too many")),
        }
    }

    /// A statement of the oldest transaction, which has so many requests, has run.
    pub fn executed(&mut self, requests: usize) -> Result<(), Fault> {
        let sent = self.sent.get_mut(self.executed).filter(|_| self.executed < requests);
        let sent = sent.ok_or_else(|| not_postgres("a statement too many"))?;
        sent.statements_left -= 1;
        self.executed += usize::from(sent.statements_left == 0);
        Ok(())
    }

    /// One more is on its way.
    pub fn push(&mut self, sent: Sent) {
        self.new_in_flight += usize::from(!sent.is_again);
        self.sent.push_back(sent);
    }

    /// The one in this place, from the oldest.
    pub fn get(&self, place: usize) -> Option<&Sent> {
        self.sent.get(place)
    }

    /// The oldest has its answer.
    pub fn pop(&mut self) -> Option<Sent> {
        let sent = self.sent.pop_front()?;
        self.new_in_flight -= usize::from(!sent.is_again);
        Some(sent)
    }
}
