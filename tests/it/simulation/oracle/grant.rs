//! What the oracle remembers of the store.

use std::ops::RangeInclusive;

use super::Asker;

/// An epoch, in the order in which they began.
#[derive(Debug)]
pub struct Epoch {
    pub number: u64,
    /// A reset or a set has made it: everybody follows it.
    pub is_followed: bool,
    /// Numbers are given once in a sale, which a start that creates the counter anew goes on with.
    pub sale: usize,
}

/// What was true of the counter at some time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub epoch: u64,
    pub limit: u64,
    pub is_halted: bool,
}

#[derive(Debug)]
pub struct Grant {
    pub asker: Asker,
    /// Whose numbers they are, if not anybody's.
    pub key: Option<String>,
    pub epoch: u64,
    pub sale: usize,
    pub numbers: RangeInclusive<u64>,
    /// Losses before it.
    pub losses: u64,
    /// The loss, from 1, that it fell to.
    pub lost_in: Option<u64>,
    pub handed_out: Vec<u64>,
}

impl Grant {
    /// The numbers that were handed out, or that their key can always have.
    pub fn settled(&self) -> Vec<u64> {
        match self.key {
            Some(_) => self.numbers.clone().collect(),
            None => self.handed_out.clone(),
        }
    }
}
