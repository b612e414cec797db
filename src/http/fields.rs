//! Fields: where a section of them ends, its lines, and what they say about body and connection.
//!
//! What httparse leaves open is closed here: it takes a lone LF as a line end and as the end of
//! the section, and it looks into no value. Of the rest it is strict: a name is a token with the
//! colon right behind it, a value has no control byte but HTAB, a CR stands before LF only, and
//! a line that starts with white space is no field, so nothing is folded.
//!
//! What the fields mean in a version is `head`'s.

use httparse::Header;

use super::refusal::Refusal;
use super::target;
use crate::limits::FIELDS_MAX;

/// The field of an idempotency key, unless told otherwise. It is noted while the fields are read,
/// so that a request without it is not searched for it.
pub const KEY_FIELD: &str = "Idempotency-Key";

/// Slots for the fields of nearly every head; one with more is split twice. To make [`FIELDS_MAX`]
/// slots ready takes 250 instructions, a tenth of all that a request takes.
const FIELDS_USUAL: usize = 24;

/// What the section at the start of `bytes` says, and its length with the blank line; `None` while
/// that is not there.
///
/// # Errors
/// Those of [`split`], for [`FIELDS_MAX`] fields; then what a field must not say.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Said, usize)>, Refusal> {
    match read_up_to::<FIELDS_USUAL>(bytes) {
        Err(Refusal::TooManyFields) => read_up_to::<FIELDS_MAX>(bytes),
        outcome => outcome,
    }
}

fn read_up_to<const COUNT: usize>(bytes: &[u8]) -> Result<Option<(Said, usize)>, Refusal> {
    let mut room = [httparse::EMPTY_HEADER; COUNT];
    let Some((fields, length)) = split(bytes, &mut room)? else {
        return Ok(None);
    };
    Ok(Some((Said::gather(fields)?, length)))
}

/// The fields of the section at the start of `bytes`, as many as `room` has slots, and its length
/// with the blank line; `None` while that is not there.
///
/// # Errors
/// A line that ends in LF without CR, as soon as it is there. When the section is whole, the first
/// line that is no field, or the field past the last slot, whichever comes first.
pub(super) fn split<'bytes, 'room>(
    bytes: &'bytes [u8],
    room: &'room mut [Header<'bytes>],
) -> Result<Option<(&'room [Header<'bytes>], usize)>, Refusal> {
    let (seen, outcome) = match httparse::parse_headers(bytes, room) {
        Ok(httparse::Status::Complete((length, fields))) => (length, Some((fields, length))),
        Ok(httparse::Status::Partial) => (bytes.len(), None),
        Err(error) => return refuse(bytes, error),
    };
    match has_bare_line_feed(&bytes[..seen]) {
        true => Err(Refusal::BareLineFeed),
        false => Ok(outcome),
    }
}

/// Looks at pairs without a branch, so that the compiler does 16 at once.
fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    let is_bare = |(before, byte): (&u8, &u8)| *byte == b'\n' && *before != b'\r';
    bytes.first() == Some(&b'\n') || pairs.fold(false, |any, pair| any | is_bare(pair))
}

/// httparse has stopped at a fault, and what follows it is judged first: the rest of the section
/// must be there, and have no LF without CR.
fn refuse<T>(bytes: &[u8], error: httparse::Error) -> Result<Option<T>, Refusal> {
    let mut rest = bytes;
    while let Some(line_end) = rest.iter().position(|&byte| byte == b'\n') {
        let line = rest[..line_end].strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
        rest = &rest[line_end + 1..];
        if line.is_empty() {
            return Err(match error {
                httparse::Error::TooManyHeaders => Refusal::TooManyFields,
                httparse::Error::HeaderValue => Refusal::MalformedFieldValue,
                _ => Refusal::MalformedFieldName,
            });
        }
    }
    Ok(None)
}

/// What the fields of a head said, whatever its version.
#[derive(Default)]
pub(super) struct Said {
    /// There is one Host and it is valid.
    pub(super) host: bool,
    /// The one number of all Content-Length fields, in bytes; past `u64` it is `u64::MAX`.
    pub(super) content_length: Option<u64>,
    /// Transfer-Encoding as a whole.
    pub(super) coding: Option<Coding>,
    /// Expect as a whole.
    pub(super) expectation: Option<Expectation>,
    /// Connection has `close`.
    pub(super) close: bool,
    /// Connection has `keep-alive`.
    pub(super) keep_alive: bool,
    /// There is a field by which a browser says what it wants the answer for.
    pub(super) has_browser_fields: bool,
    /// There is a field [`KEY_FIELD`].
    pub(super) has_key_field: bool,
    /// The last of the codings heard so far is chunked.
    chunked_is_last: bool,
}

/// The codings of a body, from what can be taken off last.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Chunked and nothing else.
    Chunked,
    /// There is another coding, and chunked is not before it.
    Unknown,
}

/// What a client expects before it sends a body (RFC 9110, section 10.1.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expectation {
    /// `100-continue`
    Continue,
    /// Something else is among them.
    Unknown,
}

impl Said {
    /// Reads the fields that frame a request or its connection, and passes over all others.
    fn gather(fields: &[Header<'_>]) -> Result<Self, Refusal> {
        let mut said = Self::default();
        for field in fields {
            // The length tells nearly all fields apart before a byte is compared.
            match field.name.len() {
                4 if field.name.eq_ignore_ascii_case("Host") => said.hear_host(field.value)?,
                6 if field.name.eq_ignore_ascii_case("Expect") => said.hear_expect(field.value),
                10 if field.name.eq_ignore_ascii_case("Connection") => {
                    said.hear_connection(field.value);
                }
                14 if field.name.eq_ignore_ascii_case("Content-Length") => {
                    said.hear_content_length(field.value)?;
                }
                15 if field.name.eq_ignore_ascii_case(KEY_FIELD) => {
                    said.has_key_field = true;
                }
                17 if field.name.eq_ignore_ascii_case("Transfer-Encoding") => {
                    said.hear_transfer_encoding(field.value)?;
                }
                length => said.has_browser_fields |= is_of_browser(field.name, length),
            }
        }
        Ok(said)
    }

    fn hear_host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.host {
            return Err(Refusal::RepeatedHost);
        }
        if !target::is_authority(value) {
            return Err(Refusal::MalformedHost);
        }
        self.host = true;
        Ok(())
    }

    fn hear_expect(&mut self, value: &[u8]) {
        for element in elements(value) {
            if !element.eq_ignore_ascii_case(b"100-continue") {
                self.expectation = Some(Expectation::Unknown);
            }
            self.expectation.get_or_insert(Expectation::Continue);
        }
    }

    /// Options that are not known are for somebody else (RFC 9110, section 7.6.1).
    fn hear_connection(&mut self, value: &[u8]) {
        for element in elements(value) {
            self.close |= element.eq_ignore_ascii_case(b"close");
            self.keep_alive |= element.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// The same number several times, in one field or in more, is one number (RFC 9110,
    /// section 8.6).
    fn hear_content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for element in elements(value) {
            let length = decimal(element).ok_or(Refusal::MalformedContentLength)?;
            if *self.content_length.get_or_insert(length) != length {
                return Err(Refusal::ConflictingContentLength);
            }
        }
        Ok(())
    }

    /// Chunked ends the list, so that anything behind it is out of place, chunked itself too.
    fn hear_transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for element in elements(value) {
            let name_end = element.iter().position(|byte| b"; \t".contains(byte));
            let name = &element[..name_end.unwrap_or(element.len())];
            let is_chunked = name.eq_ignore_ascii_case(b"chunked");
            let has_more = name.len() < element.len();
            if name.is_empty() || self.chunked_is_last || (is_chunked && has_more) {
                return Err(Refusal::MalformedTransferEncoding);
            }
            self.chunked_is_last = is_chunked;
            if !is_chunked {
                self.coding = Some(Coding::Unknown);
            }
            self.coding.get_or_insert(Coding::Chunked);
        }
        Ok(())
    }
}

/// Whether a field of this name is one that browsers send of themselves.
fn is_of_browser(name: &str, length: usize) -> bool {
    let expected = match length {
        5 => "X-Moz",
        6 => "Origin",
        7 => "Purpose",
        11 => "Sec-Purpose",
        14 => "Sec-Fetch-Site",
        _ => return false,
    };
    name.eq_ignore_ascii_case(expected)
}

/// The elements of a comma-separated value, without the white space around them. An empty one is
/// handed out too: where it may not be, its reader refuses it.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// A number of one digit or more and nothing else; past `u64` it is `u64::MAX`.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add =
        |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}
