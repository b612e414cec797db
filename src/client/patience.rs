//! How long a connection is waited for: one clock, started anew when it waits for something else.

use std::time::{Duration, Instant};

use crate::limits::{IDLE_TIMEOUT, LINGER_TIMEOUT, REQUEST_TIMEOUT, SEND_TIMEOUT, SWEEP_INTERVAL};

/// What a connection waits for, and so which timeout is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
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
    Farewell,
}

/// The clock of one connection.
#[derive(Debug)]
pub struct Patience {
    pause: Pause,
    since: Instant,
    /// Something was brought to its end since then: even the same pause begins anew.
    has_progressed: bool,
}

impl Patience {
    /// A connection that was just accepted.
    pub fn new(now: Instant) -> Patience {
        Patience { pause: Pause::Request, since: now, has_progressed: false }
    }

    /// A request came whole. Bytes alone are no progress, and neither are the requests of one who
    /// does not take its answers.
    pub fn request_came(&mut self) {
        self.has_progressed |= self.pause != Pause::Reader;
    }

    /// Some of the answers' bytes were taken.
    pub fn answers_went(&mut self) {
        self.has_progressed |= self.pause == Pause::Reader;
    }

    /// Waits for `pause` from `now` on, unless it did so already.
    pub fn wait_for(&mut self, pause: Pause, now: Instant) {
        if pause != self.pause || self.has_progressed {
            (self.pause, self.since, self.has_progressed) = (pause, now, false);
        }
    }

    /// Whether no request has come for a while, as far as one looks.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.pause == Pause::Request && now.saturating_duration_since(self.since) >= SWEEP_INTERVAL
    }

    /// What was waited for in vain, if the time is up.
    pub fn overdue(&self, now: Instant) -> Option<Pause> {
        let timeout = match self.pause {
            Pause::Request => IDLE_TIMEOUT,
            Pause::Head | Pause::Body => REQUEST_TIMEOUT,
            Pause::Store => Duration::MAX,
            Pause::Reader => SEND_TIMEOUT,
            Pause::Farewell => LINGER_TIMEOUT,
        };
        (now.saturating_duration_since(self.since) >= timeout).then_some(self.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_pause_goes_on_until_there_is_progress() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        patience.wait_for(Pause::Head, start);
        let late = start + REQUEST_TIMEOUT;
        patience.wait_for(Pause::Head, late);
        assert_eq!(patience.overdue(late), Some(Pause::Head));
        patience.request_came();
        patience.wait_for(Pause::Head, late);
        assert_eq!(patience.overdue(late), None);
    }

    #[test]
    fn requests_of_one_who_does_not_read_are_no_progress() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        patience.wait_for(Pause::Reader, start);
        let late = start + SEND_TIMEOUT;
        patience.request_came();
        patience.wait_for(Pause::Reader, late);
        assert_eq!(patience.overdue(late), Some(Pause::Reader));
        patience.answers_went();
        patience.wait_for(Pause::Reader, late);
        assert_eq!(patience.overdue(late), None);
    }

    #[test]
    fn the_store_is_never_overdue_here() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        patience.wait_for(Pause::Store, start);
        assert_eq!(patience.overdue(start + Duration::from_secs(1 << 30)), None);
    }
}
