//! A counter as an operator names it: `NAME` or `NAME=LIMIT`.
//!
//! A leaf: it knows neither flags nor variables.

use super::value::integer;
use crate::limits::{COUNTER_NAME_BYTES_MAX, LIMIT_MAX};

/// A counter that a process serves, or that a command creates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CounterSpec {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`, not `.` nor `..`.
    pub name: String,
    /// The limit it is created with, 0 to [`LIMIT_MAX`]; 0 is closed.
    pub limit: u64,
}

/// Whether a counter that the store does not have is created at start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreatePolicy {
    /// It is created, and a warning says so.
    Missing,
    /// It is not: takes are refused until a `create`.
    Never,
}

impl CounterSpec {
    /// Reads `NAME` or `NAME=LIMIT`; a name alone has `limit_default`.
    pub(super) fn parse(text: &str, limit_default: u64) -> Option<CounterSpec> {
        let (name, limit) = match text.split_once('=') {
            Some((name, limit)) => (name, integer(limit)?),
            None => (text, limit_default),
        };
        let is_allowed = is_counter_name(name) && limit <= LIMIT_MAX;
        is_allowed.then(|| CounterSpec { name: name.to_owned(), limit })
    }
}

impl CreatePolicy {
    /// Reads `missing` or `never`.
    pub(super) fn parse(text: &str) -> Option<CreatePolicy> {
        match text {
            "missing" => Some(CreatePolicy::Missing),
            "never" => Some(CreatePolicy::Never),
            _ => None,
        }
    }
}

/// Whether a counter may have this name. `.` and `..` have a meaning in the path of a URL.
pub fn is_counter_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=COUNTER_NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(plain)
        && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_a_name_with_or_without_a_limit() {
        let longest = "a".repeat(64);
        let table = [
            ("shoes", Some(("shoes", 7))),
            ("shoes=100", Some(("shoes", 100))),
            ("shoes=0", Some(("shoes", 0))),
            ("shoes=9007199254740991", Some(("shoes", LIMIT_MAX))),
            ("-Sale_7.a=1", Some(("-Sale_7.a", 1))),
            ("...", Some(("...", 7))),
            (&longest, Some((&*longest, 7))),
            ("shoes=9007199254740992", None),
            ("shoes=", None),
            ("shoes=-1", None),
            ("shoes=1=2", None),
            ("shoes =1", None),
            ("=1", None),
            ("", None),
            (".", None),
            ("..", None),
            ("..=5", None),
            ("a b", None),
            ("a/b", None),
            ("a,b", None),
            ("{a}", None),
            ("é", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(name, limit)| CounterSpec { name: name.into(), limit });
            assert_eq!(CounterSpec::parse(text, 7), expected, "{text:?}");
        }
        assert_eq!(CounterSpec::parse(&"a".repeat(65), 7), None);
    }
}
