//! Probes: reads that the store follows with a message of the next change. They show that a silent
//! store is alive, and that a halt may be cached.

use std::time::Instant;

use super::Connection;
use super::counter_link::Stage;
use super::log_throttle::headline;
use crate::counter::{CounterId, Grant};
use crate::store::error::StoreError;
use crate::store::request::{Probed, StoreEvent};

impl Connection {
    /// Probes the next counter, since the store was silent.
    pub(super) fn beat(&mut self, now: Instant) {
        let mut places = self.heartbeat.places(self.links.len());
        match places.find(|place| self.links[*place].stage == Stage::Ready) {
            Some(place) => self.probe(CounterId(place as u32), now),
            // All are refused: whether the store is there shows all the same.
            None => {
                self.heartbeat.store_spoke(now);
                self.check_writes(now);
            }
        }
    }

    /// Reads the counter, and has the store tell of its next change if it can.
    pub(super) fn probe(&mut self, counter: CounterId, now: Instant) {
        self.wire.write_probe(counter, self.transport.writer());
        self.links[counter.index()].is_probing = true;
        self.heartbeat.sent(now);
    }

    /// A halt may be cached for a moment; or until it changes, once the store has been asked to
    /// tell of that.
    pub(super) fn note_halt(&mut self, counter: CounterId, grant: Grant, now: Instant) {
        let link = &mut self.links[counter.index()];
        if !grant.count().halted() {
            link.is_tracked = false;
        } else if !self.wire.may_track() {
            if self.wire.may_cache(counter, grant) {
                self.events.push_back(StoreEvent::HaltedUntracked(counter, grant));
            }
        } else if !link.is_tracked && !link.is_probing {
            self.probe(counter, now);
        }
    }

    #[inline(never)]
    pub(super) fn probed(&mut self, Probed { counter, result, is_tracked }: Probed, now: Instant) {
        self.heartbeat.answered(now);
        let link = &mut self.links[counter.index()];
        link.is_probing = false;
        link.is_tracked = false;
        let changed = StoreEvent::MayHaveChanged(Some(counter));
        match result {
            Ok(grant) if grant.granted > 0 => {
                self.lost(StoreError::Protocol, "a probe was granted something", now);
            }
            Ok(grant) => {
                let may_cache = grant.count().halted() && self.wire.may_cache(counter, grant);
                link.is_tracked = is_tracked && may_cache;
                // A read is checked like a take: the counter may be taken from again.
                link.last_error = link.last_error.filter(|error| !error.is_of_counter());
                link.probe_throttle.log_recovery(&self.counters.get(counter).name);
                self.events.push_back(match (may_cache, is_tracked) {
                    (true, true) => StoreEvent::Halted(counter, grant),
                    (true, false) => StoreEvent::HaltedUntracked(counter, grant),
                    (false, _) => changed,
                });
            }
            Err(fault) => {
                self.metrics.errors[fault.error.index()].add(1);
                let (name, hint) = (&self.counters.get(counter).name, self.wire.hint(fault.error));
                link.probe_throttle.log(headline(fault.error), &fault, hint, Some(name), now);
                self.events.push_back(changed);
            }
        }
    }

    pub(super) fn changed(&mut self, counter: Option<CounterId>) {
        match counter {
            Some(counter) => {
                self.links[counter.index()].is_tracked = false;
                self.events.push_back(StoreEvent::MayHaveChanged(Some(counter)));
            }
            None => {
                self.links.iter_mut().for_each(|link| link.is_tracked = false);
                self.any_may_have_changed();
            }
        }
    }
}
