//! How one value of the operator is read, and how it is refused.
//!
//! A refusal is one line that may be shown to anyone: control characters in it are escaped, long
//! values are cut, and what might hold a password is not repeated.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What was wrong with the command line or the environment, and what is allowed instead.
///
/// Its `Display` is one line for stderr; it never holds a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError(String);

impl ConfigError {
    /// The caller answers for `message`: one line, with every foreign value [`quoted`].
    pub(super) fn new(message: impl Into<String>) -> ConfigError {
        ConfigError(message.into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for ConfigError {}

/// An error of the caller's type; see [`ConfigError::new`] for what `message` must be.
pub(super) fn refuse<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::new(message))
}

/// `value` as an error may repeat it: in quotes, escaped and cut.
///
/// A value with an `@` or a `://` may be a store's URL that went to the wrong flag, and with it a
/// password: it is not repeated at all.
pub(super) fn quoted(value: &str) -> String {
    if value.contains('@') || value.contains("://") {
        return "(not shown: it may hold a password)".to_owned();
    }
    // Debug escapes quotes, control characters and whatever else is not printable.
    match value.char_indices().nth(QUOTED_CHARACTERS_MAX) {
        Some((end, _)) => format!("{:?}...", &value[..end]),
        None => format!("{value:?}"),
    }
}

/// An integer of decimal digits and nothing else: no sign, no space, no grouping.
pub(super) fn integer(text: &str) -> Option<u64> {
    // An empty text has only digits too; `parse` refuses that one.
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    digits_only.then(|| text.parse().ok()).flatten()
}

/// A time span as an operator writes it, in milliseconds: `500ms`, `5s`, `2m` or `1h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Span(u64);

impl Span {
    pub(super) const fn from_ms(milliseconds: u64) -> Span {
        Span(milliseconds)
    }

    /// An integer and its unit, with nothing between them; `None` if it is anything else.
    pub(super) fn parse(text: &str) -> Option<Span> {
        let unit_start = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(unit_start);
        let (_, milliseconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        integer(number)?.checked_mul(milliseconds).map(Span)
    }

    pub(super) fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// In whole hours, else in whole seconds, else in milliseconds: `90s` is easier to compare with
/// another span in seconds than `1m` and a half.
impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => formatter.write_str("0s"),
            span if span % HOUR_MS == 0 => write!(formatter, "{}h", span / HOUR_MS),
            span if span % SECOND_MS == 0 => write!(formatter, "{}s", span / SECOND_MS),
            span => write!(formatter, "{span}ms"),
        }
    }
}

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;

/// Each unit of a span, and how many milliseconds it has.
const UNITS: [(&str, u64); 4] =
    [("ms", 1), ("s", SECOND_MS), ("m", 60 * SECOND_MS), ("h", HOUR_MS)];

/// Characters of a wrong value that an error repeats: enough to know it again.
const QUOTED_CHARACTERS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_escaped_and_cut() {
        let long = "é".repeat(41);
        let cut = format!("\"{}\"...", "é".repeat(40));
        let table = [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\x1b[31m\x7f", r#""a\nb\u{1b}[31m\u{7f}""#),
            ("\u{202e}\u{2028}", r#""\u{202e}\u{2028}""#),
            (&"é".repeat(40), &format!("\"{}\"", "é".repeat(40))),
            (&long, &cut),
            ("redis://h", "(not shown: it may hold a password)"),
            (":secret@h", "(not shown: it may hold a password)"),
        ];
        for (value, expected) in table {
            assert_eq!(quoted(value), expected, "{value:?}");
        }
    }

    #[test]
    fn an_integer_is_digits_only() {
        let table = [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1_000", None),
            ("1.0", None),
            ("0x10", None),
            ("١", None),
        ];
        for (text, expected) in table {
            assert_eq!(integer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_span_is_an_integer_and_a_unit() {
        let table = [
            ("500ms", Some((500, "500ms"))),
            ("5s", Some((5_000, "5s"))),
            ("5000ms", Some((5_000, "5s"))),
            ("90s", Some((90_000, "90s"))),
            ("2m", Some((120_000, "120s"))),
            ("1h", Some((3_600_000, "1h"))),
            ("0s", Some((0, "0s"))),
            ("007s", Some((7_000, "7s"))),
            ("18446744073709551615ms", Some((u64::MAX, "18446744073709551615ms"))),
            ("18446744073709551615s", None),
            ("500", None),
            ("", None),
            ("s", None),
            ("5 s", None),
            (" 5s", None),
            ("5S", None),
            ("5sec", None),
            ("1h30m", None),
            ("0.5s", None),
            ("-5s", None),
            ("+5s", None),
            ("5d", None),
            ("٥s", None),
        ];
        for (text, expected) in table {
            let shown = Span::parse(text).map(|span| (span.0, span.to_string()));
            let expected = expected.map(|(number, shown)| (number, shown.to_owned()));
            assert_eq!(shown, expected, "{text:?}");
        }
        assert_eq!(Span::from_ms(1_500).duration(), Duration::from_millis(1_500));
    }
}
