//! What is sent to a store, and what comes back: plain values, of every store alike.

use crate::counter::Grant;
use crate::store::error::{Fault, StoreError};
use crate::store::high_water::Position;

/// A question for numbers. Sent again after a lost connection, it has the same sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Counts the asks of a link, from 1.
    pub sequence: u64,
    /// Up to so many numbers; 0 to look only.
    pub count: u64,
    /// What the asker has seen of the counter. It runs in that epoch and in no other.
    pub seen: Position,
    /// The last ask that was granted something, if the asker has unclaimed numbers: where the store
    /// no longer has the answer to it, it answers no more than that. 0: nothing is to be confirmed.
    pub confirm: u64,
}

impl Request {
    /// A probe of the count, of which no reply is due to anybody.
    pub fn probe(seen: Position) -> Request {
        Request { sequence: 0, count: 0, seen, confirm: 0 }
    }
}

/// The last ask of a link that was granted something; all 0 if there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastGrant {
    /// The ask's sequence number.
    pub sequence: u64,
    /// The epoch of the counter in which it was granted.
    pub epoch: u64,
}

/// What the store's bytes meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The store has lost, or dropped, the answer to the last grant of this link. Comes before
    /// the handshake is done.
    AnswersLost,
    /// The handshake is done, and asks may follow.
    HandshakeDone,
    /// The answer to the oldest request.
    Replied(Answer),
    /// The answer to the oldest probe, or why it was refused.
    Probed(Result<Grant, Fault>),
    /// The counter was changed by somebody since the last probe.
    Changed,
}

/// The store's answer to one request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It ran.
    Granted(Grant),
    /// It surely did not run and may be asked again, after what hindered it, if anything did
    /// that an operator should know of.
    NotRun(Option<Fault>),
    /// It was refused, and wrote nothing.
    Refused(Fault),
}

/// What became of the oldest ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It ran, and these numbers are the asker's.
    Granted(Grant),
    /// It gave no number: it did not run, or its epoch has ended. Who asked may ask again.
    NotRun,
    /// It was refused, or nobody knows whether it ran: it must not be asked again.
    Failed(StoreError),
    /// No reply to an ask: the store no longer has what it granted last. Numbers of before may
    /// have been granted to somebody else since.
    AnswersLost,
}
