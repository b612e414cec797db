//! How one value of the operator is read, and how it is refused.
//!
//! A refusal is one line that may be shown to anyone: control characters in it are escaped, long
//! values are cut, and what might hold a password is not repeated.

use std::error::Error;
use std::fmt;

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

/// A number of decimal digits and nothing else: no sign, no space, no grouping.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    // An empty text has only digits too; `parse` refuses that one.
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    digits_only.then(|| text.parse().ok()).flatten()
}

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
    fn a_whole_number_is_digits_only() {
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
            assert_eq!(whole_number(text), expected, "{text:?}");
        }
    }
}
