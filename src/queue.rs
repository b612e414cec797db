//! Who waits for a number: first in, first out, cut into batches.
//!
//! A waiter is `waiting` until a batch is cut, then `asked` until the store replies to its batch.
//! Batches are replied to in the order in which they were cut.
//!
//! ```text
//!   push -> waiting --cut--> asked --end_batch--> answered
//!              ^               |
//!              +---requeue-----+   (it was given nothing, though there may be something)
//! ```
//!
//! Invariants: `asked.len()` is the sum of the batches' sizes; inside `waiting`, and inside each
//! batch, deadlines do not fall. One whose deadline has come leaves its batch, and the number that
//! the store grants for it is nobody's. It knows neither clients, nor the store, nor the clock.

use std::collections::VecDeque;
use std::time::Instant;

use crate::counter::Count;
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

/// The waiters of one counter in one reactor.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Waiter>,
    asked: VecDeque<Waiter>,
    /// The sizes of the batches on their way, oldest first.
    batches: VecDeque<usize>,
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
            self.batches.push_back(size);
            numbers
        })
    }

    /// The oldest batch is over: its waiters that are not answered yet, in order.
    pub fn end_batch(&mut self) -> impl Iterator<Item = Waiter> + '_ {
        let size = self.batches.pop_front().expect("a reply belongs to a batch on its way");
        self.asked.drain(..size)
    }

    /// These waiters were given nothing, though there may be something: they wait again, before
    /// those who came later, and at least until `until`.
    pub fn requeue(&mut self, waiters: Vec<Waiter>, until: Instant) {
        self.waiting.extend(waiters);
        self.waiting.make_contiguous().sort_by_key(|waiter| waiter.deadline);
        self.gathering = Some(Gathering { size: usize::MAX, until });
    }

    /// Nobody waits longer than to this time.
    pub fn answer_by(&mut self, at: Instant) {
        let waiters = self.waiting.iter_mut().chain(&mut self.asked);
        waiters.for_each(|waiter| waiter.deadline = waiter.deadline.min(at));
    }

    /// Takes out one request whose deadline has come; call it until it returns `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Waiter> {
        if let Some(waiter) = self.waiting.pop_front_if(|waiter| waiter.deadline <= now) {
            return Some(waiter);
        }
        let mut start = 0;
        for size in &mut self.batches {
            let oldest = self.asked.get(start).filter(|_| *size > 0);
            if oldest.is_some_and(|waiter| waiter.deadline <= now) {
                *size -= 1;
                return self.asked.remove(start);
            }
            start += *size;
        }
        None
    }

    /// The earliest deadline of all, or `None` if nobody waits.
    pub fn deadline(&self) -> Option<Instant> {
        let mut earliest = self.waiting.front().map(|waiter| waiter.deadline);
        let mut start = 0;
        for size in &self.batches {
            let oldest = self.asked.get(start).filter(|_| *size > 0);
            earliest = earliest.into_iter().chain(oldest.map(|waiter| waiter.deadline)).min();
            start += size;
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
            Some(youngest) => waiting > 0 && waiting >= *youngest,
            None => waiting > 0 && self.gathering.is_none_or(is_gathered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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

        fn end_batch(&mut self) -> Vec<u32> {
            self.queue.end_batch().map(|waiter| waiter.token.slot).collect()
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
    fn a_look_takes_no_number() {
        let mut fixture = Fixture::new();
        fixture.push(0, Want::Look, 500);
        fixture.push(1, Want::Number, 500);
        assert_eq!(fixture.queue.cut(|_| true), Some(1));
        assert_eq!(fixture.end_batch(), [0, 1]);
    }

    #[test]
    fn batches_end_oldest_first_and_in_their_order() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..2);
        assert_eq!(fixture.queue.cut(|_| true), Some(2));
        fixture.numbers(2..3);
        assert_eq!(fixture.queue.cut(|_| true), Some(1));
        assert_eq!(fixture.end_batch(), [0, 1]);
        assert_eq!(fixture.end_batch(), [2]);
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
        assert_eq!(fixture.end_batch(), [0, 1]);
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
        assert_eq!(fixture.end_batch(), [0]);
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
        assert_eq!(fixture.end_batch(), [0, 2]);
    }

    #[test]
    fn one_who_expired_leaves_its_batch() {
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
        assert_eq!(fixture.end_batch(), [2]);
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
        for _ in 0..2 {
            let waiters = fixture.queue.end_batch().collect();
            fixture.queue.requeue(waiters, until);
        }
        assert!(!fixture.is_ripe(9) && fixture.is_ripe(10));
        assert_eq!(fixture.queue.deadline(), Some(fixture.at(100)));
        assert_eq!(fixture.queue.cut(|_| true), Some(3));
        assert_eq!(fixture.end_batch(), [0, 1, 2]);
    }

    #[test]
    fn nobody_waits_past_the_end_of_a_drain() {
        let mut fixture = Fixture::new();
        fixture.push(0, Want::Number, 300);
        fixture.queue.cut(|_| true);
        fixture.push(1, Want::Number, 50);
        fixture.push(2, Want::Number, 400);
        let at = fixture.at(100);
        fixture.queue.answer_by(at);
        assert_eq!(fixture.expire(99), Some(1));
        assert_eq!([fixture.expire(100), fixture.expire(100)], [Some(2), Some(0)]);
        assert_eq!(fixture.end_batch(), [0; 0], "the batch is on its way all the same");
        assert_eq!(fixture.queue.deadline(), None);
    }
}
