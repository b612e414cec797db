//! The hosts of one store, of which one may be written to.

use crate::config::Endpoint;

/// Which of the hosts is connected to next.
#[derive(Debug)]
pub struct Hosts {
    endpoints: Vec<Endpoint>,
    /// The one that is tried now.
    at: usize,
    /// Hosts that have failed, one after the other.
    failed: usize,
}

impl Hosts {
    /// `first` is tried first, and then the others in their order.
    pub fn new(first: Endpoint, others: impl Iterator<Item = Endpoint>) -> Hosts {
        let endpoints = std::iter::once(first).chain(others).collect();
        Hosts { endpoints, at: 0, failed: 0 }
    }

    /// The one that is tried now.
    pub fn current(&self) -> &Endpoint {
        &self.endpoints[self.at]
    }

    /// Whether there are several.
    pub fn are_several(&self) -> bool {
        self.endpoints.len() > 1
    }

    /// The present one serves.
    pub fn note_serving(&mut self) {
        self.failed = 0;
    }

    /// The present one does not serve: the next is tried. Whether at once: not when all have
    /// failed since one has served.
    pub fn try_next(&mut self) -> bool {
        self.at = (self.at + 1) % self.endpoints.len();
        self.failed = (self.failed + 1) % self.endpoints.len();
        self.failed > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> Endpoint {
        Endpoint::Tcp { host: host.to_owned(), port: 1 }
    }

    #[test]
    fn each_is_tried_once_before_there_is_a_pause() {
        let mut hosts = Hosts::new(endpoint("a"), ["b", "c"].map(endpoint).into_iter());
        let tried = |hosts: &mut Hosts| (hosts.current().clone(), hosts.try_next());
        assert_eq!(tried(&mut hosts), (endpoint("a"), true));
        assert_eq!(tried(&mut hosts), (endpoint("b"), true));
        assert_eq!(tried(&mut hosts), (endpoint("c"), false));
        assert_eq!(tried(&mut hosts), (endpoint("a"), true));
        hosts.note_serving();
        assert_eq!(tried(&mut hosts), (endpoint("b"), true));
        assert_eq!(tried(&mut hosts), (endpoint("c"), true));
        assert_eq!(tried(&mut hosts), (endpoint("a"), false));
    }

    #[test]
    fn after_the_only_one_there_is_a_pause() {
        let mut hosts = Hosts::new(endpoint("a"), std::iter::empty());
        assert!(!hosts.try_next());
        assert!(!hosts.are_several());
        assert_eq!(hosts.current(), &endpoint("a"));
    }
}
