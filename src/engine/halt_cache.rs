//! The cached halt of a counter: that its last number is taken, until the store says otherwise.
//!
//! Nearly all requests of a sale come after its last number, and none of them should cost the
//! store anything. A store that tells of changes is asked to do so once the counter is halted, and
//! the halt is cached until it does; where it does not, for a moment.

use std::time::{Duration, Instant};

use crate::counter::Grant;

/// What is known of a counter's halt. It knows not the clock.
#[derive(Debug, Default)]
pub struct HaltCache {
    halt: Option<Halt>,
}

#[derive(Clone, Copy, Debug)]
struct Halt {
    /// It grants nothing.
    grant: Grant,
    /// When it is stale; `None`: the store says when.
    until: Option<Instant>,
}

impl HaltCache {
    /// The answer to any request, while the store would give no other.
    pub fn get(&self, now: Instant) -> Option<Grant> {
        let is_fresh = |halt: &Halt| halt.until.is_none_or(|until| now < until);
        self.halt.filter(is_fresh).map(|halt| halt.grant)
    }

    /// Whether a halt is known, though perhaps a stale one: then one request at a time is enough.
    pub fn is_halted(&self) -> bool {
        self.halt.is_some()
    }

    /// The store says that the counter is halted. For how long that may be cached: `ttl`, or until
    /// [`HaltCache::clear`].
    pub fn set(&mut self, grant: Grant, ttl: Option<Duration>, now: Instant) {
        let first = grant.first + grant.granted;
        let until = ttl.map(|ttl| now + ttl);
        self.halt = Some(Halt { grant: Grant { first, granted: 0, ..grant }, until });
    }

    /// The store has replied: a halt of another epoch, or that is over, is forgotten.
    pub fn replied(&mut self, grant: Grant) {
        if !grant.count().halted() || self.halt.is_some_and(|it| it.grant.epoch != grant.epoch) {
            self.clear();
        }
    }

    /// The counter may have changed.
    pub fn clear(&mut self) {
        self.halt = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALT: Grant = Grant { first: 9, granted: 1, limit: 9, epoch: 5 };
    const ANSWER: Grant = Grant { first: 10, granted: 0, limit: 9, epoch: 5 };
    const TTL: Duration = Duration::from_millis(40);

    #[test]
    fn a_halt_is_cached_for_its_time_and_grants_nothing() {
        let (mut cache, now) = (HaltCache::default(), Instant::now());
        cache.set(HALT, Some(TTL), now);
        assert_eq!(cache.get(now), Some(ANSWER));
        assert_eq!(cache.get(now + TTL), None);
        assert!(cache.is_halted(), "as far as is known");
        cache.set(HALT, None, now);
        assert_eq!(cache.get(now + TTL), Some(ANSWER));
    }

    #[test]
    fn a_halt_ends_with_its_epoch_with_a_number_and_with_a_change() {
        let (mut cache, now) = (HaltCache::default(), Instant::now());
        cache.set(HALT, None, now);
        cache.replied(ANSWER);
        assert!(cache.is_halted());
        for other in [Grant { epoch: 6, ..ANSWER }, Grant { limit: 12, ..ANSWER }] {
            cache.set(HALT, None, now);
            cache.replied(other);
            assert_eq!(cache.get(now), None);
        }
        cache.set(HALT, None, now);
        cache.clear();
        assert_eq!(cache.get(now), None);
    }
}
