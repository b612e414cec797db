//! Changes that clients of the admin listener have asked for, until they are done.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use crate::api::admin::change::ChangeRequest;
use crate::counter::CounterId;
use crate::token::Token;

/// A change that a client has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminChange {
    /// Who waits for its answer.
    pub token: Token,
    /// Where that client is, for the log.
    pub peer: SocketAddr,
    /// The counter.
    pub counter: CounterId,
    /// What is to be changed.
    pub request: ChangeRequest,
    /// When it is no longer begun, and no longer waited for.
    pub deadline: Instant,
}

/// The changes of one reactor that are not done yet.
#[derive(Debug, Default)]
pub struct AdminChanges {
    /// Those that were handed to nobody yet.
    queued: VecDeque<AdminChange>,
    /// Those without an answer, those that are queued among them.
    unanswered: Vec<AdminChange>,
}

impl AdminChanges {
    /// How many are without an answer.
    pub fn len(&self) -> usize {
        self.unanswered.len()
    }

    /// Whether all have their answers.
    pub fn is_empty(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// It waits for somebody to carry it out.
    pub fn push(&mut self, change: AdminChange) {
        self.unanswered.push(change.clone());
        self.queued.push_back(change);
    }

    /// The next one that waits.
    pub fn pop(&mut self) -> Option<AdminChange> {
        self.queued.pop_front()
    }

    /// It was answered. A client asks for one at a time, so its token names the change.
    pub fn end(&mut self, change: &AdminChange) {
        self.unanswered.retain(|other| other.token != change.token);
    }

    /// All without an answer, which now are given up.
    pub fn give_up(&mut self) -> Vec<AdminChange> {
        self.queued.clear();
        std::mem::take(&mut self.unanswered)
    }
}
