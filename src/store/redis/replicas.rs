//! `wait=N`: what N replicas are to have before it counts.
//!
//! Behind the commands of a wake stand the *mark*, a write that goes to the replicas whatever it
//! finds, and WAIT, which tells how many replicas have all that this connection wrote. The mark
//! makes that all that any connection wrote before it; so a WAIT also covers what was only read, as
//! by a take that was granted nothing. The rule is:
//!
//! **A reply with a WAIT behind it is held until N replicas have what it tells. A reply without one
//! is no news**: it moves no high-water mark, and is cached only where it says what is known.
//!
//! Takes (those with keys too, which may only replay), confirmations, changes and tried writes have
//! a WAIT behind them. Reads have none, but for one that tells of an epoch that is new. Where fewer
//! than N replicas have it in time, the connection is given up, and what was in flight is sent
//! again on the next.
//!
//! The mark is a key of its own: a write to the counter's would notify all who track it, and a
//! halted counter would cost Redis as much as an open one. The key is in the counter's slot, and
//! while that moves the one may have gone before the other. Then nobody knows what the replicas
//! have: what is held of the counter is dropped, it is confirmed anew after a pause, and its
//! requests are sent again.
//! See redis.io/docs/latest/commands/wait.

use std::collections::VecDeque;
use std::time::Duration;

use super::due::Due;
use super::reply::{Reply, fault, not_redis};
use super::value::Value;
use crate::counter::CounterId;
use crate::limits::{REPLICAS_TIMEOUT_MAX, REPLICAS_TIMEOUT_PART};
use crate::store::error::{Fault, StoreError};

/// The replies that wait for the replicas.
pub(super) struct Replicas {
    /// How many are to have what was written; 0: none is asked.
    wanted: u8,
    /// How long WAIT may take.
    timeout: Duration,
    /// A reply is due, or held, that has no WAIT behind it yet.
    is_wait_due: bool,
    /// Replies without a WAIT's behind them. No more of them than commands that were sent.
    held: VecDeque<(Due, Reply)>,
    /// How many of them, from the front, the replicas have.
    acknowledged: usize,
    /// A counter has changed since the first of them came.
    is_overtaken: bool,
    /// The counter beside which the mark is: in a Cluster it must be one that the server has.
    marked: CounterId,
    /// The mark before the next WAIT did not run: it is elsewhere in the Cluster, and so the fault
    /// says.
    astray: Option<(CounterId, Fault)>,
}

impl Replicas {
    /// So many are to have what was written, in a part of the `timeout` of a request.
    pub fn new(wanted: u8, timeout: Duration) -> Replicas {
        let part = timeout / REPLICAS_TIMEOUT_PART;
        Replicas {
            wanted,
            // 0 would be for ever.
            timeout: part.clamp(Duration::from_millis(1), REPLICAS_TIMEOUT_MAX),
            is_wait_due: false,
            held: VecDeque::new(),
            acknowledged: 0,
            is_overtaken: false,
            marked: CounterId::FIRST,
            astray: None,
        }
    }

    /// The same for another connection: nothing is held.
    pub fn anew(&self) -> Replicas {
        Replicas { timeout: self.timeout, ..Replicas::new(self.wanted, Duration::ZERO) }
    }

    /// Whether replicas are asked at all.
    pub fn are_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// A new connection: what was held on the last one is sent again.
    pub fn reset(&mut self) {
        *self = self.anew();
    }

    /// Whether a WAIT is to be written.
    pub fn is_wait_due(&self) -> bool {
        self.is_wait_due
    }

    /// A WAIT is written now: for so many replicas, and no longer than this.
    pub fn begin_wait(&mut self) -> (u8, Duration) {
        self.is_wait_due = false;
        (self.wanted, self.timeout)
    }

    /// A command was written.
    pub fn sent(&mut self, due: Due) {
        if self.wanted > 0 && has_wait(due) {
            self.is_wait_due = true;
            self.marked = due.owner().unwrap_or(CounterId::FIRST);
        }
    }

    /// The counter beside which the next mark is.
    pub fn marked(&self) -> CounterId {
        self.marked
    }

    /// What is held, to be marked as served elsewhere.
    pub fn held(&mut self) -> impl Iterator<Item = &mut Due> {
        self.held.iter_mut().map(|(due, _)| due)
    }

    /// The mark beside this counter is for another node: the WAIT behind it tells nothing.
    pub fn mark_went_astray(&mut self, counter: CounterId, fault: Fault) {
        self.astray = Some((counter, fault));
    }

    /// Where the WAIT that was answered now tells nothing: the counter whose mark went astray.
    pub fn take_astray(&mut self) -> Option<(CounterId, Fault)> {
        self.astray.take()
    }

    /// Nobody knows whether the replicas have what is held of this counter, so that is dropped, if
    /// there is any. The others' have a mark of their own next.
    pub fn drop_held(&mut self, counter: CounterId) -> bool {
        let mut is_any = false;
        for (due, _) in self.held.iter_mut().filter(|(due, _)| due.owner() == Some(counter)) {
            (*due, is_any) = (Due::Disowned, true);
        }
        match self.held.iter().find_map(|(due, _)| due.owner()) {
            Some(other) => (self.is_wait_due, self.marked) = (true, other),
            None => self.acknowledged = self.held.len(),
        }
        is_any
    }

    /// The next reply that the replicas have.
    pub fn release(&mut self) -> Option<(Due, Reply)> {
        self.acknowledged = self.acknowledged.checked_sub(1)?;
        self.held.pop_front()
    }

    /// A reply came: gives it back if it need not be held. Order stays: behind one that is held
    /// all are. `is_news`: it is to be held, though it is only read.
    pub fn pass_or_hold(
        &mut self,
        due: Due,
        reply: Reply,
        is_news: bool,
    ) -> Result<Option<Reply>, Fault> {
        match due {
            Due::Mark(_) | Due::Wait => self.answered(due, &reply).map(|()| None),
            due if is_news || has_wait(due) || !self.held.is_empty() => {
                self.is_wait_due |= is_news;
                self.is_overtaken &= !self.held.is_empty();
                self.held.push_back((due, reply));
                Ok(None)
            }
            _ => Ok(Some(reply)),
        }
    }

    /// A counter has changed: what is held of it may be old.
    pub fn overtaken(&mut self) {
        self.is_overtaken = !self.held.is_empty();
    }

    /// Whether a counter has changed since what is being released was held.
    pub fn was_overtaken(&self) -> bool {
        self.is_overtaken
    }

    fn answered(&mut self, due: Due, reply: &Reply) -> Result<(), Fault> {
        let (wanted, number) = (u64::from(self.wanted), reply.number());
        match (due, number, reply) {
            (_, _, Reply::Value(Value::Error(error))) => Err(fault(error)),
            (Due::Mark(_), Some(_), _) => Ok(()),
            (Due::Wait, Some(number), _) if number >= wanted => {
                self.acknowledged = self.held.len();
                Ok(())
            }
            (Due::Wait, Some(number), _) => {
                let detail = format!(
                    "replicas that have the write: {number}; that are to have it: {wanted}"
                );
                Err(Fault { error: StoreError::Replicas, detail })
            }
            _ => Err(not_redis("a count of replicas that makes no sense")),
        }
    }
}

/// Whether the reply counts only with a WAIT behind it.
fn has_wait(due: Due) -> bool {
    use Due::{Change, Check, Confirm, ConfirmScript, KeyedRequest, Request};
    matches!(due, Change | Check(_) | Confirm(_) | ConfirmScript(_) | KeyedRequest(_) | Request(_))
}
