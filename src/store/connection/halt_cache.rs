//! The cached halt of a counter: that its last number is taken, until the store says otherwise.
//!
//! Nearly all requests of a sale come after its last number, and none of them should cost the
//! store anything. A reply that says halted is followed by one probe that the store tracks: from
//! then on it tells of every change of the counter, and the halt is believed until it does. The
//! probes go on as a heartbeat, so that a connection that has died unnoticed is not believed for
//! long. A store that does not track is believed for a moment.
//!
//! ```text
//!   asking ---halted---> probing ---halted---> believing (a probe at each heartbeat)
//!     ^                     |                      |
//!     +-----not halted------+---changed, lost------+
//!
//!   asking ---halted, not tracked---> believing for HALT_CACHE_TTL ---> asking
//! ```

use std::time::{Duration, Instant};

use crate::counter::Grant;
use crate::limits::HALT_CACHE_TTL;

/// A connection's belief in a halt, and the times of its probes. It knows not the clock.
#[derive(Debug)]
pub struct HaltCache {
    /// How long the store may be silent before it is probed.
    heartbeat: Option<Duration>,
    /// What the store said of a counter that is halted.
    halt: Option<Halt>,
    /// When the next probe is due though nobody asks.
    next_probe: Option<Instant>,
    /// When the probe that is under way is given up.
    probe_deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Halt {
    /// It grants nothing.
    grant: Grant,
    /// When it is believed no more; `None`: the store says when.
    until: Option<Instant>,
}

impl HaltCache {
    /// Probes a store that was silent for `heartbeat`, if there is one.
    pub fn new(heartbeat: Option<Duration>) -> HaltCache {
        HaltCache { heartbeat, halt: None, next_probe: None, probe_deadline: None }
    }

    /// The answer to any request, if the store would give no other.
    pub fn halt(&self, now: Instant) -> Option<Grant> {
        let is_fresh = |halt: &Halt| halt.until.is_none_or(|until| now < until);
        self.halt.filter(is_fresh).map(|halt| halt.grant)
    }

    /// Whether a halt is known, though perhaps not a fresh one any more: then one ask is enough.
    pub fn is_cached(&self) -> bool {
        self.halt.is_some()
    }

    /// An ask was answered. Returns whether the store is to be probed now: it may tell of the
    /// next change.
    pub fn replied(&mut self, grant: Grant, may_track: bool, now: Instant) -> bool {
        let is_same_epoch = |known: Grant| known.epoch == grant.epoch;
        if grant.count().halted() && self.halt(now).is_some_and(is_same_epoch) {
            return false;
        }
        self.clear();
        if grant.count().halted() && !may_track {
            self.store(grant, false, now);
        }
        grant.count().halted() && may_track && !self.is_probing()
    }

    /// A probe is sent, and given up at `deadline`.
    pub fn probe(&mut self, deadline: Instant) {
        self.probe_deadline = Some(deadline);
    }

    /// The probe under way was answered, or refused.
    pub fn probed(&mut self, grant: Option<&Grant>, is_tracked: bool, now: Instant) {
        self.probe_deadline = None;
        match grant {
            Some(grant) if grant.count().halted() => self.store(*grant, is_tracked, now),
            _ => self.clear(),
        }
    }

    /// The counter has changed, or may have.
    pub fn clear(&mut self) {
        self.halt = None;
    }

    /// The store was heard: its silence begins anew.
    pub fn store_spoke(&mut self, now: Instant) {
        self.next_probe = self.heartbeat.map(|silence| now + silence);
    }

    /// Whether the silence calls for a probe now.
    pub fn is_probe_due(&self, now: Instant) -> bool {
        !self.is_probing() && self.next_probe.is_some_and(|at| at <= now)
    }

    /// When a probe is due, or is given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.probe_deadline.or(self.next_probe)
    }

    /// The connection is gone, and what was known of the counter with it.
    pub fn reset(&mut self) {
        *self = HaltCache::new(self.heartbeat);
    }

    fn store(&mut self, grant: Grant, is_tracked: bool, now: Instant) {
        let first = grant.first + grant.granted;
        let until = (!is_tracked).then(|| now + HALT_CACHE_TTL);
        self.halt = Some(Halt { grant: Grant { first, granted: 0, ..grant }, until });
    }

    fn is_probing(&self) -> bool {
        self.probe_deadline.is_some()
    }
}
