//! The first line of a chunk: its size, and the extensions that are checked and ignored (RFC 9112,
//! sections 7.1 and 7.1.1).
//!
//! The grammar is followed to the byte: a line that somebody else on the way may have read in
//! another way, above all one with an open quote, is refused (RFC 9112, section 11.2).

use super::head::is_token_byte;

/// The digits that a `u64` has room for.
const SIZE_DIGITS_MAX: usize = 16;

/// The size in `line`, which has no line end; `None` if it is not `chunk-size [ chunk-ext ]`.
pub(super) fn size(line: &[u8]) -> Option<u64> {
    let digits_end = line.iter().position(|byte| !byte.is_ascii_hexdigit());
    let (digits, extensions) = line.split_at(digits_end.unwrap_or(line.len()));
    if digits.len() > SIZE_DIGITS_MAX || !are_extensions(extensions) {
        return None;
    }
    // An empty string is no number; a sign, which would be one, is no digit.
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Whether `bytes` are extensions and nothing else: no white space behind the last one either.
fn are_extensions(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some(after) = after_extension(rest) else {
            return false;
        };
        rest = after;
    }
    true
}

/// What follows `BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ]` at the start of `bytes`.
fn after_extension(bytes: &[u8]) -> Option<&[u8]> {
    let name = after_blanks(after_blanks(bytes).strip_prefix(b";")?);
    let after_name = after_token(name)?;
    match after_blanks(after_name).strip_prefix(b"=") {
        Some(value) => after_value(after_blanks(value)),
        None => Some(after_name),
    }
}

/// A value is a token or a quoted string.
fn after_value(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.strip_prefix(b"\"") {
        Some(text) => after_quoted(text),
        None => after_token(bytes),
    }
}

/// What follows the quote that ends the string (RFC 9110, section 5.6.4); a byte behind a
/// backslash is itself and ends nothing.
fn after_quoted(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', byte, after @ ..] if is_text_byte(*byte) => after,
            [b'\\', ..] => return None,
            [byte, after @ ..] if is_text_byte(*byte) => after,
            _ => return None,
        };
    }
}

/// What follows a token of at least one byte.
fn after_token(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(bytes.len());
    (end > 0).then(|| &bytes[end..])
}

/// BWS: white space that should not be sent, and is read past (RFC 9110, section 5.6.3).
fn after_blanks(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    &bytes[end.unwrap_or(bytes.len())..]
}

/// HTAB, SP, VCHAR and obs-text: all that a quoted string may have, escaped or not.
fn is_text_byte(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}
