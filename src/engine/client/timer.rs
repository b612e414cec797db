//! How long a connection is waited for: one clock, started anew when it waits for something else.

use std::time::{Duration, Instant};

use super::turn::Turn;
use crate::limits::{
    DRAIN_IDLE_TIMEOUT, IDLE_TIMEOUT, LINGER_TIMEOUT, REQUEST_TIMEOUT, SEND_TIMEOUT, SWEEP_INTERVAL,
};

/// What a connection waits for, and so which timeout is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFor {
    /// The first byte of a request.
    Request,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// The store, which has deadlines of its own.
    Store,
    /// The client, to take the bytes of its answers.
    Reader,
    /// The client, to close after the last answer.
    Linger,
}

/// The clock of one connection.
#[derive(Debug)]
pub struct Timer {
    waiting_for: WaitingFor,
    since: Instant,
    /// Something was brought to its end since then: even the same wait begins anew.
    has_progressed: bool,
}

impl Timer {
    /// A connection that was just accepted.
    pub fn new(now: Instant) -> Timer {
        Timer { waiting_for: WaitingFor::Request, since: now, has_progressed: false }
    }

    /// A request came whole. Bytes alone are no progress, and neither are the requests of one who
    /// does not take its answers.
    pub fn request_came(&mut self) {
        self.has_progressed |= self.waiting_for != WaitingFor::Reader;
    }

    /// Some of the answers' bytes were taken.
    pub fn answers_went(&mut self) {
        self.has_progressed |= self.waiting_for == WaitingFor::Reader;
    }

    /// Waits for `waiting_for` from `now` on, unless it did so already.
    pub fn wait_for(&mut self, waiting_for: WaitingFor, now: Instant) {
        if waiting_for != self.waiting_for || self.has_progressed {
            (self.waiting_for, self.since, self.has_progressed) = (waiting_for, now, false);
        }
    }

    /// Whether no request has come for a while, as far as one looks.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.waiting_for == WaitingFor::Request
            && now.saturating_duration_since(self.since) >= SWEEP_INTERVAL
    }

    /// What was waited for in vain, if the time is up.
    pub fn overdue(&self, turn: &Turn) -> Option<WaitingFor> {
        let timeout = match self.waiting_for {
            WaitingFor::Request if turn.answer_by.is_some() => DRAIN_IDLE_TIMEOUT,
            WaitingFor::Request => IDLE_TIMEOUT,
            WaitingFor::Head | WaitingFor::Body if turn.is_late() => Duration::ZERO,
            WaitingFor::Head | WaitingFor::Body => REQUEST_TIMEOUT,
            WaitingFor::Store => Duration::MAX,
            WaitingFor::Reader => SEND_TIMEOUT,
            WaitingFor::Linger => LINGER_TIMEOUT,
        };
        (turn.now.saturating_duration_since(self.since) >= timeout).then_some(self.waiting_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::Settings;
    use crate::store::counters::Counters;

    fn at(now: Instant) -> Turn {
        let counters = Counters::new([("default", 9)].into_iter(), true);
        Turn::alone(Settings::default(), counters, now)
    }

    #[test]
    fn the_same_pause_goes_on_until_there_is_progress() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        timer.wait_for(WaitingFor::Head, start);
        let late = start + REQUEST_TIMEOUT;
        timer.wait_for(WaitingFor::Head, late);
        assert_eq!(timer.overdue(&at(late)), Some(WaitingFor::Head));
        timer.request_came();
        timer.wait_for(WaitingFor::Head, late);
        assert_eq!(timer.overdue(&at(late)), None);
    }

    #[test]
    fn requests_of_one_who_does_not_read_are_no_progress() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        timer.wait_for(WaitingFor::Reader, start);
        let late = start + SEND_TIMEOUT;
        timer.request_came();
        timer.wait_for(WaitingFor::Reader, late);
        assert_eq!(timer.overdue(&at(late)), Some(WaitingFor::Reader));
        timer.answers_went();
        timer.wait_for(WaitingFor::Reader, late);
        assert_eq!(timer.overdue(&at(late)), None);
    }

    #[test]
    fn the_store_is_never_overdue_here() {
        let start = Instant::now();
        let mut timer = Timer::new(start);
        timer.wait_for(WaitingFor::Store, start);
        assert_eq!(timer.overdue(&at(start + Duration::from_secs(1 << 30))), None);
    }
}
