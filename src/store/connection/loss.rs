//! The end of a connection: what is kept for the next one, and what is given up.

use std::time::{Duration, Instant};

use super::log_throttle::headline;
use super::state::{Command, State};
use super::{Connection, Fault};
use crate::counter::CounterId;
use crate::store::error::StoreError;
use crate::store::request::{Reply, StoreEvent};

impl Connection {
    /// The connection is gone, or never came. `detail` says how, for the log.
    #[inline(never)]
    pub fn lost(&mut self, error: StoreError, detail: &str, now: Instant) {
        let has_served = matches!(self.state, State::Ready);
        self.metrics.ready.set(self.metrics.ready.get() - u64::from(has_served));
        self.metrics.errors[error.index()].add(1);
        let explained = self.transport.explain(error, detail);
        let fault = Fault { error, detail: self.wire.located(&explained) };
        let hint = self.wire.hint(error);
        self.throttle.log(headline(error), &fault, hint, None, now);
        self.last_fault = fault;
        for counter in self.counters.ids() {
            if self.links[counter.index()].is_here() {
                self.links[counter.index()].lost(now);
                self.give_up(counter, now);
            }
        }
        self.confirms.clear();
        self.deadlines.clear();
        self.heartbeat.reset();
        self.any_may_have_changed();
        if self.write_check.take().is_some() {
            self.events.push_back(StoreEvent::Written(Err(error)));
        }
        self.last_write = None;
        let pause = self.choose_next(error, has_served);
        self.wire.connection_ended();
        self.transport.end();
        self.commands.push_back(Command::Disconnect);
        self.lost_at.get_or_insert(now);
        self.down(now + pause, now);
    }

    /// Chooses which host is tried next, and in which way; gives how long that waits.
    fn choose_next(&mut self, error: StoreError, has_served: bool) -> Duration {
        let is_other_way_next = self.transport.choose_way(error, self.wire.is_login_refused());
        // The other way leads to the same host: the next one is to be tried both ways as well.
        let is_other_host_next = !is_other_way_next && self.wire.lost(error, has_served);
        self.has_more_to_try =
            is_other_way_next || (is_other_host_next && error.is_of_connection());
        // One that serves and is lost, again and again, must not be tried without a pause.
        match (is_other_way_next || is_other_host_next) && !has_served {
            true => Duration::ZERO,
            false => self.backoff.next(),
        }
    }

    /// Those that the store may have forgotten are not sent again.
    pub(super) fn give_up(&mut self, counter: CounterId, now: Instant) {
        let error = self.last_fault.error;
        let given_up = self.links[counter.index()].in_flight.give_up(now);
        self.metrics.in_doubt[counter.index()].add(given_up.numbers);
        for _ in 0..given_up.requests {
            self.events.push_back(StoreEvent::Replied(counter, Reply::Failed(error)));
        }
    }
}
