//! The head of a request: its first line and what its fields say about its body and connection.
//!
//! A head is judged in the order of its bytes: the method as it comes, the target's length as it
//! grows, the first line when its LF is there, the fields when the blank line is there. Each
//! judgement depends only on bytes that later ones cannot change; that is why a refusal is the
//! same however the bytes were cut.
//!
//! httparse splits the fields; the first line is read here, because httparse takes bytes beyond
//! ASCII in a target and calls every version but 1.0 and 1.1, 1.2 too, one and the same error.

use super::field_lines::Fields;
use super::fields::{self, Coding, Expectation, Said};
use super::refusal::Refusal;
use super::response::Persistence;
use super::target;
use crate::limits::{HEAD_BYTES_MAX, TARGET_BYTES_MAX};

/// The methods that this server tells apart; names are case-sensitive (RFC 9110, section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `OPTIONS`
    Options,
    /// One that is known and that no path has: those left of RFC 9110, section 9.3, and PATCH
    /// (RFC 5789).
    Other,
    /// Any other token.
    Unknown,
}

/// How the body after a head is delimited (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body follows.
    None,
    /// So many bytes follow, at least one. A number past `u64` is `u64::MAX`.
    Length(u64),
    /// Chunks follow (RFC 9112, section 7.1).
    Chunked,
}

/// A whole head, as far as this server cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is asked for.
    pub method: Method,
    /// The target's path without its query: visible ASCII, not decoded, it starts with `/`. Or
    /// `*` of an `OPTIONS *`, or the `host:port` of a CONNECT.
    pub path: &'a [u8],
    /// What becomes of the connection after the answer, as far as the client has a say.
    pub persistence: Persistence,
    /// What follows the head.
    pub framing: Framing,
    /// The client waits for [`CONTINUE`](super::CONTINUE) before it sends its body.
    pub expects_continue: bool,
    /// There is a field that says what a browser wants the answer for: `Origin`, `Purpose`,
    /// `Sec-Fetch-Site`, `Sec-Purpose` or `X-Moz`.
    pub has_browser_fields: bool,
    /// There is a field [`http::KEY_FIELD`](crate::http::KEY_FIELD).
    pub has_key_field: bool,
    /// All its fields.
    pub fields: Fields<'a>,
}

/// The request at the start of `bytes` and the length of its head in bytes, or `None` while its
/// end is not there.
///
/// Empty lines before it are skipped (RFC 9112, section 2.2) and count as part of it. At most
/// `HEAD_BYTES_MAX` bytes are looked at.
///
/// # Errors
/// The first fault in the order of the bytes. More bytes never change it.
pub fn parse(bytes: &[u8]) -> Result<Option<(Request<'_>, usize)>, Refusal> {
    let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    match parse_window(window)? {
        None if window.len() == HEAD_BYTES_MAX => Err(Refusal::HeadTooLarge),
        outcome => Ok(outcome),
    }
}

/// Whether the request that starts with `bytes` is a HEAD: its answer has no body, though it be
/// refused or never come whole (RFC 9110, section 9.3.2). No method counts before the space behind
/// it is there.
///
/// Of bytes that [`parse`] refuses, more bytes never change it.
pub fn is_head(bytes: &[u8]) -> bool {
    let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let line_start = skip_empty_lines(window);
    line_start.is_some_and(|start| window[start..].starts_with(b"HEAD "))
}

fn parse_window(window: &[u8]) -> Result<Option<(Request<'_>, usize)>, Refusal> {
    let Some(line_start) = skip_empty_lines(window) else {
        return Ok(None);
    };
    let Some((line, line_len)) = RequestLine::parse(&window[line_start..])? else {
        return Ok(None);
    };
    let fields_start = line_start + line_len;
    let Some((said, fields_len)) = fields::read(&window[fields_start..])? else {
        return Ok(None);
    };
    let head_len = fields_start + fields_len;
    let fields = Fields::new(&window[fields_start..head_len]);
    Ok(Some((line.with(said, fields)?, head_len)))
}

/// Where the first line starts, or `None` if that is still open.
fn skip_empty_lines(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while bytes[start..].starts_with(b"\r\n") {
        start += 2;
    }
    (bytes[start..] != *b"\r").then_some(start)
}

/// The first line (RFC 9112, section 3), with its path taken from the target.
struct RequestLine<'a> {
    method: Method,
    path: &'a [u8],
    version: Version,
}

impl<'a> RequestLine<'a> {
    /// The line at the start of `bytes` and its length with CRLF.
    fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, Refusal> {
        let Some(method_len) = bytes.iter().position(|&byte| !is_token_byte(byte)) else {
            return Ok(None);
        };
        let (method, rest) = bytes.split_at(method_len);
        let Some(rest) = rest.strip_prefix(b" ").filter(|_| !method.is_empty()) else {
            return Err(Refusal::MalformedRequestLine);
        };
        let target_end = rest.iter().position(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
        let (target, rest) = rest.split_at(target_end.unwrap_or(rest.len()));
        if target.len() > TARGET_BYTES_MAX {
            return Err(Refusal::TargetTooLong);
        }
        let Some(version_len) = rest.iter().position(|&byte| byte == b'\n') else {
            return Ok(None);
        };
        let version = rest[..version_len].strip_suffix(b"\r");
        let line = Self {
            version: Version::parse(version.ok_or(Refusal::BareLineFeed)?)?,
            method: Method::parse(method),
            path: target::path(method, target)?,
        };
        let line_len = method.len() + 1 + target.len() + version_len + 1;
        Ok(Some((line, line_len)))
    }

    /// The request that this line and what the fields said make together.
    fn with(self, said: Said, fields: Fields<'a>) -> Result<Request<'a>, Refusal> {
        if self.version == Version::Http11 && !said.host {
            return Err(Refusal::MissingHost);
        }
        let framing = framing(self.version, &said)?;
        let expectation = match self.version {
            Version::Http10 => None,
            Version::Http11 => said.expectation,
        };
        if expectation == Some(Expectation::Unknown) {
            return Err(Refusal::UnknownExpectation);
        }
        Ok(Request {
            method: self.method,
            path: self.path,
            persistence: persistence(self.version, &said),
            framing,
            expects_continue: expectation.is_some() && framing != Framing::None,
            has_browser_fields: said.has_browser_fields,
            has_key_field: said.has_key_field,
            fields,
        })
    }
}

/// RFC 9112, section 6.3, without its leniencies: what could be read in two ways is refused.
fn framing(version: Version, said: &Said) -> Result<Framing, Refusal> {
    match (said.coding, said.content_length) {
        (None, None | Some(0)) => Ok(Framing::None),
        (None, Some(length)) => Ok(Framing::Length(length)),
        (Some(_), _) if version == Version::Http10 => Err(Refusal::TransferEncodingInHttp10),
        (Some(_), Some(_)) => Err(Refusal::ContentLengthWithTransferEncoding),
        (Some(Coding::Unknown), None) => Err(Refusal::UnknownTransferEncoding),
        (Some(Coding::Chunked), None) => Ok(Framing::Chunked),
    }
}

/// RFC 9112, section 9.3.
fn persistence(version: Version, said: &Said) -> Persistence {
    match version {
        _ if said.close => Persistence::Close,
        Version::Http11 => Persistence::KeepAlive,
        Version::Http10 if said.keep_alive => Persistence::KeepAliveSaid,
        Version::Http10 => Persistence::Close,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    /// 1.1 to 1.9.
    Http11,
}

impl Version {
    /// Reads what stands between target and line end, the space included. A minor version above
    /// 1.1 adds nothing that this server must know, and is served as 1.1 (RFC 9110, section 2.5).
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        match bytes.strip_prefix(b" HTTP/") {
            Some([b'1', b'.', b'1'..=b'9']) => Ok(Self::Http11),
            Some(b"1.0") => Ok(Self::Http10),
            Some([b'0'..=b'9', b'.', b'0'..=b'9']) => Err(Refusal::UnsupportedVersion),
            _ => Err(Refusal::MalformedRequestLine),
        }
    }
}

impl Method {
    fn parse(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"OPTIONS" => Self::Options,
            b"DELETE" | b"CONNECT" | b"TRACE" | b"PATCH" => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// RFC 9110, section 5.6.2.
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES[byte as usize]
}

/// A table, since it is asked of each byte of a method: comparing took a GET 90 instructions more.
const TOKEN_BYTES: [bool; 256] = {
    let mut is_token = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        let is_mark = matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        );
        is_token[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    is_token
};
