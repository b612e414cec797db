//! A survey: what a store holds of one counter, or of all. It only reads.

use std::collections::{BTreeMap, VecDeque};

use crate::counter::Count;
use crate::limits::STATUS_COUNTERS_MAX;
use crate::store::counters::Made;
use crate::store::error::Fault;

/// Which counters are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one of this name.
    One(String),
    /// All, up to [`STATUS_COUNTERS_MAX`].
    All,
}

/// What a store holds of a counter that can be taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// How many are taken, and the limit.
    pub count: Count,
    /// The epoch.
    pub epoch: u64,
    /// How that began.
    pub made: Made,
}

/// The counters that were read, sorted by name; or why one must not be taken from.
pub type Rows = Vec<(String, Result<Held, Fault>)>;

/// What was read of a store.
#[derive(Clone, Debug)]
pub struct Found {
    /// The counters.
    pub rows: Rows,
    /// There are more of them.
    pub is_cut_short: bool,
}

/// How far a store that gives pages of counters has come.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The last name that came.
    pub last: String,
    /// Rows of the page so far.
    pub rows: usize,
}

/// What is known so far, on one connection.
#[derive(Debug)]
pub struct Survey {
    scope: Scope,
    /// Of those named, in order, what the store says of each is still due.
    due: VecDeque<String>,
    /// `None` while it is due.
    found: BTreeMap<String, Option<Result<Held, Fault>>>,
    are_all_named: bool,
    is_cut_short: bool,
    /// Of the present try.
    steps: u64,
    /// Of the tries before, at the most.
    steps_before: u64,
}

impl Survey {
    /// Nothing is known yet.
    pub fn new(scope: Scope) -> Survey {
        Survey {
            scope,
            due: VecDeque::new(),
            found: BTreeMap::new(),
            are_all_named: false,
            is_cut_short: false,
            steps: 0,
            steps_before: 0,
        }
    }

    /// Begins on a new connection: forgets what an earlier one has brought.
    pub fn begin(&mut self) -> &Scope {
        let steps_before = self.steps();
        *self = Survey { steps_before, ..Survey::new(self.scope.clone()) };
        &self.scope
    }

    /// Goes on at another node of the same store.
    pub fn go_on(&mut self) -> &Scope {
        self.due.clear();
        &self.scope
    }

    /// Whether all counters are read.
    pub fn is_of_all(&self) -> bool {
        self.scope == Scope::All
    }

    /// There is a counter of this name; whether what it holds is to be read.
    pub fn name(&mut self, name: &str) -> bool {
        if self.found.contains_key(name) {
            return false;
        }
        if self.found.len() >= STATUS_COUNTERS_MAX {
            self.is_cut_short = true;
            return false;
        }
        self.found.insert(name.to_owned(), None);
        self.due.push_back(name.to_owned());
        true
    }

    /// The store says what the oldest one that is due holds; `None` if it is not there.
    pub fn answered(&mut self, held: Option<Result<Held, Fault>>) {
        self.steps += 1;
        let Some(name) = self.due.pop_front() else { return };
        match held {
            Some(held) => drop(self.found.insert(name, Some(held))),
            None => drop(self.found.remove(&name)),
        }
    }

    /// More may follow.
    pub fn step(&mut self) {
        self.steps += 1;
    }

    /// No more are named.
    pub fn all_named(&mut self) {
        self.are_all_named = true;
    }

    /// More are named at another node.
    pub fn more_are_named(&mut self) {
        self.are_all_named = false;
    }

    /// Whether there are more than are read.
    pub fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// How far it has come, in answers of the store: a try that comes no further than one before
    /// does not count.
    pub fn steps(&self) -> u64 {
        self.steps.max(self.steps_before)
    }

    /// Whether all that was to be read is read.
    pub fn is_done(&self) -> bool {
        self.are_all_named && self.due.is_empty()
    }

    /// What was read.
    pub fn rows(self) -> Rows {
        let row = |(name, held): (String, Option<_>)| Some((name, held?));
        self.found.into_iter().filter_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Held = Held { count: Count { taken: 1, limit: 2 }, epoch: 3, made: Made::Reset };

    #[test]
    fn a_counter_that_is_named_twice_is_read_once_and_one_that_went_is_left_out() {
        let mut survey = Survey::new(Scope::All);
        assert!(survey.name("b") && survey.name("a") && !survey.name("b"));
        survey.all_named();
        survey.answered(Some(Ok(HELD)));
        assert!(!survey.is_done());
        survey.answered(None);
        assert!(survey.is_done());
        assert_eq!(survey.rows().into_iter().map(|row| row.0).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_is_held_has_a_bound() {
        let mut survey = Survey::new(Scope::All);
        let named = (0..STATUS_COUNTERS_MAX + 5).filter(|number| survey.name(&number.to_string()));
        assert_eq!(named.count(), STATUS_COUNTERS_MAX);
        assert!(survey.is_cut_short());
        assert_eq!(survey.begin(), &Scope::All);
        assert!(!survey.is_cut_short() && survey.name("again"));
    }
}
