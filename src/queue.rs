//! Who waits for a number: first in, first out, cut into batches, settled from grants.
//!
//! A waiter is `waiting` until a batch is cut, then `asked` until the store replies to its batch.
//! Batches are replied to in the order in which they were cut.
//!
//! ```text
//!   push -> waiting --cut--> asked --settle/fail--> answered
//!              ^               |
//!              +---requeue-----+   (the store said that the batch did not run)
//! ```
//!
//! Invariants: `asked.len()` is the sum of the batches' sizes; inside `waiting`, and inside each
//! batch, deadlines do not fall. It knows neither clients, nor the store, nor the clock.

use std::collections::VecDeque;
use std::time::Instant;

use crate::counter::{Count, Grant};
use crate::limits::BATCH_MAX;
use crate::store::StoreError;
use crate::token::Token;

/// What a waiter wants of the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The next number.
    Number,
    /// A look at the count, which takes nothing.
    Look,
}

/// One request that waits for the store.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    /// Whose request it is.
    pub token: Token,
    /// What it wants.
    pub want: Want,
    /// When it is answered 503 if the store has not spoken.
    pub deadline: Instant,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The number is the asker's alone.
    Number(u64),
    /// The last number, which is this limit, is gone.
    Halted(u64),
    /// What the counter holds, for one who only looked.
    Looked(Count),
    /// The store did not say. A number may have been spent.
    Failed(StoreError),
}

/// A batch on its way. Deadlines do not fall inside it, so those who were answered early, at
/// their deadlines, are its first; they keep their places, since the store's numbers go by place.
///
/// Invariant: `expired <= size`.
#[derive(Clone, Copy, Debug)]
struct Batch {
    size: usize,
    expired: usize,
}

impl Batch {
    /// The place of its oldest unanswered waiter, if it has one, where its first has `start`.
    fn oldest(self, start: usize) -> Option<usize> {
        (self.expired < self.size).then_some(start + self.expired)
    }
}

/// The waiters of one counter in one reactor.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Waiter>,
    asked: VecDeque<Waiter>,
    /// Oldest first.
    batches: VecDeque<Batch>,
    gathering: Option<Gathering>,
}

/// The next batch is to be so large, or to wait so long.
#[derive(Clone, Copy, Debug)]
struct Gathering {
    size: usize,
    until: Instant,
}

impl Queue {
    /// Puts a request at the end. Its deadline must not lie before that of the last one pushed.
    pub fn push(&mut self, waiter: Waiter) {
        debug_assert!(self.waiting.back().is_none_or(|last| last.deadline <= waiter.deadline));
        self.waiting.push_back(waiter);
    }

    /// Makes one batch of all who wait, up to the batch's bound, and returns how many numbers to
    /// ask for (0 if they only look); `None` if nobody waits. Those who are no longer `present`
    /// are dropped, so that nothing is taken for them.
    pub fn cut(&mut self, present: impl Fn(Token) -> bool) -> Option<u64> {
        let (mut size, mut numbers) = (0, 0);
        while size < BATCH_MAX
            && let Some(waiter) = self.waiting.pop_front()
        {
            if present(waiter.token) {
                size += 1;
                numbers += u64::from(waiter.want == Want::Number);
                self.asked.push_back(waiter);
            }
        }
        self.gathering = None;
        (size > 0).then(|| {
            self.batches.push_back(Batch { size, expired: 0 });
            numbers
        })
    }

    /// Takes out the oldest request for a number that was not asked for yet and whose client is
    /// `present`, to give it one that is at hand.
    pub fn next_for_number(&mut self, present: impl Fn(Token) -> bool) -> Option<Waiter> {
        let is_next = |waiter: &Waiter| waiter.want == Want::Number && present(waiter.token);
        let place = self.waiting.iter().position(is_next)?;
        self.waiting.remove(place)
    }

    /// The oldest batch was granted: the outcome of each of its waiters, in order. One that was
    /// answered at its deadline comes as `None`, with the number that is now spent, if any.
    pub fn settle(&mut self, grant: Grant) -> impl Iterator<Item = (Option<Waiter>, Outcome)> + '_ {
        let mut index = 0;
        let (expired, waiters) = self.end_batch();
        waiters.enumerate().map(move |(place, waiter)| {
            let unanswered = (place >= expired).then_some(waiter);
            if waiter.want == Want::Look {
                return (unanswered, Outcome::Looked(grant.count()));
            }
            let number = grant.number(index);
            index += 1;
            (unanswered, number.map_or(Outcome::Halted(grant.limit), Outcome::Number))
        })
    }

    /// The oldest batch failed: its waiters, who are not asked for again.
    pub fn fail(&mut self) -> impl Iterator<Item = Waiter> + '_ {
        let (expired, waiters) = self.end_batch();
        waiters.skip(expired)
    }

    /// The oldest batch did not run: its waiters wait again, before those who came later, and at
    /// least until `until`.
    pub fn requeue(&mut self, until: Instant) {
        let waiters: Vec<Waiter> = self.fail().collect();
        self.waiting.extend(waiters);
        self.waiting.make_contiguous().sort_by_key(|waiter| waiter.deadline);
        self.gathering = Some(Gathering { size: usize::MAX, until });
    }

    /// Takes out one request whose deadline has come; call it until it returns `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Waiter> {
        if let Some(waiter) = self.waiting.pop_front_if(|waiter| waiter.deadline <= now) {
            return Some(waiter);
        }
        let mut start = 0;
        for batch in &mut self.batches {
            let oldest = batch.oldest(start).and_then(|place| self.asked.get(place));
            if let Some(waiter) = oldest.filter(|waiter| waiter.deadline <= now) {
                batch.expired += 1;
                return Some(*waiter);
            }
            start += batch.size;
        }
        None
    }

    /// The earliest deadline of all, or `None` if nobody waits.
    pub fn deadline(&self) -> Option<Instant> {
        let mut earliest = self.waiting.front().map(|waiter| waiter.deadline);
        let mut start = 0;
        for batch in &self.batches {
            let oldest = batch.oldest(start).and_then(|place| self.asked.get(place));
            earliest = earliest.into_iter().chain(oldest.map(|waiter| waiter.deadline)).min();
            start += batch.size;
        }
        earliest
    }

    /// So many more are awaited, since who was answered and keeps asking is back at once: the next
    /// batch waits for them, but not past `until`. Else a small batch is followed by small ones.
    pub fn gather(&mut self, awaited: usize, until: Instant) {
        let size = (self.waiting.len() + awaited).min(BATCH_MAX);
        self.gathering = Some(Gathering { size, until });
    }

    /// When a batch is cut though not all have come who are waited for.
    pub fn gathered_at(&self) -> Option<Instant> {
        let is_idle = self.batches.is_empty() && !self.waiting.is_empty();
        self.gathering.filter(|_| is_idle).map(|it| it.until)
    }

    /// Whether a batch is worth its call now: with none on its way anybody is, unless others are
    /// waited for; else it must not be smaller than the youngest on its way. So calls keep their
    /// size under load, whatever the store's distance, and a lone request does not wait behind
    /// another lone one.
    pub fn is_ripe(&self, now: Instant) -> bool {
        let waiting = self.waiting.len();
        let is_gathered = |it: Gathering| waiting >= it.size || it.until <= now;
        match self.batches.back() {
            Some(youngest) => waiting >= youngest.size,
            None => waiting > 0 && self.gathering.is_none_or(is_gathered),
        }
    }

    /// The oldest batch: how many of its first were answered early, and all its waiters.
    fn end_batch(&mut self) -> (usize, impl Iterator<Item = Waiter> + '_) {
        let batch = self.batches.pop_front().expect("a reply belongs to a batch on its way");
        (batch.expired, self.asked.drain(..batch.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMIT: u64 = 100;

    struct Fixture {
        queue: Queue,
        start: Instant,
    }

    impl Fixture {
        fn new() -> Fixture {
            let (queue, start) = (Queue::default(), Instant::now());
            Fixture { queue, start }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn push(&mut self, slot: u32, want: Want, deadline_ms: u64) {
            let token = Token { slot, generation: 0 };
            let deadline = self.at(deadline_ms);
            self.queue.push(Waiter { token, want, deadline });
        }

        fn numbers(&mut self, slots: std::ops::Range<u32>) {
            for slot in slots {
                self.push(slot, Want::Number, 500);
            }
        }

        fn settle(&mut self, first: u64, granted: u64) -> Vec<(Option<u32>, Outcome)> {
            let grant = Grant { first, granted, limit: LIMIT, epoch: 0 };
            let outcomes = self.queue.settle(grant);
            outcomes
                .map(|(waiter, outcome)| (waiter.map(|waiter| waiter.token.slot), outcome))
                .collect()
        }

        fn is_ripe(&self, ms: u64) -> bool {
            self.queue.is_ripe(self.at(ms))
        }

        fn expire(&mut self, ms: u64) -> Option<u32> {
            let now = self.at(ms);
            self.queue.expire(now).map(|waiter| waiter.token.slot)
        }
    }

    #[test]
    fn nobody_waiting_makes_no_batch() {
        assert_eq!(Fixture::new().queue.cut(|_| true), None);
    }

    #[test]
    fn a_batch_is_settled_in_order_and_the_late_go_away() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..3);
        assert_eq!(fixture.queue.cut(|_| true), Some(3));
        let expected = [
            (Some(0), Outcome::Number(99)),
            (Some(1), Outcome::Number(100)),
            (Some(2), Outcome::Halted(LIMIT)),
        ];
        assert_eq!(fixture.settle(99, 2), expected);
    }

    #[test]
    fn a_look_takes_no_number() {
        let mut fixture = Fixture::new();
        fixture.push(0, Want::Look, 500);
        fixture.push(1, Want::Number, 500);
        assert_eq!(fixture.queue.cut(|_| true), Some(1));
        let count = Count { taken: 7, limit: LIMIT };
        let expected = [(Some(0), Outcome::Looked(count)), (Some(1), Outcome::Number(7))];
        assert_eq!(fixture.settle(7, 1), expected);
    }

    #[test]
    fn batches_are_settled_oldest_first() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..2);
        assert_eq!(fixture.queue.cut(|_| true), Some(2));
        fixture.numbers(2..3);
        assert_eq!(fixture.queue.cut(|_| true), Some(1));
        assert_eq!(fixture.settle(1, 2).len(), 2);
        assert_eq!(fixture.settle(3, 1), [(Some(2), Outcome::Number(3))]);
    }

    #[test]
    fn a_full_batch_leaves_the_rest_waiting() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..BATCH_MAX as u32 + 1);
        assert_eq!(fixture.queue.cut(|_| true), Some(BATCH_MAX as u64));
        assert!(!fixture.is_ripe(0), "one who waits is not worth a second call");
        assert_eq!(fixture.queue.cut(|_| true), Some(1));
    }

    #[test]
    fn a_second_batch_is_ripe_when_it_is_no_smaller_than_the_first() {
        let mut fixture = Fixture::new();
        assert!(!fixture.is_ripe(0));
        fixture.numbers(0..2);
        assert!(fixture.is_ripe(0));
        fixture.queue.cut(|_| true);
        fixture.numbers(2..3);
        assert!(!fixture.is_ripe(0));
        fixture.numbers(3..4);
        assert!(fixture.is_ripe(0));
    }

    #[test]
    fn a_batch_waits_for_those_just_answered_but_not_for_long() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..2);
        fixture.queue.cut(|_| true);
        fixture.numbers(2..3);
        assert_eq!(fixture.settle(1, 2).len(), 2);
        let until = fixture.at(1);
        fixture.queue.gather(2, until);
        assert_eq!(fixture.queue.gathered_at(), Some(until));
        assert!(!fixture.is_ripe(0), "two are waited for");
        assert!(fixture.is_ripe(1), "but only so long");
        fixture.numbers(3..5);
        assert!(fixture.is_ripe(0), "and they came");
        assert_eq!(fixture.queue.cut(|_| true), Some(3));
        assert_eq!(fixture.queue.gathered_at(), None);
    }

    #[test]
    fn a_lone_asker_who_comes_back_is_not_held_up() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..1);
        fixture.queue.cut(|_| true);
        assert_eq!(fixture.settle(1, 1).len(), 1);
        let until = fixture.at(1);
        fixture.queue.gather(1, until);
        assert_eq!(fixture.queue.gathered_at(), None, "nobody waits");
        assert!(!fixture.is_ripe(2));
        fixture.numbers(0..1);
        assert!(fixture.is_ripe(0));
    }

    #[test]
    fn nothing_is_asked_for_a_client_who_left() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..3);
        assert_eq!(fixture.queue.cut(|token| token.slot != 1), Some(2));
        let expected = [(Some(0), Outcome::Number(1)), (Some(2), Outcome::Number(2))];
        assert_eq!(fixture.settle(1, 2), expected);
    }

    #[test]
    fn one_who_expired_keeps_the_place_of_its_number() {
        let mut fixture = Fixture::new();
        fixture.push(0, Want::Look, 100);
        fixture.push(1, Want::Number, 100);
        fixture.push(2, Want::Number, 200);
        fixture.queue.cut(|_| true);
        assert_eq!(fixture.queue.deadline(), Some(fixture.at(100)));
        assert_eq!(fixture.expire(99), None);
        assert_eq!(fixture.expire(100), Some(0));
        assert_eq!(fixture.expire(100), Some(1));
        assert_eq!(fixture.expire(100), None);
        assert_eq!(fixture.queue.deadline(), Some(fixture.at(200)));
        let outcomes = fixture.settle(5, 2);
        assert_eq!(outcomes[1], (None, Outcome::Number(5)));
        assert_eq!(outcomes[2], (Some(2), Outcome::Number(6)));
    }

    #[test]
    fn one_who_expired_before_the_ask_is_gone() {
        let mut fixture = Fixture::new();
        fixture.push(0, Want::Number, 100);
        fixture.push(1, Want::Number, 200);
        assert_eq!(fixture.expire(150), Some(0));
        assert_eq!(fixture.queue.cut(|_| true), Some(1));
    }

    #[test]
    fn a_batch_that_did_not_run_is_asked_again_before_later_ones() {
        let mut fixture = Fixture::new();
        fixture.push(0, Want::Number, 100);
        fixture.queue.cut(|_| true);
        fixture.push(1, Want::Number, 200);
        fixture.queue.cut(|_| true);
        fixture.push(2, Want::Number, 300);
        let until = fixture.at(10);
        fixture.queue.requeue(until);
        fixture.queue.requeue(until);
        assert!(!fixture.is_ripe(9) && fixture.is_ripe(10));
        assert_eq!(fixture.queue.deadline(), Some(fixture.at(100)));
        assert_eq!(fixture.queue.cut(|_| true), Some(3));
        let slots: Vec<_> = fixture.settle(1, 3).iter().map(|(slot, _)| *slot).collect();
        assert_eq!(slots, [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_failed_batch_names_only_those_not_answered_yet() {
        let mut fixture = Fixture::new();
        fixture.push(0, Want::Number, 100);
        fixture.push(1, Want::Number, 200);
        fixture.queue.cut(|_| true);
        assert_eq!(fixture.expire(100), Some(0));
        let failed: Vec<_> = fixture.queue.fail().map(|waiter| waiter.token.slot).collect();
        assert_eq!(failed, [1]);
        assert_eq!(fixture.queue.deadline(), None);
    }
}
