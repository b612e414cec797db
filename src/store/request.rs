//! What is sent to a store, and what comes back: plain values, of every store alike.

use crate::config::Endpoint;
use crate::counter::{CounterId, Grant};
use crate::store::error::{Fault, StoreError};
use crate::store::high_water::Position;
use crate::store::keys::{self, KeyedNumber, Keys};

/// A request for numbers of one counter. Sent again after a lost connection, it keeps its sequence
/// number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Counts the requests of a link for this counter, from 1.
    pub sequence: u64,
    /// Up to so many numbers, beside those of the keys.
    pub count: u64,
    /// Each of these gets its number, before the others: the one that it has, or the next one. At
    /// most [`crate::limits::KEYS_PER_BATCH_MAX`]; one that comes twice is replayed.
    pub keys: Keys,
    /// What this process has seen of the counter. The request runs in that epoch and in no other.
    pub seen: Position,
    /// The last request that was granted something, if there are unclaimed numbers: if the store no
    /// longer has that answer, it grants nothing and says so. 0: nothing is to be confirmed.
    pub confirm: u64,
}

impl Request {
    /// A read of the count, of which no reply is due to anybody.
    pub fn read(seen: Position) -> Request {
        Request { sequence: 0, count: 0, keys: Keys::NONE, seen, confirm: 0 }
    }

    /// Whether it changes nothing, whatever the counter holds. One with keys is no read: what it
    /// replays must be as safe as what it grants.
    pub fn is_read(&self) -> bool {
        self.count == 0 && self.keys.is_empty()
    }
}

/// The last request of a link for a counter that was granted something; all 0 if there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastGrant {
    /// The request's sequence number.
    pub sequence: u64,
    /// The epoch of the counter in which it was granted.
    pub epoch: u64,
}

/// What a store says to its reactor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// What became of the oldest request for this counter.
    Replied(CounterId, Reply),
    /// The store no longer has what it granted last of this counter. Numbers of before may have
    /// been granted to somebody else since.
    AnswersLost(CounterId),
    /// The counter is halted, and this may be cached: until [`StoreEvent::MayHaveChanged`] comes.
    Halted(CounterId, Grant),
    /// The same where the store does not tell of changes: it may be cached for a moment.
    HaltedUntracked(CounterId, Grant),
    /// The counter may have changed; `None`: every one of them.
    MayHaveChanged(Option<CounterId>),
    /// Whether the store takes writes, as far as a write has just shown.
    Written(Result<(), StoreError>),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It ran, and these numbers are the requester's. A request with keys has this reply only if
    /// the counter is in another epoch: then nothing was granted, and nothing is said of its keys.
    Granted(Grant),
    /// A request with keys ran: what each of them has got, in their order. The grant is of the
    /// others alone, and stands behind what was granted to keys.
    GrantedToKeys(Grant, Box<[KeyedNumber]>),
    /// It gave no number: it did not run, or its epoch has ended. It may be made anew.
    NotRun,
    /// It was refused, or nobody knows whether it ran: it must not be made again.
    Failed(StoreError),
}

impl Reply {
    /// What was granted, but for what was to keys.
    pub fn grant(&self) -> Option<Grant> {
        match self {
            Reply::Granted(grant) | Reply::GrantedToKeys(grant, _) => Some(*grant),
            Reply::NotRun | Reply::Failed(_) => None,
        }
    }

    /// How many numbers were granted, to keys and to others.
    pub fn granted(&self) -> u64 {
        match self {
            Reply::Granted(grant) => grant.granted,
            Reply::GrantedToKeys(grant, keyed) => grant.granted + keys::granted_to(keyed),
            Reply::NotRun | Reply::Failed(_) => 0,
        }
    }
}

/// Whether a request can be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// It can.
    Ready,
    /// Not now: there is no connection, or something else must be answered before.
    Waiting,
    /// It would be refused for this reason.
    Refused(StoreError),
}

/// What the bytes of a store meant.
#[derive(Debug, PartialEq, Eq)]
pub enum WireEvent {
    /// The handshake is done.
    HandshakeDone,
    /// This was a sentinel, and it has named the primary: connect there.
    PrimaryNamed,
    /// The store no longer has the answer to the last grant of this link. Comes before
    /// [`WireEvent::Confirmed`].
    AnswersLost(CounterId),
    /// The counter is there and may be taken from, or why not.
    Confirmed(CounterId, Result<(), Fault>),
    /// The answer to the oldest request for this counter.
    Replied(CounterId, Answer),
    /// The counter is not served here, but by another node of a Cluster. Its requests without an
    /// answer get none from this connection; they are sent again to the other node. The fault is
    /// what the server said.
    GoesElsewhere(CounterId, Redirect, Fault),
    /// All that this node has for a survey is read: it goes on to this one.
    SurveyGoesTo(Endpoint),
    /// These are nodes of the Cluster.
    NodesNamed(Vec<Endpoint>),
    /// The answer to the oldest probe, or why it was refused.
    Probed(Probed),
    /// The counter may have changed since the last probe; `None`: every one of them.
    Changed(Option<CounterId>),
    /// Whether the store took a write, which changed nothing.
    Written(Result<(), Fault>),
    /// A survey got further: the store has as long again for the next step.
    Surveyed,
}

/// Where a counter goes that a node of a Cluster does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// To this node.
    To(Endpoint),
    /// To this node, which is being given its slot, and serves it only behind ASKING.
    AskAt(Endpoint),
    /// To any other that may know.
    AnyOther,
    /// Nowhere: it is confirmed here anew, and then its requests are sent again.
    Nowhere,
}

/// The answer to a probe: a read that the store follows with a message of the next change, if it
/// can.
#[derive(Debug, PartialEq, Eq)]
pub struct Probed {
    /// The counter.
    pub counter: CounterId,
    /// What it holds, or why that is not known.
    pub result: Result<Grant, Fault>,
    /// Whether the store tells of the next change.
    pub is_tracked: bool,
}

/// The store's answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It ran.
    Granted(Grant),
    /// It ran, with keys: see [`Reply::GrantedToKeys`].
    GrantedToKeys(Grant, Box<[KeyedNumber]>),
    /// It surely did not run and may be made anew, after what delayed it, if that is anything that
    /// an operator should know of.
    NotRun(Option<Fault>),
    /// It surely did not run, and does not before the counter is confirmed anew.
    Unconfirmed(Fault),
    /// It was refused, and wrote nothing.
    Refused(Fault),
}
