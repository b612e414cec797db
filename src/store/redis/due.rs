//! What the replies on a connection to Redis are for. They come in the order of the commands.

use crate::counter::CounterId;

/// A command that was sent, and so a reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Hello,
    /// HELLO to a sentinel.
    SentinelHello,
    /// The address of the primary, from a sentinel.
    Primary,
    /// A step of the handshake that has nothing to say but errors.
    Step,
    /// What it says of itself; a user who may not ask goes without.
    Info,
    /// CLIENT TRACKING; a user who may not goes without. The last step of the handshake.
    Tracking,
    /// CLIENT CACHING, before a probe; where it is refused, the probe is not tracked.
    Caching,
    /// The script that creates a counter, if it is to be.
    ConfirmScript(CounterId),
    /// A counter that is to be changed.
    Read,
    /// Its change.
    Change,
    /// A page of the names of all counters.
    Scan,
    /// What one of them holds.
    Row,
    /// The first read of a counter: it is confirmed.
    Confirm(CounterId),
    Probe(CounterId),
    Request(CounterId),
    /// A request with keys.
    KeyedRequest(CounterId),
    /// A request that only reads.
    Peek(CounterId),
    /// A write that changes nothing, to the key of this counter.
    Check(CounterId),
    /// The nodes of a Cluster.
    Shards,
    /// The same of a Redis before 7.
    Slots,
    /// A write for the replicas, beside this counter; and how many of them have it.
    Mark(CounterId),
    Wait,
    /// What it was for is served over another connection by now.
    Disowned,
}

impl Due {
    /// The counter whose key the command names, if it is not the first one's as a matter of course.
    pub fn counter(self) -> Option<CounterId> {
        match self {
            Due::ConfirmScript(counter)
            | Due::Confirm(counter)
            | Due::Probe(counter)
            | Due::Request(counter)
            | Due::KeyedRequest(counter)
            | Due::Peek(counter)
            | Due::Check(counter) => Some(counter),
            _ => None,
        }
    }

    /// The counter to which the reply matters, if it matters to one.
    pub fn owner(self) -> Option<CounterId> {
        match self {
            Due::Read | Due::Change | Due::Row | Due::Scan => Some(CounterId::FIRST),
            due => due.counter(),
        }
    }
}
