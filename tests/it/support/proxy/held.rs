//! Requests that a proxy keeps back until a test lets them go, though whoever sent them is gone by
//! then: so a store that hangs carries them out late.

use std::sync::{Condvar, Mutex, MutexGuard};

use crate::support::wait::wait_until;

/// The requests that are held, in the order in which they came.
#[derive(Default)]
pub struct Held {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// A request with one of these in it is held.
    wanted: Vec<Vec<u8>>,
    /// How many were held so far, how many of them may go, and how many the store has answered.
    held: u64,
    let_go: u64,
    answered: u64,
}

impl Held {
    /// Holds requests that have this number in them from now on, in digits or as eight bytes.
    pub fn hold(&self, number: u64) {
        let digits = number.to_string().into_bytes();
        self.state().wanted = vec![digits, number.to_be_bytes().to_vec()];
    }

    /// Blocks while this request is held. Returns whether it was.
    pub fn pass(&self, request: &[u8]) -> bool {
        let mut state = self.state();
        let has = |wanted: &Vec<u8>| request.windows(wanted.len()).any(|part| part == wanted);
        if !state.wanted.iter().any(has) {
            return false;
        }
        state.held += 1;
        let place = state.held;
        let wait = self.changed.wait_while(state, |state| state.let_go < place);
        drop(wait.expect("no thread panics while it holds the state"));
        true
    }

    /// The store has answered one that was held.
    pub fn answered(&self) {
        self.state().answered += 1;
    }

    /// How many were held so far.
    pub fn count(&self) -> u64 {
        self.state().held
    }

    /// Lets the first so many go, and waits until the store has answered them.
    pub fn let_go(&self, count: u64) {
        self.end(count);
        wait_until("the store to answer what was held", || self.state().answered >= count);
    }

    /// Lets the first so many go.
    pub fn end(&self, count: u64) {
        let mut state = self.state();
        state.let_go = state.let_go.max(count);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the state")
    }
}
