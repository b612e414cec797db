//! What a value may be: how it is checked, and how that is said in help and errors.

use std::fmt;

use super::value::{Span, integer};
use crate::limits::LIMIT_MAX;

/// What a value may be; shown in words.
pub(super) enum Allowed {
    /// An integer from the first to the second.
    Range(u64, u64),
    /// One of a few numbers.
    OneOf(&'static [u16]),
    /// A time span from the first to the second. A bare number counts milliseconds, as in
    /// headcount 0.1.
    SpanOrMs(Span, Span),
    /// A time span up to this one, with its unit; 0 needs none.
    SpanUpTo(Span),
    /// A time span of whole seconds up to this one, with its unit; 0, which means none, needs none.
    SecondsUpTo(Span),
    /// A counter with or without its limit.
    Counter,
    /// A form that `config` knows, in words.
    Form(&'static str),
    /// There is no value: the flag is there or not. Its variable is true or false.
    Nothing,
}

/// What a counter's name may be, in words.
pub(super) const NAME_ALLOWED: &str = "1 to 64 of A-Z a-z 0-9 . _ -, not . or ..";

impl Allowed {
    /// The number that `text` is, if it is allowed.
    pub(super) fn number(&self, text: &str) -> Option<u64> {
        integer(text).filter(|&number| match self {
            Allowed::Range(min, max) => (*min..=*max).contains(&number),
            Allowed::OneOf(numbers) => numbers.iter().any(|&one| u64::from(one) == number),
            _ => false,
        })
    }

    /// The time span that `text` is, if it is allowed.
    pub(super) fn span(&self, text: &str) -> Option<Span> {
        let milliseconds = integer(text).map(Span::from_ms);
        let span = Span::parse(text);
        let zero = milliseconds.filter(|it| *it == Span::from_ms(0));
        match *self {
            Allowed::SpanOrMs(min, max) => {
                span.or(milliseconds).filter(|span| (min..=max).contains(span))
            }
            Allowed::SpanUpTo(max) => span.or(zero).filter(|span| *span <= max),
            Allowed::SecondsUpTo(max) => {
                span.or(zero).filter(|span| *span <= max && span.duration().subsec_nanos() == 0)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Range(min, max) => write!(formatter, "an integer from {min} to {max}"),
            Allowed::OneOf(numbers) => {
                let words: Vec<String> = numbers.iter().map(u16::to_string).collect();
                write!(formatter, "one of {}", words.join(", "))
            }
            Allowed::SpanOrMs(min, max) => {
                write!(formatter, "a duration from {min} to {max}, such as 500ms or 5s")
            }
            Allowed::SpanUpTo(max) => {
                write!(formatter, "a duration from 0s to {max}, such as 500ms or 5s")
            }
            Allowed::SecondsUpTo(max) => {
                write!(formatter, "0 for ever, or a duration from 1s to {max}, such as 90s or 1h")
            }
            Allowed::Counter => {
                let limit = "LIMIT an integer from 0 to";
                write!(formatter, "NAME or NAME=LIMIT; NAME {NAME_ALLOWED}; {limit} {LIMIT_MAX}")
            }
            Allowed::Form(words) => formatter.write_str(words),
            Allowed::Nothing => formatter.write_str("true or false"),
        }
    }
}
