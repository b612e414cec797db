//! Whether waiting for those who were just answered has been worth it.
//!
//! Clients who ask again as soon as they are answered come back close together: to wait for all of
//! them makes one call to the store of many. Where others come, each by itself, the first of them
//! would wait for strangers. So the score rises when those who came were close together, falls
//! twice as fast when they were not, and with none left only a try now and then is made.

use std::time::Duration;

use crate::limits::{LINGER_GAP_MAX, LINGER_SCORE_MAX, LINGER_TRY_INTERVAL};

/// The record of one place that lingers.
#[derive(Debug)]
pub struct LingerScore {
    /// 0 to [`LINGER_SCORE_MAX`].
    score: u32,
    /// Replies since the last try, with a score of 0.
    skipped: u32,
}

impl Default for LingerScore {
    fn default() -> LingerScore {
        LingerScore { score: LINGER_SCORE_MAX, skipped: 0 }
    }
}

impl LingerScore {
    /// Whether to wait after this reply.
    pub fn should_linger(&mut self) -> bool {
        if self.score > 0 {
            return true;
        }
        self.skipped = (self.skipped + 1) % LINGER_TRY_INTERVAL;
        self.skipped == 0
    }

    /// A wait is over: so many have come, and it has held up the first of them for so long.
    pub fn record(&mut self, waiters: usize, held: Duration) {
        let gaps = waiters.saturating_sub(1).max(1) as u32;
        self.score = match held <= LINGER_GAP_MAX * gaps {
            true => (self.score + 1).min(LINGER_SCORE_MAX),
            false => self.score.saturating_sub(2),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(score: &mut LingerScore, replies: u32) -> u32 {
        (0..replies).filter(|_| score.should_linger()).count() as u32
    }

    #[test]
    fn who_comes_back_at_once_is_waited_for() {
        let mut score = LingerScore::default();
        for waiters in [1, 2, 64] {
            score.record(waiters, LINGER_GAP_MAX);
            assert_eq!(tries(&mut score, 3), 3);
        }
        score.record(11, LINGER_GAP_MAX * 10);
        assert_eq!(tries(&mut score, 3), 3, "a gap each");
    }

    #[test]
    fn strangers_are_waited_for_now_and_then_only() {
        let mut score = LingerScore::default();
        for _ in 0..LINGER_SCORE_MAX / 2 {
            assert!(score.should_linger());
            score.record(2, LINGER_GAP_MAX * 2);
        }
        assert_eq!(tries(&mut score, 3 * LINGER_TRY_INTERVAL), 3);
        score.record(2, LINGER_GAP_MAX);
        assert_eq!(tries(&mut score, 3), 3, "they come back: one try tells");
    }
}
