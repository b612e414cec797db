//! The numbers that clients were given, and what is promised of them.

use std::collections::HashMap;

/// Every number with the processes that handed it out.
#[derive(Debug)]
pub struct HandedOut {
    givers: HashMap<u64, Vec<usize>>,
    /// Lives of the counter so far: each may hand out each number once.
    generations: usize,
    /// The store has forgotten. Then only what a process has seen itself is never repeated.
    is_rolled_back: bool,
}

impl HandedOut {
    pub fn new() -> HandedOut {
        HandedOut { givers: HashMap::new(), generations: 1, is_rolled_back: false }
    }

    /// The counter began anew.
    pub fn reset(&mut self) {
        self.generations += 1;
    }

    /// The store went back to an earlier state.
    pub fn roll_back(&mut self) {
        self.is_rolled_back = true;
    }

    /// A client of this process got this number.
    pub fn add(&mut self, number: u64, process: usize) {
        let givers = self.givers.entry(number).or_default();
        givers.push(process);
        let by_this = givers.iter().filter(|giver| **giver == process).count();
        let repeats = if self.is_rolled_back { by_this } else { givers.len() };
        assert!(repeats <= self.generations, "{number} was handed out twice, by {givers:?}");
    }

    /// The highest number of all, if the counter has had one life, and nothing was forgotten.
    pub fn highest(&self) -> Option<u64> {
        let is_one_life = self.generations == 1 && !self.is_rolled_back;
        self.givers.keys().copied().max().filter(|_| is_one_life)
    }

    /// Each number from 1 to the limit was handed out, and no other.
    pub fn assert_all(&self, limit: u64) {
        let mut numbers: Vec<u64> = self.givers.keys().copied().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=limit).collect::<Vec<u64>>(), "numbers are lost");
    }
}
