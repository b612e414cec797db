//! Who waits for a number: first in, first out, cut into batches.
//!
//! A waiter is `waiting` until a batch is cut, then `sent` until the store replies to its batch.
//! Batches are replied to in the order in which they were cut, but for one that is answered at
//! once.
//!
//! ```text
//!   push -> waiting --cut--> sent --end_batch--> answered
//!              ^               |
//!              +---requeue-----+   (it was given nothing, though there may be something)
//! ```
//!
//! Invariants: `sent.len()` is the sum of the batches' sizes; inside `waiting`, and inside each
//! batch, deadlines do not fall. One whose deadline has come leaves its batch, and the number that
//! the store grants for it is nobody's. It knows neither clients, nor the store, nor the clock.

mod linger;

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::{BATCH_MAX, KEYS_PER_BATCH_MAX};
use crate::linger_score::LingerScore;
use crate::token::Token;
use linger::Linger;

/// What a waiter wants of the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The next number.
    Take,
    /// The number of the client's key, which has this place among the keys of its batch; 0 before
    /// it is in one.
    TakeWithKey(u32),
    /// A look at the count, which takes nothing.
    Peek,
    /// The same for a report, for which what is cached is not enough.
    Refresh,
}

impl Op {
    /// Whether it is to get a number, with or without a key.
    pub fn is_take(self) -> bool {
        matches!(self, Op::Take | Op::TakeWithKey(_))
    }

    fn has_key(self) -> bool {
        matches!(self, Op::TakeWithKey(_))
    }
}

/// What a batch asks the store for; neither, if all of it only look.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// So many numbers.
    pub numbers: u64,
    /// And those of so many keys: of [`Batcher::with_keys`].
    pub keys: usize,
}

/// One request that waits for the store.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    /// Whose request it is.
    pub token: Token,
    /// What it wants.
    pub op: Op,
    /// When it was parsed.
    pub since: Instant,
    /// When it is answered 503 if the store has not spoken.
    pub deadline: Instant,
}

/// The waiters of one counter in one reactor.
#[derive(Debug, Default)]
pub struct Batcher {
    waiting: VecDeque<Waiter>,
    sent: VecDeque<Waiter>,
    /// The sizes of the batches on their way, oldest first.
    batches: VecDeque<usize>,
    linger: Option<Linger>,
    linger_score: LingerScore,
}

impl Batcher {
    /// Whether nobody waits, and no batch is without a reply.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.batches.is_empty()
    }

    /// Whether somebody waits for the next batch.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether somebody without a key waits for the next batch.
    pub fn has_waiting_without_key(&self) -> bool {
        self.waiting.iter().any(|waiter| !waiter.op.has_key())
    }

    /// Batches without a reply.
    pub fn in_flight(&self) -> usize {
        self.batches.len()
    }

    /// Whether all those who wait for a reply have a key, and somebody does.
    pub fn has_sent_keys_alone(&self) -> bool {
        !self.sent.is_empty() && self.sent.iter().all(|waiter| waiter.op.has_key())
    }

    /// Puts a request at the end. Its deadline must not lie before that of the last one pushed.
    pub fn push(&mut self, waiter: Waiter) {
        debug_assert!(self.waiting.back().is_none_or(|last| last.deadline <= waiter.deadline));
        self.waiting.push_back(waiter);
    }

    /// Makes one batch of all who wait, up to the batch's bounds, and returns what to ask for;
    /// `None` if nobody waits. Clients who are no longer present are dropped, so that nothing is
    /// taken for them.
    pub fn take_batch(
        &mut self,
        now: Instant,
        is_present: impl Fn(Token) -> bool,
    ) -> Option<Batch> {
        if self.linger.is_some() {
            self.end_linger(now);
        }
        let (mut size, mut batch) = (0, Batch::default());
        while size < BATCH_MAX
            && batch.keys < KEYS_PER_BATCH_MAX
            && let Some(mut waiter) = self.waiting.pop_front()
        {
            if is_present(waiter.token) {
                size += 1;
                match &mut waiter.op {
                    Op::Take => batch.numbers += 1,
                    Op::TakeWithKey(place) => {
                        *place = batch.keys as u32;
                        batch.keys += 1;
                    }
                    Op::Peek | Op::Refresh => {}
                }
                self.sent.push_back(waiter);
            }
        }
        (size > 0).then(|| {
            self.batches.push_back(size);
            batch
        })
    }

    /// The clients with a key in the newest batch, in its order.
    pub fn with_keys(&self) -> impl Iterator<Item = Token> + '_ {
        let newest = self.batches.back().copied().unwrap_or_default();
        let waiters = self.sent.range(self.sent.len() - newest..);
        waiters.filter(|waiter| waiter.op.has_key()).map(|waiter| waiter.token)
    }

    /// The same of those without a key, who are answered at once: the others go on waiting.
    pub fn take_batch_without_keys(
        &mut self,
        now: Instant,
        is_present: impl Fn(Token) -> bool,
    ) -> Option<Batch> {
        let mut with_keys: Vec<Waiter> = Vec::new();
        if self.waiting.iter().any(|waiter| waiter.op.has_key()) {
            let all = std::mem::take(&mut self.waiting).into_iter();
            let (keyed, others): (Vec<_>, Vec<_>) = all.partition(|waiter| waiter.op.has_key());
            (with_keys, self.waiting) = (keyed, others.into());
        }
        let batch = self.take_batch(now, is_present);
        if batch.is_some() {
            self.move_newest_to_front();
        }
        if !with_keys.is_empty() {
            self.put_back(with_keys);
        }
        batch
    }

    /// The newest batch was not sent, and is to be the next to end: the replies that are due are
    /// for the waiters of the batches before it.
    pub fn move_newest_to_front(&mut self) {
        let newest = self.batches.pop_back().expect("it was cut just now");
        self.sent.rotate_right(newest);
        self.batches.push_front(newest);
    }

    /// The oldest batch is over: its waiters that are not answered yet, in order.
    pub fn end_batch(&mut self) -> impl Iterator<Item = Waiter> + '_ {
        let size = self.batches.pop_front().expect("a reply belongs to a batch on its way");
        self.sent.drain(..size)
    }

    /// These waiters were given nothing, though there may be something: they wait again, before
    /// those who came later, and at least until `until`.
    pub fn requeue(&mut self, waiters: Vec<Waiter>, until: Instant) {
        self.put_back(waiters);
        self.linger = Some(Linger::pause(until));
    }

    fn put_back(&mut self, waiters: Vec<Waiter>) {
        let mut others = std::mem::take(&mut self.waiting).into_iter().peekable();
        for waiter in waiters {
            while let Some(earlier) = others.next_if(|other| other.deadline < waiter.deadline) {
                self.waiting.push_back(earlier);
            }
            self.waiting.push_back(waiter);
        }
        self.waiting.extend(others);
    }

    /// Nobody waits longer than to this time.
    pub fn answer_by(&mut self, at: Instant) {
        let waiters = self.waiting.iter_mut().chain(&mut self.sent);
        waiters.for_each(|waiter| waiter.deadline = waiter.deadline.min(at));
    }

    /// Takes out one request whose deadline has come; call it until it returns `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Waiter> {
        if let Some(waiter) = self.waiting.pop_front_if(|waiter| waiter.deadline <= now) {
            return Some(waiter);
        }
        let mut start = 0;
        for size in &mut self.batches {
            let oldest = self.sent.get(start).filter(|_| *size > 0);
            if oldest.is_some_and(|waiter| waiter.deadline <= now) {
                *size -= 1;
                return self.sent.remove(start);
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
            if let Some(oldest) = self.sent.get(start).filter(|_| *size > 0) {
                let deadline = oldest.deadline;
                earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
            }
            start += size;
        }
        earliest
    }

    /// So many more are awaited, since who was answered and keeps asking is back at once: the next
    /// batch waits for them, for [`crate::limits::BATCH_LINGER`] at most, as long as that has been
    /// worth it. Else a small batch is followed by small ones.
    pub fn linger(&mut self, awaited: usize, now: Instant) {
        let size = (self.waiting.len() + awaited).min(BATCH_MAX);
        if size > 1 && self.linger_score.should_linger() {
            self.linger = Some(Linger::for_others(size, now));
        }
    }

    #[cold]
    fn end_linger(&mut self, now: Instant) {
        let first = self.waiting.front().map(|waiter| waiter.since);
        let held = |linger: Linger| linger.held(first?, now);
        if let Some(held) = self.linger.take().and_then(held) {
            self.linger_score.record(self.waiting.len(), held);
        }
    }

    /// When a batch is cut though not all have come who are waited for.
    pub fn linger_until(&self) -> Option<Instant> {
        let is_idle = self.batches.is_empty() && !self.waiting.is_empty();
        self.linger.filter(|_| is_idle).map(Linger::until)
    }

    /// Whether a batch is worth its call now: with none on its way anybody is, unless others are
    /// waited for; else it must not be smaller than the youngest on its way. So calls keep their
    /// size under load, whatever the store's distance, and a lone request does not wait behind
    /// another lone one.
    pub fn should_send(&self, now: Instant) -> bool {
        let waiting = self.waiting.len();
        if waiting == 0 {
            return false;
        }
        match self.batches.back() {
            Some(youngest) => waiting >= *youngest,
            None => self.linger.is_none_or(|linger| linger.is_over(waiting, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LINGER_SCORE_MAX;
    use std::time::Duration;

    struct Fixture {
        batcher: Batcher,
        start: Instant,
    }

    impl Fixture {
        fn new() -> Fixture {
            let (batcher, start) = (Batcher::default(), Instant::now());
            Fixture { batcher, start }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn push(&mut self, slot: u32, op: Op, deadline_ms: u64) {
            let token = Token { slot, generation: 0 };
            let deadline = self.at(deadline_ms);
            self.batcher.push(Waiter { token, op, since: self.start, deadline });
        }

        fn numbers(&mut self, slots: std::ops::Range<u32>) {
            for slot in slots {
                self.push(slot, Op::Take, 500);
            }
        }

        /// Cuts one: how many numbers it asks for.
        fn take_batch(&mut self) -> Option<u64> {
            self.batcher.take_batch(self.start, |_| true).map(|batch| batch.numbers)
        }

        fn end_batch(&mut self) -> Vec<u32> {
            self.batcher.end_batch().map(|waiter| waiter.token.slot).collect()
        }

        fn should_send(&self, ms: u64) -> bool {
            self.batcher.should_send(self.at(ms))
        }

        fn expire(&mut self, ms: u64) -> Option<u32> {
            let now = self.at(ms);
            self.batcher.expire(now).map(|waiter| waiter.token.slot)
        }
    }

    #[test]
    fn a_batch_that_is_answered_at_once_leaves_those_on_their_way_their_replies() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..3);
        fixture.take_batch();
        fixture.numbers(3..5);
        fixture.take_batch();
        fixture.batcher.move_newest_to_front();
        assert_eq!(fixture.end_batch(), [3, 4]);
        assert_eq!(fixture.end_batch(), [0, 1, 2]);
        fixture.push(5, Op::TakeWithKey(0), 500);
        fixture.take_batch();
        fixture.numbers(6..8);
        assert!(fixture.batcher.take_batch_without_keys(fixture.start, |_| true).is_some());
        assert_eq!(fixture.end_batch(), [6, 7]);
        assert_eq!(fixture.end_batch(), [5]);
    }

    #[test]
    fn nobody_waiting_makes_no_batch() {
        assert_eq!(Fixture::new().batcher.take_batch(Instant::now(), |_| true), None);
    }

    #[test]
    fn a_look_takes_no_number() {
        let mut fixture = Fixture::new();
        fixture.push(0, Op::Peek, 500);
        fixture.push(1, Op::Take, 500);
        assert_eq!(fixture.take_batch(), Some(1));
        assert_eq!(fixture.end_batch(), [0, 1]);
    }

    #[test]
    fn batches_end_oldest_first_and_in_their_order() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..2);
        assert_eq!(fixture.take_batch(), Some(2));
        fixture.numbers(2..3);
        assert_eq!(fixture.take_batch(), Some(1));
        assert_eq!(fixture.end_batch(), [0, 1]);
        assert_eq!(fixture.end_batch(), [2]);
    }

    #[test]
    fn a_full_batch_leaves_the_rest_waiting() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..BATCH_MAX as u32 + 1);
        assert_eq!(fixture.take_batch(), Some(BATCH_MAX as u64));
        assert!(!fixture.should_send(0), "one who waits is not worth a second call");
        assert_eq!(fixture.take_batch(), Some(1));
    }

    #[test]
    fn a_second_batch_is_ripe_when_it_is_no_smaller_than_the_first() {
        let mut fixture = Fixture::new();
        assert!(!fixture.should_send(0));
        fixture.numbers(0..2);
        assert!(fixture.should_send(0));
        fixture.batcher.take_batch(fixture.start, |_| true);
        fixture.numbers(2..3);
        assert!(!fixture.should_send(0));
        fixture.numbers(3..4);
        assert!(fixture.should_send(0));
    }

    #[test]
    fn a_batch_waits_for_those_just_answered_but_not_for_long() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..2);
        fixture.batcher.take_batch(fixture.start, |_| true);
        fixture.numbers(2..3);
        assert_eq!(fixture.end_batch(), [0, 1]);
        fixture.batcher.linger(2, fixture.start);
        assert_eq!(fixture.batcher.linger_until(), Some(fixture.at(1)));
        assert!(!fixture.should_send(0), "two are waited for");
        assert!(fixture.should_send(1), "but only so long");
        fixture.numbers(3..5);
        assert!(fixture.should_send(0), "and they came");
        assert_eq!(fixture.take_batch(), Some(3));
        assert_eq!(fixture.batcher.linger_until(), None);
    }

    #[test]
    fn strangers_who_come_one_by_one_are_not_held_up_for_long() {
        let mut fixture = Fixture::new();
        for round in 0.. {
            fixture.batcher.linger(2, fixture.start);
            fixture.numbers(0..1);
            if fixture.should_send(0) {
                assert_eq!(round, LINGER_SCORE_MAX / 2);
                return;
            }
            let later = fixture.at(1);
            assert!(fixture.batcher.take_batch(later, |_| true).is_some());
            fixture.end_batch();
        }
    }

    #[test]
    fn the_time_behind_a_batch_in_flight_is_not_the_wait_for_others() {
        let mut fixture = Fixture::new();
        for _ in 0..LINGER_SCORE_MAX {
            fixture.numbers(0..1);
            let replied_at = fixture.at(20);
            fixture.batcher.linger(1, replied_at);
            assert!(!fixture.should_send(20), "another one is waited for");
            fixture.numbers(1..2);
            assert!(fixture.batcher.take_batch(replied_at, |_| true).is_some());
            fixture.end_batch();
        }
    }

    #[test]
    fn a_wait_that_held_nobody_up_says_nothing() {
        let mut fixture = Fixture::new();
        for at_ms in [1, 1, 1, 5, 1] {
            fixture.batcher.linger(2, fixture.start);
            fixture.numbers(0..1);
            if at_ms == 5 {
                let late = fixture.at(5);
                fixture.batcher.waiting[0].since = late;
            }
            let now = fixture.at(at_ms);
            assert!(fixture.batcher.take_batch(now, |_| true).is_some());
            fixture.end_batch();
        }
        fixture.batcher.linger(2, fixture.start);
        assert!(fixture.batcher.linger.is_none(), "four were in vain");
    }

    #[test]
    fn a_lone_asker_who_comes_back_is_not_held_up() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..1);
        fixture.batcher.take_batch(fixture.start, |_| true);
        assert_eq!(fixture.end_batch(), [0]);
        fixture.batcher.linger(1, fixture.start);
        assert_eq!(fixture.batcher.linger_until(), None, "nobody waits");
        assert!(!fixture.should_send(2));
        fixture.numbers(0..1);
        assert!(fixture.should_send(0));
    }

    #[test]
    fn nothing_is_asked_for_a_client_who_left() {
        let mut fixture = Fixture::new();
        fixture.numbers(0..3);
        let batch = fixture.batcher.take_batch(fixture.start, |token| token.slot != 1);
        assert_eq!(batch.map(|batch| batch.numbers), Some(2));
        assert_eq!(fixture.end_batch(), [0, 2]);
    }

    #[test]
    fn one_who_expired_leaves_its_batch() {
        let mut fixture = Fixture::new();
        fixture.push(0, Op::Peek, 100);
        fixture.push(1, Op::Take, 100);
        fixture.push(2, Op::Take, 200);
        fixture.batcher.take_batch(fixture.start, |_| true);
        assert_eq!(fixture.batcher.deadline(), Some(fixture.at(100)));
        assert_eq!(fixture.expire(99), None);
        assert_eq!(fixture.expire(100), Some(0));
        assert_eq!(fixture.expire(100), Some(1));
        assert_eq!(fixture.expire(100), None);
        assert_eq!(fixture.batcher.deadline(), Some(fixture.at(200)));
        assert_eq!(fixture.end_batch(), [2]);
    }

    #[test]
    fn one_who_expired_before_the_ask_is_gone() {
        let mut fixture = Fixture::new();
        fixture.push(0, Op::Take, 100);
        fixture.push(1, Op::Take, 200);
        assert_eq!(fixture.expire(150), Some(0));
        assert_eq!(fixture.take_batch(), Some(1));
    }

    #[test]
    fn a_batch_that_did_not_run_is_asked_again_before_later_ones() {
        let mut fixture = Fixture::new();
        fixture.push(0, Op::Take, 100);
        fixture.batcher.take_batch(fixture.start, |_| true);
        fixture.push(1, Op::Take, 200);
        fixture.batcher.take_batch(fixture.start, |_| true);
        fixture.push(2, Op::Take, 300);
        let until = fixture.at(10);
        for _ in 0..2 {
            let waiters = fixture.batcher.end_batch().collect();
            fixture.batcher.requeue(waiters, until);
        }
        assert!(!fixture.should_send(9) && fixture.should_send(10));
        assert_eq!(fixture.batcher.deadline(), Some(fixture.at(100)));
        assert_eq!(fixture.take_batch(), Some(3));
        assert_eq!(fixture.end_batch(), [0, 1, 2]);
    }

    #[test]
    fn nobody_waits_past_the_end_of_a_drain() {
        let mut fixture = Fixture::new();
        fixture.push(0, Op::Take, 300);
        fixture.batcher.take_batch(fixture.start, |_| true);
        fixture.push(1, Op::Take, 50);
        fixture.push(2, Op::Take, 400);
        let at = fixture.at(100);
        fixture.batcher.answer_by(at);
        assert_eq!(fixture.expire(99), Some(1));
        assert_eq!([fixture.expire(100), fixture.expire(100)], [Some(2), Some(0)]);
        assert_eq!(fixture.end_batch(), [0; 0], "the batch is on its way all the same");
        assert_eq!(fixture.batcher.deadline(), None);
    }

    /// What a batch asks for: how many numbers, and whose keys.
    fn taken(fixture: &mut Fixture, is_present: impl Fn(Token) -> bool) -> (u64, Vec<u32>) {
        let batch = fixture.batcher.take_batch(fixture.start, is_present).expect("somebody waits");
        let slots: Vec<u32> = fixture.batcher.with_keys().map(|token| token.slot).collect();
        assert_eq!(batch.keys, slots.len());
        (batch.numbers, slots)
    }

    #[test]
    fn who_has_a_key_knows_its_place_even_if_others_leave() {
        let mut fixture = Fixture::new();
        for (slot, op, deadline) in [
            (0, Op::TakeWithKey(0), 100),
            (1, Op::Take, 200),
            (2, Op::TakeWithKey(0), 200),
            (3, Op::TakeWithKey(0), 200),
        ] {
            fixture.push(slot, op, deadline);
        }
        assert_eq!(taken(&mut fixture, |token| token.slot != 2), (1, vec![0, 3]));
        assert_eq!(fixture.expire(150), Some(0));
        let ops: Vec<Op> = fixture.batcher.end_batch().map(|waiter| waiter.op).collect();
        assert_eq!(ops, [Op::Take, Op::TakeWithKey(1)]);
    }

    #[test]
    fn a_batch_has_no_more_keys_than_a_request_and_the_rest_keeps_its_order() {
        let mut fixture = Fixture::new();
        let keys_max = KEYS_PER_BATCH_MAX as u32;
        (0..=keys_max).for_each(|slot| fixture.push(slot, Op::TakeWithKey(0), 500));
        fixture.push(keys_max + 1, Op::Take, 500);
        assert_eq!(taken(&mut fixture, |_| true).1.len(), KEYS_PER_BATCH_MAX);
        assert_eq!(taken(&mut fixture, |_| true), (1, vec![keys_max]));
    }

    #[test]
    fn those_without_a_key_can_be_answered_apart() {
        let mut fixture = Fixture::new();
        fixture.push(0, Op::TakeWithKey(0), 100);
        fixture.push(1, Op::Take, 200);
        fixture.push(2, Op::TakeWithKey(0), 300);
        assert!(fixture.batcher.has_waiting_without_key());
        let batch = fixture.batcher.take_batch_without_keys(fixture.start, |_| true);
        assert_eq!(batch, Some(Batch { numbers: 1, keys: 0 }));
        assert_eq!(fixture.end_batch(), [1]);
        assert!(!fixture.batcher.has_waiting_without_key());
        assert_eq!(fixture.batcher.take_batch_without_keys(fixture.start, |_| true), None);
        assert_eq!(taken(&mut fixture, |_| true), (0, vec![0, 2]));
    }
}
