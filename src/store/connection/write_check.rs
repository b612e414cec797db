//! Whether the store takes writes: the last one tells, or one that is tried and changes nothing.

use std::time::Instant;

use super::Connection;
use super::state::State;
use crate::limits::WRITE_CHECK_INTERVAL;
use crate::store::error::{Fault, StoreError};
use crate::store::request::StoreEvent;

impl Connection {
    /// Whether the store takes writes, as the last one has shown, if that was not long ago. Else a
    /// write is tried, and [`StoreEvent::Written`] tells.
    pub fn check_writes(&mut self, now: Instant) -> Option<Result<(), StoreError>> {
        if !self.confirms.is_first_round_done() {
            return None; // Its counters are confirmed first, or refused.
        }
        let is_fresh = |at| now.saturating_duration_since(at) < WRITE_CHECK_INTERVAL;
        if let Some((_, result)) = self.last_write.filter(|(at, _)| is_fresh(*at)) {
            return Some(result);
        }
        if matches!(self.state, State::Ready)
            && self.write_check.is_none()
            && let Some(counter) = self.first_here()
        {
            self.wire.write_check(counter, self.transport.writer());
            self.write_check = Some((counter, now + self.timeout));
        }
        None
    }

    /// The same as far as is known without asking.
    pub fn known_writes(&self) -> Result<(), StoreError> {
        match (self.state, self.last_write) {
            (State::Ready, Some((_, result))) => result,
            (State::Ready, None) if self.confirms.is_first_round_done() => Ok(()),
            _ => Err(self.last_fault.error),
        }
    }

    pub(super) fn write_checked(&mut self, result: Result<(), Fault>, now: Instant) {
        self.write_check = None;
        let result = result.map_err(|fault| fault.error);
        if let Err(error) = result {
            self.metrics.errors[error.index()].add(1);
        }
        self.last_write = Some((now, result));
        self.events.push_back(StoreEvent::Written(result));
        if result == Err(StoreError::ReadOnly) {
            self.lost(StoreError::ReadOnly, "connecting anew", now);
        }
    }

    /// A request has written, or was refused: only that tells whether the store takes writes.
    pub(super) fn note_write(&mut self, result: Result<(), StoreError>, now: Instant) {
        if result.is_ok() || matches!(result, Err(error) if error.is_of_writes()) {
            self.last_write = Some((now, result));
        }
    }
}
