//! AdminChanges on their way from the admin listener to the threads that carry them out, and back.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::api::admin::answer::ChangeResult;
use crate::engine::changes::AdminChange;

/// A change that came to its end.
pub type ChangeDone = (AdminChange, ChangeResult);

/// The changes of one admin listener that are not done, or whose clients were not told. The engine
/// bounds how many there are.
#[derive(Debug, Default)]
pub struct ChangeQueue {
    state: Mutex<State>,
    /// Notified when a change is queued, or there will be none any more.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queued: VecDeque<AdminChange>,
    done: VecDeque<ChangeDone>,
    is_closed: bool,
}

impl ChangeQueue {
    /// Hands a change over to be carried out.
    pub fn push(&self, change: AdminChange) {
        self.state().queued.push_back(change);
        self.changed.notify_one();
    }

    /// Waits for a change to carry out; `None` if there will be none any more.
    pub fn next(&self) -> Option<AdminChange> {
        let mut state = self.state();
        while state.queued.is_empty() && !state.is_closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.queued.pop_front()
    }

    /// A change came to its end.
    pub fn finish(&self, done: ChangeDone) {
        self.state().done.push_back(done);
    }

    /// The next one that came to its end.
    pub fn take_done(&self) -> Option<ChangeDone> {
        self.state().done.pop_front()
    }

    /// Nobody asks any more.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
