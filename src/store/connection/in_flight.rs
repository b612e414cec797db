//! The requests for one counter that have no reply yet, oldest first. Sent again, a request keeps
//! its sequence number.

use std::collections::VecDeque;
use std::iter;
use std::time::Instant;

use crate::counter::Grant;
use crate::limits::RESEND_AGE_MAX;
use crate::store::high_water::Position;
use crate::store::keys::Keys;
use crate::store::lost_numbers::log_in_doubt;
use crate::store::request::{LastGrant, Request};

/// A request without a reply.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What was sent.
    pub request: Request,
    /// It was sent before: that it does not run now does not say that it never did.
    pub is_again: bool,
    /// When it was sent for the first time.
    pub since: Instant,
}

/// Requests that are not sent again, though they may have run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// How many they were.
    pub requests: usize,
    /// The numbers that they asked for, without those of keys: a key finds its number again.
    pub numbers: u64,
}

/// The requests of a link for one counter, over all its connections.
#[derive(Debug, Default)]
pub struct InFlight {
    sent: VecDeque<Sent>,
    /// Requests so far.
    sequence: u64,
    last_grant: LastGrant,
    /// The last number of the last grant.
    last_number: u64,
}

impl InFlight {
    /// A new request, which gets its sequence number and is sent now.
    ///
    /// `has_unclaimed`: there are numbers at hand, and the store is to confirm that they are.
    pub fn push(
        &mut self,
        count: u64,
        keys: Keys,
        seen: Position,
        has_unclaimed: bool,
        now: Instant,
    ) -> &Request {
        self.sequence += 1;
        let is_to_confirm = has_unclaimed && self.last_grant.epoch == seen.epoch;
        let confirm = if is_to_confirm { self.last_grant.sequence } else { 0 };
        let request = Request { sequence: self.sequence, count, keys, seen, confirm };
        self.sent.push_back(Sent { request, is_again: false, since: now });
        &self.sent.back().expect("it was just put there").request
    }

    /// A request was granted something.
    pub fn granted(&mut self, sequence: u64, grant: Grant) {
        self.last_grant = LastGrant { sequence, epoch: grant.epoch };
        self.last_number = grant.count().taken;
    }

    /// The last request that was granted something.
    pub fn last_grant(&self) -> LastGrant {
        self.last_grant
    }

    /// Whether this number was granted before, or one behind it in its epoch: requests are answered
    /// in order, and so are numbers, unless the store has lost some.
    pub fn has_granted(&self, epoch: u64, number: u64) -> bool {
        (epoch, number) <= (self.last_grant.epoch, self.last_number)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// The one whose reply is due next.
    pub fn oldest(&self) -> Option<&Sent> {
        self.sent.front()
    }

    /// Whether this one has no reply yet. They are replied to in order.
    pub fn contains(&self, sequence: u64) -> bool {
        self.sent.front().is_some_and(|sent| sent.request.sequence <= sequence)
    }

    /// The connection is lost: whatever was sent on it may have run.
    pub fn connection_lost(&mut self) {
        self.sent.iter_mut().for_each(|sent| sent.is_again = true);
    }

    /// The oldest was answered.
    pub fn pop(&mut self) {
        self.sent.pop_front();
    }

    /// The oldest, which is sent again by a process that has `seen` so much.
    pub fn resend(&mut self, seen: Position) -> Option<&Request> {
        let sent = self.sent.front_mut()?;
        sent.is_again = true;
        // Confirming the counter has confirmed what was to be confirmed.
        (sent.request.seen, sent.request.confirm) = (seen, 0);
        Some(&sent.request)
    }

    /// Drops those of an epoch before this one: what they took, if they ran, ended with their
    /// epoch, and they run in no other.
    pub fn end_before(&mut self, epoch: u64) -> GivenUp {
        let is_over = |sent: &mut Sent| sent.request.seen.epoch < epoch;
        self.drop_front_while(is_over)
    }

    /// Drops those too old to be sent again, which may have run.
    pub fn give_up(&mut self, now: Instant) -> GivenUp {
        let is_too_old = |sent: &mut Sent| now.duration_since(sent.since) > RESEND_AGE_MAX;
        self.drop_front_while(is_too_old)
    }

    /// Numbers requested without a reply, but for those of keys.
    pub fn numbers(&self) -> u64 {
        self.sent.iter().map(|sent| sent.request.count).sum()
    }

    fn drop_front_while(&mut self, is_to_drop: impl Fn(&mut Sent) -> bool) -> GivenUp {
        let mut given_up = GivenUp::default();
        for sent in iter::from_fn(|| self.sent.pop_front_if(&is_to_drop)) {
            given_up.requests += 1;
            given_up.numbers += sent.request.count;
        }
        log_in_doubt(given_up.numbers);
        given_up
    }
}
