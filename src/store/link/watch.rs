//! What a link knows without asking: that the last number is taken, until the store says otherwise.
//!
//! Nearly all requests of a sale come after its last number, and none of them should cost the
//! store anything. A reply that says halted is followed by one look that the store tracks: from
//! then on it tells of every change of the counter, and the halt is believed until it does. The
//! looks go on as a heartbeat, so that a connection that has died unnoticed is not believed for
//! long. A store that does not track is believed for a moment.
//!
//! ```text
//!   asking ---halted---> looking ---halted---> believing (a look at each heartbeat)
//!     ^                     |                      |
//!     +-----not halted------+---changed, lost------+
//! ```

use std::time::{Duration, Instant};

use crate::counter::Grant;
use crate::limits::HALT_BELIEVED;

/// A link's belief in a halt, and the times of its looks. It knows not the clock.
#[derive(Debug)]
pub struct Watch {
    /// How long the store may be silent before it is looked at.
    heartbeat: Option<Duration>,
    /// What the store said of a counter that is halted.
    halt: Option<Halt>,
    /// When the next look is due though nobody asks.
    next_look: Option<Instant>,
    /// When the look that is under way is given up.
    look_deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Halt {
    /// It grants nothing.
    grant: Grant,
    /// When it is believed no more; `None`: the store says when.
    until: Option<Instant>,
}

impl Watch {
    /// Looks at a store that was silent for `heartbeat`, if there is one.
    pub fn new(heartbeat: Option<Duration>) -> Watch {
        Watch { heartbeat, halt: None, next_look: None, look_deadline: None }
    }

    /// The answer to any ask, if the store would give no other.
    pub fn halt(&self, now: Instant) -> Option<Grant> {
        let is_fresh = |halt: &Halt| halt.until.is_none_or(|until| now < until);
        self.halt.filter(is_fresh).map(|halt| halt.grant)
    }

    /// An ask was answered. Returns whether the store is to be looked at now.
    pub fn replied(&mut self, grant: Grant, is_tracking: bool, now: Instant) -> bool {
        let is_news = grant.count().halted() && self.halt(now).is_none();
        if is_news && !is_tracking {
            self.believe(grant, is_tracking, now);
        }
        is_news && is_tracking && !self.is_looking()
    }

    /// A look is sent, and given up at `deadline`.
    pub fn look(&mut self, deadline: Instant) {
        self.look_deadline = Some(deadline);
    }

    /// The look under way was answered, or refused.
    pub fn looked(&mut self, grant: Option<&Grant>, is_tracking: bool, now: Instant) {
        self.look_deadline = None;
        match grant {
            Some(grant) if grant.count().halted() => self.believe(*grant, is_tracking, now),
            _ => self.forget(),
        }
    }

    /// The counter has changed, or may have.
    pub fn forget(&mut self) {
        self.halt = None;
    }

    /// The store was heard: its silence begins anew.
    pub fn heard(&mut self, now: Instant) {
        self.next_look = self.heartbeat.map(|silence| now + silence);
    }

    /// Whether the silence calls for a look now.
    pub fn is_look_due(&self, now: Instant) -> bool {
        !self.is_looking() && self.next_look.is_some_and(|at| at <= now)
    }

    /// When a look is due, or is given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.look_deadline.or(self.next_look)
    }

    /// The connection is gone, and what was known of the counter with it.
    pub fn lost(&mut self) {
        *self = Watch::new(self.heartbeat);
    }

    fn believe(&mut self, grant: Grant, is_tracking: bool, now: Instant) {
        let first = grant.first + grant.granted;
        let until = (!is_tracking).then(|| now + HALT_BELIEVED);
        self.halt = Some(Halt { grant: Grant { first, granted: 0, ..grant }, until });
    }

    fn is_looking(&self) -> bool {
        self.look_deadline.is_some()
    }
}
