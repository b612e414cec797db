//! The batches that reactors have handed over, merged into one request a counter, and the reply
//! split among them again.
//!
//! ```text
//!   push -> queued --take--> in flight --replied--> a share each, in the order of the pushes
//! ```
//!
//! Invariants: a source has at most one part of a counter that is queued. The shares of a grant are
//! the grant: they lie side by side, and none has a number of another. What was asked for by a
//! source that has left goes to its neighbour in the request, or to nobody; what was for its keys
//! is theirs.

use std::collections::VecDeque;

use crate::counter::{CounterId, Grant};
use crate::limits::{BATCH_MAX, KEYS_PER_BATCH_MAX};
use crate::store::keys::{KeyedNumber, Keys};
use crate::store::request::Reply;

/// What is wanted of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The numbers of these keys, first.
    pub keys: Keys,
    /// And so many more.
    pub count: u64,
}

/// What one source wants of a request.
#[derive(Debug)]
struct Part {
    /// `None`: it has left, and either no other one is in the request, or only its keys are.
    source: Option<usize>,
    wants: Wants,
}

/// A source's share of a reply; `None`: it is nobody's.
pub type Share = (Option<usize>, Reply);

/// A request that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// What all of its sources want.
    pub wants: Wants,
    /// Some source may have unclaimed numbers of the counter.
    pub has_unclaimed: bool,
}

/// One counter's batches.
#[derive(Debug, Default)]
struct Merges {
    queued: VecDeque<Part>,
    in_flight: VecDeque<Vec<Part>>,
    /// Sources that were granted something, and have not said since that all of it is claimed.
    holders: Vec<usize>,
    /// Whom the last reply went to.
    answered: Vec<usize>,
}

/// The batches of all counters.
#[derive(Debug)]
pub struct Merger {
    /// By the counters' ids.
    counters: Vec<Merges>,
    /// The counters of which something is queued.
    waiting: Vec<CounterId>,
}

impl Merger {
    /// No batch of so many counters.
    pub fn new(counters: usize) -> Merger {
        let counters = (0..counters).map(|_| Merges::default()).collect();
        Merger { counters, waiting: Vec::new() }
    }

    /// A source hands over a batch, which keeps the bounds of one.
    pub fn push(&mut self, counter: CounterId, source: usize, wants: Wants, has_unclaimed: bool) {
        debug_assert!(!self.has_queued(counter, source));
        let merges = &mut self.counters[counter.index()];
        if merges.queued.is_empty() {
            self.waiting.push(counter);
        }
        merges.queued.push_back(Part { source: Some(source), wants });
        merges.holders.retain(|holder| *holder != source);
        if has_unclaimed {
            merges.holders.push(source);
        }
    }

    /// How many numbers are wanted by what is not sent yet.
    pub fn queued_waiters(&self) -> usize {
        let queued = self.waiting.iter().flat_map(|it| &self.counters[it.index()].queued);
        queued.map(|Part { wants, .. }| wants.count as usize + wants.keys.len()).sum()
    }

    /// Whether a batch of this source is not sent yet.
    pub fn has_queued(&self, counter: CounterId, source: usize) -> bool {
        self.counters[counter.index()].queued.iter().any(|part| part.source == Some(source))
    }

    /// Whether a batch of this source has no reply yet.
    pub fn is_awaited_by(&self, source: usize) -> bool {
        let is_its = |part: &Part| part.source == Some(source);
        self.counters.iter().any(|merges| {
            merges.queued.iter().any(is_its) || merges.in_flight.iter().flatten().any(is_its)
        })
    }

    /// The counters of which something is queued.
    pub fn waiting(&self) -> &[CounterId] {
        &self.waiting
    }

    /// Requests of this counter without a reply.
    pub fn in_flight(&self, counter: CounterId) -> usize {
        self.counters[counter.index()].in_flight.len()
    }

    /// Whether nothing is queued, and every request has its reply.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.counters.iter().all(|it| it.in_flight.is_empty())
    }

    /// Numbers that are asked for by requests without a reply, but for those of keys.
    pub fn in_flight_numbers(&self) -> u64 {
        let parts = self.counters.iter().flat_map(|merges| merges.in_flight.iter().flatten());
        parts.map(|part| part.wants.count).sum()
    }

    /// Makes one request of what is queued of a counter, as far as a batch's bound allows.
    pub fn take(&mut self, counter: CounterId) -> Merged {
        let merges = &mut self.counters[counter.index()];
        let (mut parts, mut count, mut keys) = (Vec::new(), 0, 0);
        while let Some(part) = merges.queued.pop_front_if(|Part { wants, .. }| {
            let is_within = count + wants.count <= BATCH_MAX as u64;
            is_within && keys + wants.keys.len() <= KEYS_PER_BATCH_MAX
        }) {
            count += part.wants.count;
            keys += part.wants.keys.len();
            parts.push(part);
        }
        let wants = Wants { keys: keys_of(&parts), count };
        merges.in_flight.push_back(parts);
        let (has_unclaimed, is_left) = (!merges.holders.is_empty(), !merges.queued.is_empty());
        self.waiting.retain(|other| *other != counter || is_left);
        Merged { wants, has_unclaimed }
    }

    /// Gives back what is queued of a counter: whose batches they were.
    pub fn give_back(&mut self, counter: CounterId) -> Vec<usize> {
        self.waiting.retain(|other| *other != counter);
        let queued = self.counters[counter.index()].queued.drain(..);
        queued.filter_map(|part| part.source).collect()
    }

    /// The oldest request of a counter has its reply: what of it goes to whom.
    pub fn replied(&mut self, counter: CounterId, reply: Reply) -> Vec<Share> {
        let merges = &mut self.counters[counter.index()];
        let parts = merges.in_flight.pop_front().expect("a reply belongs to a request in flight");
        let shares = split(&parts, reply);
        merges.answered.clear();
        for (source, reply) in &shares {
            merges.answered.extend(source);
            let has_numbers = reply.grant().is_some_and(|grant| grant.granted > 0);
            if let Some(source) = source.filter(|it| has_numbers && !merges.holders.contains(it)) {
                merges.holders.push(source);
            }
        }
        shares
    }

    /// Whom the last reply of a counter went to.
    pub fn answered(&self, counter: CounterId) -> &[usize] {
        &self.counters[counter.index()].answered
    }

    /// A source has left: nothing more is asked for it, and what was goes to others.
    pub fn leave(&mut self, source: usize) {
        for merges in &mut self.counters {
            merges.queued.retain(|part| part.source != Some(source));
            merges.holders.retain(|holder| *holder != source);
            merges.answered.retain(|other| *other != source);
            merges.in_flight.iter_mut().for_each(|parts| leave_to_neighbour(parts, source));
        }
        self.waiting.retain(|counter| !self.counters[counter.index()].queued.is_empty());
    }
}

fn leave_to_neighbour(parts: &mut Vec<Part>, source: usize) {
    let Some(place) = parts.iter().position(|part| part.source == Some(source)) else {
        return;
    };
    parts[place].source = None;
    let is_here = |place: &usize| parts[*place].source.is_some();
    let mut before = (0..place).rev();
    let Some(heir) = before.find(is_here).or_else(|| (place..parts.len()).find(is_here)) else {
        return;
    };
    let count = std::mem::take(&mut parts[place].wants.count);
    parts[heir].wants.count += count;
    if parts[place].wants.keys.is_empty() {
        parts.remove(place);
    }
}

/// The keys of all parts, in their order.
fn keys_of(parts: &[Part]) -> Keys {
    match parts {
        [part] => part.wants.keys.clone(),
        parts => parts.iter().flat_map(|part| part.wants.keys.iter().cloned()).collect(),
    }
}

/// Each gets the numbers of its keys, and then what it wanted, in order, as long as there is some.
/// Who gets nothing is told what the counter holds behind all of them.
fn split(parts: &[Part], reply: Reply) -> Vec<Share> {
    let (grant, keyed) = match reply {
        Reply::Granted(grant) => (grant, None),
        Reply::GrantedToKeys(grant, keyed) => (grant, Some(keyed)),
        reply => return parts.iter().map(|part| (part.source, reply.clone())).collect(),
    };
    let (mut first, end) = (grant.first, grant.first + grant.granted);
    let mut keyed = keyed.as_deref();
    let share = |part: &Part| {
        let granted = part.wants.count.min(end - first);
        let start = if granted > 0 { first } else { end };
        first += granted;
        let grant = Grant { first: start, granted, ..grant };
        let reply = match next_of(&mut keyed, part.wants.keys.len()) {
            Some(keyed) => Reply::GrantedToKeys(grant, keyed.into()),
            None => Reply::Granted(grant),
        };
        (part.source, reply)
    };
    parts.iter().map(share).collect()
}

/// What the next so many keys have got; `None` if they are none, or nothing is said of any.
fn next_of<'a>(keyed: &mut Option<&'a [KeyedNumber]>, count: usize) -> Option<&'a [KeyedNumber]> {
    let (next, rest) = keyed.filter(|_| count > 0)?.split_at_checked(count)?;
    *keyed = Some(rest);
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::error::StoreError;
    use crate::store::keys::Key;

    const COUNTER: CounterId = CounterId::FIRST;

    fn anonymous(count: u64) -> Wants {
        Wants { count, ..Wants::default() }
    }

    fn keyed(count: u64, keys: &[&str]) -> Wants {
        let key = |key: &&str| Key::new(key.as_bytes()).expect("it is a key");
        Wants { count, keys: keys.iter().map(key).collect() }
    }

    fn merged(counts: &[(usize, u64)]) -> (Merger, Merged) {
        let mut merger = Merger::new(1);
        counts
            .iter()
            .for_each(|(source, count)| merger.push(COUNTER, *source, anonymous(*count), false));
        let merged = merger.take(COUNTER);
        (merger, merged)
    }

    fn grant(first: u64, granted: u64) -> Reply {
        Reply::Granted(Grant { first, granted, limit: 100, epoch: 5 })
    }

    #[test]
    fn a_grant_is_split_in_the_order_in_which_the_batches_came() {
        let (mut merger, merged) = merged(&[(2, 3), (0, 0), (1, 4)]);
        assert_eq!(merged, Merged { wants: anonymous(7), has_unclaimed: false });
        let shares = merger.replied(COUNTER, grant(11, 7));
        assert_eq!(
            shares,
            [(Some(2), grant(11, 3)), (Some(0), grant(18, 0)), (Some(1), grant(14, 4))]
        );
        assert_eq!(merger.answered(COUNTER), [2, 0, 1]);
        assert!(!merger.is_awaited_by(1));
    }

    #[test]
    fn who_comes_behind_the_last_number_sees_the_halt() {
        let (mut merger, _) = merged(&[(0, 3), (1, 3), (2, 3)]);
        let shares = merger.replied(COUNTER, grant(97, 4));
        assert_eq!(
            shares,
            [(Some(0), grant(97, 3)), (Some(1), grant(100, 1)), (Some(2), grant(101, 0))]
        );
        for (_, reply) in &shares[1..] {
            assert!(matches!(reply, Reply::Granted(grant) if grant.count().halted()));
        }
    }

    #[test]
    fn what_is_no_grant_is_said_to_all() {
        for reply in [Reply::NotRun, Reply::Failed(StoreError::Timeout)] {
            let (mut merger, _) = merged(&[(0, 3), (1, 0)]);
            let shares = merger.replied(COUNTER, reply.clone());
            assert_eq!(shares, [(Some(0), reply.clone()), (Some(1), reply)]);
        }
    }

    #[test]
    fn a_request_has_no_more_than_a_batch_and_the_rest_waits() {
        let full = BATCH_MAX as u64;
        let (mut merger, merged) = merged(&[(0, 1), (1, full - 1), (2, 1)]);
        assert_eq!(merged.wants.count, full);
        assert_eq!((merger.waiting(), merger.in_flight(COUNTER)), (&[COUNTER][..], 1));
        assert!(merger.has_queued(COUNTER, 2));
        assert_eq!(merger.take(COUNTER).wants.count, 1);
        assert!(merger.waiting().is_empty());
    }

    #[test]
    fn unclaimed_numbers_of_any_source_are_to_be_confirmed() {
        let (mut merger, _) = merged(&[(0, 1), (1, 1)]);
        merger.replied(COUNTER, grant(1, 2));
        merger.push(COUNTER, 0, anonymous(1), false);
        assert!(merger.take(COUNTER).has_unclaimed, "the other one has not said that it has none");
        merger.replied(COUNTER, grant(3, 1));
        merger.push(COUNTER, 0, anonymous(1), false);
        merger.push(COUNTER, 1, anonymous(1), false);
        assert!(!merger.take(COUNTER).has_unclaimed);
    }

    #[test]
    fn the_numbers_of_one_who_left_are_its_neighbours() {
        for (leaves, expected) in [
            (0, [(Some(1), grant(1, 3)), (Some(2), grant(4, 3))]),
            (1, [(Some(0), grant(1, 3)), (Some(2), grant(4, 3))]),
            (2, [(Some(0), grant(1, 1)), (Some(1), grant(2, 5))]),
        ] {
            let (mut merger, _) = merged(&[(0, 1), (1, 2), (2, 3)]);
            merger.leave(leaves);
            assert_eq!(merger.replied(COUNTER, grant(1, 6)), expected);
        }
        let (mut merger, _) = merged(&[(0, 2)]);
        merger.leave(0);
        assert_eq!(merger.replied(COUNTER, grant(1, 2)), [(None, grant(1, 2))]);
    }

    #[test]
    fn nothing_is_asked_for_one_who_left() {
        let mut merger = Merger::new(1);
        merger.push(COUNTER, 1, anonymous(4), true);
        merger.leave(1);
        assert!(merger.waiting().is_empty());
        merger.push(COUNTER, 0, anonymous(1), false);
        assert_eq!(merger.take(COUNTER), Merged { wants: anonymous(1), has_unclaimed: false });
        merger.push(COUNTER, 2, anonymous(1), false);
        assert_eq!(merger.give_back(COUNTER), [2]);
    }

    #[test]
    fn keys_come_before_the_others_and_each_source_gets_those_of_its_own() {
        use KeyedNumber::Granted;
        let replayed = |number| KeyedNumber::Replayed { number, epoch: 5 };
        let mut merger = Merger::new(1);
        merger.push(COUNTER, 0, keyed(2, &["a", "b"]), false);
        merger.push(COUNTER, 1, anonymous(1), false);
        merger.push(COUNTER, 2, keyed(0, &["a"]), false);
        assert_eq!(merger.take(COUNTER).wants, keyed(3, &["a", "b", "a"]));
        let Reply::Granted(grant) = grant(9, 3) else { unreachable!("it is one") };
        let all = Box::new([Granted(7), Granted(8), replayed(7)]);
        let shares = merger.replied(COUNTER, Reply::GrantedToKeys(grant, all));
        let first = Grant { granted: 2, ..grant };
        let last = Grant { first: 12, granted: 0, ..grant };
        let expected = [
            (Some(0), Reply::GrantedToKeys(first, Box::new([Granted(7), Granted(8)]))),
            (Some(1), Reply::Granted(Grant { first: 11, granted: 1, ..grant })),
            (Some(2), Reply::GrantedToKeys(last, Box::new([replayed(7)]))),
        ];
        assert_eq!(shares, expected);
    }

    #[test]
    fn the_keys_of_one_who_left_keep_their_place_and_its_other_numbers_are_its_neighbours() {
        use KeyedNumber::Granted;
        let mut merger = Merger::new(1);
        merger.push(COUNTER, 0, keyed(2, &["a"]), false);
        merger.push(COUNTER, 1, keyed(1, &["b"]), false);
        merger.take(COUNTER);
        merger.leave(0);
        let Reply::Granted(grant) = grant(3, 3) else { unreachable!("it is one") };
        let reply = Reply::GrantedToKeys(grant, Box::new([Granted(1), Granted(2)]));
        let nothing = Grant { first: 6, granted: 0, ..grant };
        let expected = [
            (None, Reply::GrantedToKeys(nothing, Box::new([Granted(1)]))),
            (Some(1), Reply::GrantedToKeys(grant, Box::new([Granted(2)]))),
        ];
        assert_eq!(merger.replied(COUNTER, reply), expected);
    }

    #[test]
    fn a_request_has_no_more_keys_than_a_batch() {
        let names: Vec<String> = (0..KEYS_PER_BATCH_MAX).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut merger = Merger::new(1);
        merger.push(COUNTER, 0, keyed(0, &names), false);
        merger.push(COUNTER, 1, keyed(0, &["another"]), false);
        assert_eq!(merger.take(COUNTER).wants.keys.len(), KEYS_PER_BATCH_MAX);
        assert_eq!(merger.take(COUNTER).wants, keyed(0, &["another"]));
    }
}
