//! Whom the next request of a store that reactors share waits for: the sources that the last reply
//! served, whose clients as a rule ask again at once.

use std::time::Instant;

use crate::limits::BATCH_LINGER;
use crate::linger_score::LingerScore;

/// The sources that are waited for, and until when.
#[derive(Debug, Default)]
pub struct Linger {
    sources: Vec<usize>,
    until: Option<Instant>,
    /// Since when somebody is held up, and how many waiters are.
    first_at: Option<Instant>,
    waiters: usize,
    score: LingerScore,
}

impl Linger {
    /// These sources were served: they are waited for, as long as that has been worth it. So many
    /// waiters are there already, and are held up from now on.
    pub fn served(&mut self, sources: &[usize], queued: usize, now: Instant) {
        if sources.is_empty() || !self.score.should_linger() {
            return;
        }
        if self.until.is_none() {
            (self.first_at, self.waiters) = ((queued > 0).then_some(now), queued);
        }
        self.until = Some(now + BATCH_LINGER);
        for source in sources {
            if !self.sources.contains(source) {
                self.sources.push(*source);
            }
        }
    }

    /// A source has handed over so many waiters.
    pub fn returned(&mut self, source: usize, waiters: usize, now: Instant) {
        self.first_at.get_or_insert(now);
        self.waiters += waiters;
        self.sources.retain(|other| *other != source);
        if self.sources.is_empty() {
            self.end(now);
        }
    }

    /// A source will never hand anything over again.
    pub fn left(&mut self, source: usize) {
        self.sources.retain(|other| *other != source);
        if self.sources.is_empty() {
            self.until = None;
        }
    }

    /// Whether nobody is waited for any more.
    pub fn is_over(&self, now: Instant) -> bool {
        self.deadline().is_none_or(|until| until <= now)
    }

    /// When that is so though somebody has not come.
    pub fn deadline(&self) -> Option<Instant> {
        self.until.filter(|_| !self.sources.is_empty())
    }

    /// Nobody is waited for any more, and what came of it is noted.
    pub fn end(&mut self, now: Instant) {
        if let (Some(_), Some(first_at)) = (self.until, self.first_at) {
            self.score.record(self.waiters, now.saturating_duration_since(first_at));
        }
        self.sources.clear();
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{LINGER_GAP_MAX, LINGER_SCORE_MAX};

    #[test]
    fn all_who_were_served_are_waited_for_but_not_for_ever() {
        let (mut linger, now) = (Linger::default(), Instant::now());
        let until = now + BATCH_LINGER;
        assert!(linger.is_over(now), "nobody was served");
        linger.served(&[0, 3], 0, now);
        linger.returned(0, 1, now);
        assert!(!linger.is_over(now));
        assert!(linger.is_over(until));
        linger.returned(3, 1, now);
        assert!(linger.is_over(now));
        assert_eq!(linger.deadline(), None);
    }

    #[test]
    fn sources_that_come_far_apart_are_soon_waited_for_no_longer() {
        let (mut linger, mut now) = (Linger::default(), Instant::now());
        for _ in 0..LINGER_SCORE_MAX / 2 {
            linger.served(&[0, 1], 0, now);
            assert!(!linger.is_over(now));
            linger.returned(0, 1, now);
            now += LINGER_GAP_MAX * 2;
            linger.returned(1, 1, now);
            now += BATCH_LINGER; // What is handed over waits for the lock of another.
            linger.end(now);
        }
        linger.served(&[0, 1], 0, now);
        assert!(linger.is_over(now));
    }

    #[test]
    fn who_was_there_before_is_held_up_too() {
        let (mut linger, mut now) = (Linger::default(), Instant::now());
        for _ in 0..LINGER_SCORE_MAX / 2 {
            linger.served(&[0], 1, now);
            now += BATCH_LINGER;
            assert!(linger.is_over(now), "it never comes");
            linger.end(now);
        }
        linger.served(&[0], 1, now);
        assert!(linger.is_over(now));
    }

    #[test]
    fn the_time_before_a_wait_is_not_its_doing() {
        let (mut linger, mut now) = (Linger::default(), Instant::now());
        for _ in 0..LINGER_SCORE_MAX {
            linger.returned(1, 1, now);
            now += BATCH_LINGER * 3; // A transaction runs.
            linger.served(&[0], 1, now);
            assert!(!linger.is_over(now));
            linger.returned(0, 1, now);
        }
        linger.served(&[0, 1], 0, now);
        assert!(!linger.is_over(now));
    }
}
