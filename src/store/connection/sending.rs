//! Whether a request for a counter can be sent now, and sending it.

use std::time::Instant;

use super::Connection;
use super::counter_link::Stage;
use super::state::State;
use crate::counter::CounterId;
use crate::limits::REFUSED_PAUSE;
use crate::store::keys::Keys;
use crate::store::request::SendState;

impl Connection {
    /// Whether a request for this counter would be sent now. One that is not confirmed yet is
    /// queued to be.
    pub fn send_state(&mut self, counter: CounterId, now: Instant) -> SendState {
        let State::Ready = self.state else {
            return SendState::Waiting;
        };
        let link = &self.links[counter.index()];
        match (link.stage, link.last_error) {
            (Stage::Ready, _) if self.wire.can_send() => return SendState::Ready,
            (Stage::Unconfirmed { retry_at }, Some(error)) if now < retry_at => {
                if error.is_of_counter() {
                    return SendState::Refused(error);
                }
                self.retry_later(counter, retry_at); // It may pass in time for who waits now.
            }
            (Stage::Unconfirmed { .. }, _) => {
                self.queue_confirm(counter);
                self.confirm_next(now);
            }
            // Before those that nobody waits for.
            (Stage::Queued { is_wanted: false }, _) => self.want_confirm(counter),
            _ => {}
        }
        SendState::Waiting
    }

    /// Confirms a counter again that was refused, to see whether it is well now: but not often.
    pub fn recheck(&mut self, counter: CounterId, now: Instant) {
        let link = &mut self.links[counter.index()];
        if link.stage == Stage::Ready && link.recheck_at <= now {
            link.recheck_at = now + REFUSED_PAUSE;
            self.queue_confirm(counter);
            self.confirm_next(now);
        } else {
            self.send_state(counter, now);
        }
    }

    /// Whether [`Connection::send_state`] would say that it can be sent.
    pub fn is_ready(&self, counter: CounterId) -> bool {
        self.is_confirmed(counter) && self.wire.can_send()
    }

    /// Whether it can be sent, now or when what is on its way is answered.
    pub fn is_confirmed(&self, counter: CounterId) -> bool {
        let is_confirmed = self.links[counter.index()].stage == Stage::Ready;
        matches!(self.state, State::Ready) && is_confirmed
    }

    /// Sends a request for the numbers of `keys` and up to `count` more; only if the counter is
    /// ready. `has_unclaimed`: there are numbers at hand, and the store is to confirm that it still
    /// has their grant.
    pub fn send(
        &mut self,
        counter: CounterId,
        count: u64,
        keys: Keys,
        has_unclaimed: bool,
        now: Instant,
    ) {
        debug_assert!(self.is_ready(counter));
        let takes = count + keys.len() as u64;
        let seen = self.counters.get(counter).high_water.position();
        let link = &mut self.links[counter.index()];
        let request = link.in_flight.push(count, keys, seen, has_unclaimed, now);
        self.deadlines.push_back((counter, request.sequence, now + self.timeout));
        self.wire.write_request(counter, request, self.transport.writer());
        self.metrics.requests.add(1);
        if takes > 0 {
            self.metrics.request_takes.observe(takes, 1);
        }
    }

    /// All requests of this wake are made: those that go together are sent together.
    pub fn finish_requests(&mut self) {
        if let State::Handshaking { .. } | State::Ready = self.state {
            self.wire.finish_requests(self.transport.writer());
        }
    }
}
