//! The target of a request and the authority, in a target or in Host (RFC 9112, section 3.2).
//!
//! A target's path is cut out, not decoded: routes are compared byte by byte, and `%2F` is no
//! slash to them.

use std::net::Ipv6Addr;

use super::refusal::Refusal;

/// The path of `target` without its query.
///
/// `/` of an absolute-form without path, `*` of an `OPTIONS *`, and all of a CONNECT's
/// `host:port`, which has no path and is no route either.
pub(super) fn path<'a>(method: &[u8], target: &'a [u8]) -> Result<&'a [u8], Refusal> {
    if !target.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Refusal::MalformedTarget);
    }
    let path = match target {
        [b'/', ..] => Some(without_query(target)),
        b"*" if method == b"OPTIONS" => Some(target),
        _ if method == b"CONNECT" => Some(target).filter(|target| is_host_with_port(target)),
        _ => absolute_path(target),
    };
    path.ok_or(Refusal::MalformedTarget)
}

/// Whether `value` is `uri-host [ ":" port ]` (RFC 9110, section 7.2). Empty is one.
pub(super) fn is_authority(value: &[u8]) -> bool {
    let after_host = match value.strip_prefix(b"[") {
        Some(literal) => after_address(literal),
        None => after_name(value),
    };
    match after_host {
        Some([]) => true,
        Some([b':', port @ ..]) => port.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn without_query(path: &[u8]) -> &[u8] {
    let end = path.iter().position(|&byte| byte == b'?');
    &path[..end.unwrap_or(path.len())]
}

/// The path of an `http` or `https` URI. Its authority is checked and not used, as Host is not.
fn absolute_path(target: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = target.split_at(target.iter().position(|&byte| byte == b':')?);
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let rest = rest.strip_prefix(b"://")?;
    let authority_end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
    let (authority, path) = rest.split_at(authority_end.unwrap_or(rest.len()));
    // RFC 9110, section 4.2.1: a URI of these schemes without a host is invalid.
    if matches!(authority, [] | [b':', ..]) || !is_authority(authority) {
        return None;
    }
    match without_query(path) {
        [] => Some(b"/"),
        path => Some(path),
    }
}

/// RFC 9112, section 3.2.3: only here the port is not optional.
fn is_host_with_port(target: &[u8]) -> bool {
    let has_port = target.contains(&b':') && target.last().is_some_and(u8::is_ascii_digit);
    has_port && target[0] != b':' && is_authority(target)
}

/// What follows an address in brackets. No address of another kind than IPv6 was ever defined.
fn after_address(literal: &[u8]) -> Option<&[u8]> {
    let end = literal.iter().position(|&byte| byte == b']')?;
    let address = std::str::from_utf8(&literal[..end]).ok()?;
    address.parse::<Ipv6Addr>().ok()?;
    Some(&literal[end + 1..])
}

/// What follows a registered name or an IPv4 address, which is one in form (RFC 3986,
/// section 3.2.2).
fn after_name(value: &[u8]) -> Option<&[u8]> {
    let mut rest = value;
    loop {
        let is_end = |byte: &u8| !IS_NAME_BYTE[usize::from(*byte)];
        let named = rest.iter().position(is_end).unwrap_or(rest.len());
        rest = match &rest[named..] {
            after @ ([] | [b':', ..]) => return Some(after),
            [b'%', high, low, after @ ..] if is_hexadecimal(*high, *low) => after,
            _ => return None,
        };
    }
}

fn is_hexadecimal(high: u8, low: u8) -> bool {
    high.is_ascii_hexdigit() && low.is_ascii_hexdigit()
}

/// Unreserved bytes and sub-delims of RFC 3986, section 2. A table: Host is in every request.
static IS_NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = u8::MIN;
    while byte < u8::MAX {
        let is_mark = matches!(byte, b'!' | b'$' | b'&'..=b'.' | b';' | b'=' | b'_' | b'~');
        table[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    table
};
