//! What a connection knows of one counter.
//!
//! ```text
//!                  confirmed, nothing in flight
//!   Unconfirmed -> Queued -> Confirming ---------------------------> Ready
//!      ^  ^                     |   `--> Resending --all answered-----^
//!      |  `------refused--------+-----------'                         |
//!      +----------------- connection lost, unconfirmed ---------------+
//! ```
//!
//! A counter of a Cluster that another connection serves, or is about to, is `Elsewhere`.

use std::time::Instant;

use super::in_flight::InFlight;
use super::log_throttle::LogThrottle;
use crate::store::error::StoreError;

/// How far a counter has come on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is to be confirmed, and not before this.
    Unconfirmed {
        /// The end of the pause after a refusal.
        retry_at: Instant,
    },
    /// It waits for its turn to be confirmed.
    Queued {
        /// Somebody waits for it, and so it is to be one of the next.
        is_wanted: bool,
    },
    /// It waits for its confirmation.
    Confirming,
    /// What was in flight when a connection was lost is sent again, one request after the other.
    Resending,
    /// Requests may be sent.
    Ready,
    /// Another connection serves it.
    Elsewhere,
}

/// A connection's side of one counter.
#[derive(Debug)]
pub struct CounterLink {
    /// How far it has come.
    pub stage: Stage,
    /// The requests without a reply, over all connections.
    pub in_flight: InFlight,
    /// Why the last request did not run, or the counter was not confirmed; `None` if it was.
    pub last_error: Option<StoreError>,
    /// Failures of requests, and of confirming.
    pub throttle: LogThrottle,
    /// Failures of probes. Apart, since a probe only reads, and so does not end a failure to write.
    pub probe_throttle: LogThrottle,
    /// It is refused, and is confirmed again by itself.
    pub is_retry_due: bool,
    /// When it may be confirmed again though it is ready, to see whether it is well.
    pub recheck_at: Instant,
    /// A probe has no answer yet.
    pub is_probing: bool,
    /// It is halted, and the store tells of the next change.
    pub is_tracked: bool,
    /// How often in a row it was sent on to another node, and served by none.
    pub hops: u32,
    /// Since when nobody serves it; `None` while somebody does, or before anybody did.
    pub unserved_since: Option<Instant>,
}

impl CounterLink {
    /// Nothing is known yet.
    pub fn new(now: Instant) -> CounterLink {
        CounterLink {
            stage: Stage::Unconfirmed { retry_at: now },
            in_flight: InFlight::default(),
            last_error: None,
            throttle: LogThrottle::default(),
            probe_throttle: LogThrottle::default(),
            is_retry_due: false,
            recheck_at: now,
            is_probing: false,
            is_tracked: false,
            hops: 0,
            unserved_since: None,
        }
    }

    /// That of a counter that another connection serves.
    pub fn elsewhere(now: Instant) -> CounterLink {
        CounterLink { stage: Stage::Elsewhere, ..CounterLink::new(now) }
    }

    /// Whether this connection is to serve it.
    pub fn is_here(&self) -> bool {
        self.stage != Stage::Elsewhere
    }

    /// It is served.
    pub fn note_served(&mut self) {
        (self.hops, self.unserved_since) = (0, None);
    }

    /// The connection is lost, and what was known of the counter with it.
    pub fn lost(&mut self, now: Instant) {
        self.stage = Stage::Unconfirmed { retry_at: now };
        self.last_error = None;
        self.unserved_since.get_or_insert(now);
        self.in_flight.connection_lost();
        (self.is_retry_due, self.is_probing, self.is_tracked) = (false, false, false);
    }
}
