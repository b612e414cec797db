//! The idempotency key of a take: the field `Idempotency-Key`, or another one that is named.
//!
//! Its value is a bare word or a String of Structured Fields (RFC 9651, section 3.3.3), as in
//! draft-ietf-httpapi-idempotency-key-header: `abc` and `"abc"` are one key. What is ambiguous, as
//! a field that comes twice, is refused: a buyer would get a number under a key that is not theirs.
//! For the same reason a bare word has no comma, by which a proxy makes one field of two, and no
//! semicolon, behind which parameters stand.

use crate::http::{self, Request};
use crate::limits::KEY_BYTES_MAX;
use crate::store::keys::Key;

/// The field that has the key, unless told otherwise.
pub const KEY_FIELD_DEFAULT: &str = http::KEY_FIELD;

/// Where a key is looked for, and whether there must be one.
#[derive(Clone, Debug)]
pub struct KeyRules {
    field: String,
    is_required: bool,
    /// It is to be looked for even if the parser has not noted it.
    is_always_sought: bool,
}

/// Why a take is refused for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// There is none, and there must be one.
    Missing,
    /// There are two fields, or one with two values.
    Repeated,
    /// It has no byte.
    Empty,
    /// It has more than [`KEY_BYTES_MAX`].
    TooLong,
    /// Parameters stand behind it, or anything else.
    Parameters,
    /// Its quotes do not end, or a backslash in them stands before another byte than `"` and `\`.
    Quotes,
    /// It has other bytes than visible ASCII.
    Malformed,
}

impl KeyRules {
    /// The key is in the field of this name, in any case.
    pub fn new(field: &str, is_required: bool) -> KeyRules {
        let is_default = field.eq_ignore_ascii_case(KEY_FIELD_DEFAULT);
        KeyRules {
            field: field.to_owned(),
            is_required,
            is_always_sought: is_required || !is_default,
        }
    }

    /// The name of the field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Whether there may be a key, or must be one: else [`KeyRules::key_of`] finds none.
    #[inline]
    pub fn may_find(&self, request: &Request<'_>) -> bool {
        request.has_key_field || self.is_always_sought
    }

    /// The key of a take, if it has one.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn key_of(&self, request: &Request<'_>) -> Result<Option<Key>, KeyFault> {
        let mut values = request.fields.values(&self.field);
        match (values.next(), values.next()) {
            (None, _) if self.is_required => Err(KeyFault::Missing),
            (None, _) => Ok(None),
            (Some(value), None) => key(value).map(Some),
            (Some(_), Some(_)) => Err(KeyFault::Repeated),
        }
    }
}

impl Default for KeyRules {
    fn default() -> KeyRules {
        KeyRules::new(KEY_FIELD_DEFAULT, false)
    }
}

fn key(value: &[u8]) -> Result<Key, KeyFault> {
    let bytes = match value.strip_prefix(b"\"") {
        Some(rest) => unquoted(rest)?,
        None if value.contains(&b',') => return Err(KeyFault::Repeated),
        None if value.contains(&b';') => return Err(KeyFault::Parameters),
        None => value.to_vec(),
    };
    match bytes.len() {
        0 => Err(KeyFault::Empty),
        1..=KEY_BYTES_MAX => Key::new(&bytes).ok_or(KeyFault::Malformed),
        _ => Err(KeyFault::TooLong),
    }
}

/// What stands in quotes, of which the first is read.
fn unquoted(rest: &[u8]) -> Result<Vec<u8>, KeyFault> {
    let (mut bytes, mut rest) = (Vec::new(), rest.iter());
    loop {
        match rest.next() {
            Some(b'"') => break,
            Some(b'\\') => match rest.next() {
                Some(byte @ (b'"' | b'\\')) => bytes.push(*byte),
                _ => return Err(KeyFault::Quotes),
            },
            Some(byte) => bytes.push(*byte),
            None => return Err(KeyFault::Quotes),
        }
    }
    match rest.as_slice().trim_ascii_start() {
        [] => Ok(bytes),
        [b',', ..] => Err(KeyFault::Repeated),
        _ => Err(KeyFault::Parameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse;

    fn key_of(rules: &KeyRules, fields: &str) -> Result<Option<String>, KeyFault> {
        let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let parsed = parse(bytes.as_bytes()).expect("it keeps the rules");
        let (request, _) = parsed.expect("it is whole");
        Ok(rules.key_of(&request)?.map(|key| key.as_str().to_owned()))
    }

    #[test]
    fn a_key_is_a_bare_word_or_a_string() {
        let (longest, too_long) = ("k".repeat(KEY_BYTES_MAX), "k".repeat(KEY_BYTES_MAX + 1));
        let escaped = "\\\\".repeat(KEY_BYTES_MAX);
        let is = |key: &str| Ok(Some(key.to_owned()));
        let rows = [
            ("abc", is("abc")),
            ("  abc\t", is("abc")),
            (r#""abc""#, is("abc")),
            (r#""abc"  "#, is("abc")),
            ("a=b+/c\"d\\e", is("a=b+/c\"d\\e")),
            (r#""a\"b\\c""#, is(r#"a"b\c"#)),
            (r#""a,b;c""#, is("a,b;c")),
            (&longest, is(&longest)),
            (&format!("\"{longest}\""), is(&longest)),
            (&format!("\"{escaped}\""), is(&"\\".repeat(KEY_BYTES_MAX))),
            ("", Err(KeyFault::Empty)),
            (r#""""#, Err(KeyFault::Empty)),
            (&too_long, Err(KeyFault::TooLong)),
            (&format!("\"{too_long}\""), Err(KeyFault::TooLong)),
            ("abc;a=1", Err(KeyFault::Parameters)),
            (r#""abc";a=1"#, Err(KeyFault::Parameters)),
            (r#""abc" x"#, Err(KeyFault::Parameters)),
            (r#""abc"x"#, Err(KeyFault::Parameters)),
            ("abc, def", Err(KeyFault::Repeated)),
            (r#""abc", "def""#, Err(KeyFault::Repeated)),
            ("a b", Err(KeyFault::Malformed)),
            (r#""a b""#, Err(KeyFault::Malformed)),
            ("\u{e4}", Err(KeyFault::Malformed)),
            ("\"\u{e4}\"", Err(KeyFault::Malformed)),
            ("a\tb", Err(KeyFault::Malformed)),
            (r#"""#, Err(KeyFault::Quotes)),
            (r#""abc"#, Err(KeyFault::Quotes)),
            (r#""abc\""#, Err(KeyFault::Quotes)),
            (r#""a\b""#, Err(KeyFault::Quotes)),
            (r#""a\"#, Err(KeyFault::Quotes)),
        ];
        for (value, expected) in rows {
            let fields = format!("Idempotency-Key: {value}\r\n");
            assert_eq!(key_of(&KeyRules::default(), &fields), expected, "{value}");
        }
    }

    #[test]
    fn the_field_is_found_by_its_name_in_any_case_and_may_not_come_twice() {
        let is = |key: &str| Ok(Some(key.to_owned()));
        let rows = [
            ("Idempotency-Key", "idempotency-KEY: a\r\n", is("a")),
            ("idempotency-key", "Idempotency-Key: a\r\n", is("a")),
            ("Idempotency-Key", "X-Buyer: a\r\nIdempotency-Kez: b\r\n", Ok(None)),
            ("X-Buyer", "x-buyer: a\r\nIdempotency-Key: b\r\n", is("a")),
            ("X-Buyer", "Idempotency-Key: b\r\n", Ok(None)),
            (
                "Idempotency-Key",
                "Idempotency-Key: a\r\nidempotency-key: a\r\n",
                Err(KeyFault::Repeated),
            ),
            ("X-Buyer", "X-Buyer: a\r\nX-Buyer: b\r\n", Err(KeyFault::Repeated)),
        ];
        for (name, fields, expected) in rows {
            assert_eq!(key_of(&KeyRules::new(name, false), fields), expected, "{name}: {fields}");
        }
    }

    #[test]
    fn where_a_key_is_required_a_take_without_one_is_refused() {
        for name in [KEY_FIELD_DEFAULT, "X-Buyer"] {
            let rules = KeyRules::new(name, true);
            assert_eq!(key_of(&rules, "X-Other: a\r\n"), Err(KeyFault::Missing));
            assert_eq!(key_of(&rules, &format!("{name}: a\r\n")), Ok(Some("a".to_owned())));
        }
    }
}
