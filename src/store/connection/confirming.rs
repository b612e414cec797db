//! Confirming counters on a new connection, and sending again what was in flight on the last one.

use std::time::Instant;

use super::Connection;
use super::counter_link::Stage;
use super::log_throttle::headline;
use crate::counter::CounterId;
use crate::limits::REFUSED_PAUSE;
use crate::store::error::Fault;
use crate::store::request::{Reply, StoreEvent};

impl Connection {
    pub(super) fn queue_confirm(&mut self, counter: CounterId) {
        let link = &mut self.links[counter.index()];
        if !matches!(link.stage, Stage::Queued { .. } | Stage::Confirming) {
            link.stage = Stage::Queued { is_wanted: false };
            self.confirms.push(counter);
        }
    }

    #[inline(never)]
    pub(super) fn confirm_next(&mut self, now: Instant) {
        let timeout = self.wire.handshake_timeout();
        while let Some(counter) = self.confirms.next() {
            let link = &mut self.links[counter.index()];
            if !matches!(link.stage, Stage::Queued { .. }) {
                continue; // It was wanted, and so was in the queue twice.
            }
            link.stage = Stage::Confirming;
            let last = link.in_flight.last_grant();
            self.confirms.started(timeout, now);
            self.wire.write_confirm(counter, last, self.transport.writer());
        }
    }

    /// Confirms a counter again by itself, once the pause after its refusal is over.
    pub(super) fn retry_later(&mut self, counter: CounterId, retry_at: Instant) {
        let link = &mut self.links[counter.index()];
        if !std::mem::replace(&mut link.is_retry_due, true) {
            self.confirms.push_retry(retry_at, counter);
        }
    }

    #[inline(never)]
    pub(super) fn confirmed(
        &mut self,
        counter: CounterId,
        result: Result<(), Fault>,
        now: Instant,
    ) {
        self.confirms.answered(self.wire.handshake_timeout(), now);
        match result {
            Ok(()) => self.resend_or_go_on(counter, now),
            Err(fault) if fault.error.is_of_connection() => {
                return self.lost(fault.error, &fault.detail, now);
            }
            Err(fault) => self.refuse(counter, &fault, now),
        }
        self.confirm_next(now);
    }

    /// The counter is confirmed: what was in flight on an earlier connection is sent again, unless
    /// it is too old, or its epoch has ended.
    pub(super) fn resend_or_go_on(&mut self, counter: CounterId, now: Instant) {
        self.give_up(counter, now); // Confirming may have taken long.
        let seen = self.counters.get(counter).high_water.position();
        let link = &mut self.links[counter.index()];
        link.throttle.clear();
        link.last_error = None;
        let given_up = link.in_flight.end_before(seen.epoch);
        self.metrics.in_doubt[counter.index()].add(given_up.numbers);
        for _ in 0..given_up.requests {
            self.events.push_back(StoreEvent::Replied(counter, Reply::NotRun));
        }
        self.resend_next(counter, now);
        let link = &mut self.links[counter.index()];
        if link.in_flight.is_empty() {
            link.note_served();
            self.backoff.reset(); // Else at the first answer: it may be lost for what was asked.
        }
    }

    /// One at a time: so whatever its answer is, those behind it did not overtake it.
    pub(super) fn resend_next(&mut self, counter: CounterId, now: Instant) {
        let seen = self.counters.get(counter).high_water.position();
        let link = &mut self.links[counter.index()];
        let Some(request) = link.in_flight.resend(seen) else {
            return link.stage = Stage::Ready;
        };
        link.stage = Stage::Resending;
        self.metrics.requests.add(1);
        self.deadlines.push_back((counter, request.sequence, now + self.timeout));
        self.wire.write_resent(counter, request, self.transport.writer());
    }

    /// The counter is not asked for again before a pause is over.
    #[inline(never)]
    pub(super) fn refuse(&mut self, counter: CounterId, fault: &Fault, now: Instant) {
        self.log_failure(counter, headline(fault.error), fault, now);
        let retry_at = now + REFUSED_PAUSE;
        let link = &mut self.links[counter.index()];
        link.stage = Stage::Unconfirmed { retry_at };
        link.last_error = Some(fault.error);
        if link.in_flight.oldest().is_some_and(|sent| sent.is_again) {
            self.retry_later(counter, retry_at); // It is sent again, whether somebody asks or not.
        }
    }

    /// Confirms the refused counters whose time has come.
    pub(super) fn retry_refused(&mut self, now: Instant) {
        while let Some(counter) = self.confirms.pop_retry(now) {
            let link = &mut self.links[counter.index()];
            link.is_retry_due = false;
            if let Stage::Unconfirmed { .. } = link.stage {
                self.queue_confirm(counter);
            }
        }
        self.confirm_next(now);
    }

    /// Somebody waits for a counter that waits for its turn.
    pub(super) fn want_confirm(&mut self, counter: CounterId) {
        self.links[counter.index()].stage = Stage::Queued { is_wanted: true };
        self.confirms.push_wanted(counter);
    }
}
