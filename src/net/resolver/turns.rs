//! Whose turn it is among the addresses of a name. Each name has a count of its own: with one for
//! all, two hosts of two addresses each, tried by turns, would always begin at the same ones.

use std::collections::VecDeque;

use crate::limits::ADDRESS_TURNS_MAX;

/// A host's name, and the port that is connected to there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, which is no address.
    pub host: String,
    /// The port at each of its addresses.
    pub port: u16,
}

/// How often each name was resolved. Of more than [`ADDRESS_TURNS_MAX`] names, the one that was
/// resolved least recently is forgotten, and begins anew.
#[derive(Debug, Default)]
pub struct Turns {
    /// The last one is the most recent.
    counts: VecDeque<(Name, usize)>,
}

impl Turns {
    /// How often the name was resolved before.
    pub fn next(&mut self, name: Name) -> usize {
        let known = self.counts.iter().position(|(known, _)| *known == name);
        let last = known.and_then(|at| self.counts.remove(at));
        let count = last.map_or(0, |(_, count)| count.wrapping_add(1));
        if self.counts.len() == ADDRESS_TURNS_MAX {
            self.counts.pop_front();
        }
        self.counts.push_back((name, count));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: &str) -> Name {
        Name { host: host.to_owned(), port: 1 }
    }

    #[test]
    fn each_name_has_a_count_of_its_own() {
        let mut turns = Turns::default();
        let tried = ["a", "b", "a", "b", "a"].map(|host| turns.next(name(host)));
        assert_eq!(tried, [0, 0, 1, 1, 2]);
        assert_eq!(turns.next(Name { port: 2, ..name("a") }), 0);
    }

    #[test]
    fn the_name_that_was_resolved_least_recently_is_forgotten() {
        let mut turns = Turns::default();
        for host in 0..ADDRESS_TURNS_MAX {
            turns.next(name(&host.to_string()));
        }
        assert_eq!(turns.next(name("0")), 1);
        assert_eq!(turns.next(name("one more")), 0);
        assert_eq!(turns.counts.len(), ADDRESS_TURNS_MAX);
        assert_eq!(turns.next(name("0")), 2);
        assert_eq!(turns.next(name("1")), 0, "it was forgotten");
    }
}
