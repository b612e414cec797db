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

/// What a reply says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyReply {
    /// This number is new to it.
    New(u64),
    /// It had this number already.
    Replay(u64),
    None,
}

impl KeyReply {
    /// An element of the script's reply; `None` if it is of no key.
    pub fn parse(line: &str) -> Option<KeyReply> {
        if let Some((number, _)) = line.split_once(' ') {
            return Some(KeyReply::Replay(number.parse().ok()?));
        }
        let number: i64 = line.strip_prefix(':')?.parse().ok()?;
        Some(match number {
            0 => KeyReply::None,
            1.. => KeyReply::New(number.unsigned_abs()),
            _ => KeyReply::Replay(number.unsigned_abs()),
        })
    }
}

/// A run of the script that takes.
#[derive(Debug)]
pub struct Take<'a> {
    pub asker: Asker,
    pub before: Option<&'a Held>,
    pub after: Option<&'a Held>,
    /// The first of the numbers that the reply grants without a key, and how many they are.
    pub granted: Option<(u64, u64)>,
    /// The keys of the request, and what the reply says of each; none if it did not run.
    pub keyed: Vec<(&'a str, KeyReply)>,
    /// What the asker had seen could be written down: the store was not out of memory, and the
    /// counter was not damaged.
    pub can_tell: bool,
}
