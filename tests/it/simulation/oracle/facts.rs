//! What is told to the oracle.

/// What the store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub epoch: u64,
    pub taken: u64,
    pub limit: u64,
    pub made: String,
    pub token: Option<String>,
}

/// Who asked for numbers, and what of the counter it had seen: epoch and count.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub process: usize,
    pub link: u64,
    pub sequence: u64,
    pub seen: (u64, u64),
}

/// A run of the script that takes.
pub struct Take<'a> {
    pub asker: Asker,
    pub before: Option<&'a Held>,
    pub after: Option<&'a Held>,
    /// The first of the numbers that the reply grants, and how many they are.
    pub granted: Option<(u64, u64)>,
    /// What the asker had seen could be written down: the store was not out of memory, and the
    /// counter was not damaged.
    pub can_tell: bool,
}
