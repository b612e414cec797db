//! Whom the next transaction waits for: the sources that the last reply served, whose clients as a
//! rule ask again at once.

use std::time::Instant;

/// The sources that are waited for, and until when.
#[derive(Debug, Default)]
pub struct Linger {
    sources: Vec<usize>,
    until: Option<Instant>,
}

impl Linger {
    /// A source was served: it is waited for until then.
    pub fn served(&mut self, source: usize, until: Instant) {
        if !self.sources.contains(&source) {
            self.sources.push(source);
        }
        self.until = Some(until);
    }

    /// A source has handed something over, or never will again.
    pub fn returned(&mut self, source: usize) {
        self.sources.retain(|other| *other != source);
    }

    /// Whether nobody is waited for any more.
    pub fn is_over(&self, now: Instant) -> bool {
        self.deadline().is_none_or(|until| until <= now)
    }

    /// When that is so though somebody has not come.
    pub fn deadline(&self) -> Option<Instant> {
        self.until.filter(|_| !self.sources.is_empty())
    }

    /// Nobody is waited for.
    pub fn clear(&mut self) {
        self.sources.clear();
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn all_who_were_served_are_waited_for_but_not_for_ever() {
        let (mut linger, now) = (Linger::default(), Instant::now());
        let until = now + Duration::from_millis(1);
        assert!(linger.is_over(now), "nobody was served");
        linger.served(0, until);
        linger.served(3, until);
        linger.returned(0);
        assert!(!linger.is_over(now));
        assert!(linger.is_over(until));
        linger.returned(3);
        assert!(linger.is_over(now));
        assert_eq!(linger.deadline(), None);
    }
}
