//! Counters read anew for those who want a report of them: `/counters` and `/counters/NAME`.
//!
//! Who asks waits until the store has said what it holds now, so that one who has just changed
//! something sees it. Each reading is a waiter of its counter, like a peek.

use crate::counter::CounterId;
use crate::store::error::StoreError;
use crate::token::Token;

/// A client who waits for a report.
#[derive(Debug)]
pub struct ReportWaiter {
    /// The client.
    pub token: Token,
    /// The counter that it wants a report of; `None`: of all.
    pub scope: Option<CounterId>,
    /// Counters that could not be read, and why.
    pub failed: Vec<(CounterId, StoreError)>,
    /// Counters that are yet to be read.
    unread: usize,
}

/// Those who wait for counters to be read.
#[derive(Debug, Default)]
pub struct Refresh {
    waiters: Vec<ReportWaiter>,
    done: Vec<ReportWaiter>,
}

impl Refresh {
    /// A client wants a report for which so many counters are to be read.
    pub fn push(&mut self, token: Token, scope: Option<CounterId>, unread: usize) {
        let waiter = ReportWaiter { token, scope, failed: Vec::new(), unread };
        let list = if unread == 0 { &mut self.done } else { &mut self.waiters };
        list.push(waiter);
    }

    /// A counter was read for a client, or could not be, for this reason.
    pub fn read_one(&mut self, token: Token, counter: CounterId, failure: Option<StoreError>) {
        let Some(place) = self.waiters.iter().position(|waiter| waiter.token == token) else {
            return; // The client has left.
        };
        let waiter = &mut self.waiters[place];
        waiter.failed.extend(failure.map(|error| (counter, error)));
        waiter.unread -= 1;
        if waiter.unread == 0 {
            let waiter = self.waiters.swap_remove(place);
            self.done.push(waiter);
        }
    }

    /// Whether some report can be given.
    pub fn has_done(&self) -> bool {
        !self.done.is_empty()
    }

    /// Those whose counters were all read.
    pub fn take_done(&mut self) -> Vec<ReportWaiter> {
        std::mem::take(&mut self.done)
    }

    /// A client has left.
    pub fn forget(&mut self, token: Token) {
        self.waiters.retain(|waiter| waiter.token != token);
    }
}
