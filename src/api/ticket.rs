//! Tickets: what proves to a checkout that a number was granted.
//!
//! A ticket is a JSON Web Token (RFC 7519) in compact form, signed with HMAC-SHA-256 (`HS256`; RFC
//! 7515, section 3.1; RFC 7518, section 3.2). Its header and its claims:
//!
//! ```text
//! {"alg":"HS256","typ":"JWT","kid":"KEY"}
//! {"iss":"ISSUER","sub":"NAME","epoch":E,"iat":S,"exp":S,"jti":"NAME/E/N","request_num":N}
//! ```
//!
//! It is a function of the secret, the issuer, the ttl, the counter, the epoch, the number and the
//! second. The number stands last: all before it is the same for every ticket of a second, and is
//! encoded and hashed once. No name and no issuer has a character that JSON escapes.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::limits::{COUNTER_NAME_BYTES_MAX, TICKET_ISSUER_BYTES_MAX};

/// Signs the tickets of one reactor. `Debug` shows nothing of the secret.
#[derive(Clone)]
pub struct TicketSigner {
    kid: String,
    issuer: String,
    ttl_s: Option<u64>,
    /// Encoded, with the point behind it.
    header: String,
    /// The keyed hash, which has taken the header.
    hash: Hmac<Sha256>,
    start: Start,
}

/// What all tickets of a counter begin with in one second.
#[derive(Clone)]
struct Start {
    counter: String,
    epoch: u64,
    now_s: u64,
    /// The header, and all claims up to the number, as far as whole groups of 3 bytes are encoded.
    text: String,
    /// The 0 to 2 bytes of the claims behind those.
    rest: Vec<u8>,
    /// The keyed hash, which has taken `text`.
    hash: Hmac<Sha256>,
}

/// A ticket: two pieces, one behind the other.
pub struct Ticket<'a> {
    start: &'a str,
    end: [u8; END_BYTES_MAX],
    end_length: usize,
}

/// The claims from the number on, not encoded.
struct Tail {
    bytes: [u8; TAIL_BYTES_MAX],
    length: usize,
}

/// Bytes of the longest ticket.
pub const TICKET_BYTES_MAX: usize =
    encoded(HEADER_BYTES) + 1 + encoded(CLAIMS_BYTES_MAX) + 1 + SIGNATURE_BYTES;

/// Bytes of the secret's SHA-256 that make a `kid`: 72 bits, which are 12 characters.
const KID_HASH_BYTES: usize = 9;

/// Digits of the largest integer.
const DIGITS_MAX: usize = 20;
const NUMBER_CLAIM: &str = r#"","request_num":"#;
const HEADER_BYTES: usize = r#"{"alg":"HS256","typ":"JWT","kid":""}"#.len() + 12;
const CLAIMS_BYTES_MAX: usize =
    r#"{"iss":"","sub":"","epoch":,"iat":,"exp":,"jti":"//","request_num":}"#.len()
        + TICKET_ISSUER_BYTES_MAX
        + 2 * COUNTER_NAME_BYTES_MAX
        + 6 * DIGITS_MAX;
const TAIL_BYTES_MAX: usize = 2 + DIGITS_MAX + NUMBER_CLAIM.len() + DIGITS_MAX + 1;
/// An HMAC-SHA-256, encoded.
const SIGNATURE_BYTES: usize = encoded(32);
const END_BYTES_MAX: usize = encoded(TAIL_BYTES_MAX) + 1 + SIGNATURE_BYTES;

impl TicketSigner {
    /// Signs with this secret. A ticket is good for `ttl_s` seconds; with `None`, for ever.
    pub fn new(secret: &[u8], issuer: &str, ttl_s: Option<u64>) -> TicketSigner {
        let kid = URL_SAFE_NO_PAD.encode(&Sha256::digest(secret)[..KID_HASH_BYTES]);
        let header = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{kid}"}}"#);
        debug_assert_eq!(header.len(), HEADER_BYTES);
        let header = URL_SAFE_NO_PAD.encode(header) + ".";
        let mut hash =
            Hmac::<Sha256>::new_from_slice(secret).expect("a secret of any length is a key");
        hash.update(header.as_bytes());
        let (text, rest) = (String::new(), Vec::new());
        let nobody = String::new(); // No counter has this name.
        let start = Start { counter: nobody, epoch: 0, now_s: 0, text, rest, hash: hash.clone() };
        TicketSigner { kid, issuer: issuer.to_owned(), ttl_s, header, hash, start }
    }

    /// The name of the secret, for one who has several.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The tickets that follow are for numbers of this counter and epoch, signed in this second
    /// since 1970.
    #[inline]
    pub fn prepare(&mut self, counter: &str, epoch: u64, now_s: u64) {
        let start = &self.start;
        let is_prepared = start.now_s == now_s && start.epoch == epoch && start.counter == counter;
        if !is_prepared {
            self.start = self.start_of(counter, epoch, now_s);
        }
    }

    #[cold]
    fn start_of(&self, counter: &str, epoch: u64, now_s: u64) -> Start {
        let (issuer, ttl_s) = (&self.issuer, self.ttl_s);
        let exp = ttl_s.map(|ttl_s| format!(r#","exp":{}"#, now_s.saturating_add(ttl_s)));
        let exp = exp.unwrap_or_default();
        let whose = format!(r#"{{"iss":"{issuer}","sub":"{counter}","epoch":{epoch}"#);
        let claims = format!(r#"{whose},"iat":{now_s}{exp},"jti":"{counter}/{epoch}/"#);
        let (whole, rest) = claims.as_bytes().split_at(claims.len() / 3 * 3);
        let mut text = self.header.clone();
        URL_SAFE_NO_PAD.encode_string(whole, &mut text);
        let mut hash = self.hash.clone();
        hash.update(&text.as_bytes()[self.header.len()..]);
        Start { counter: counter.to_owned(), epoch, now_s, text, rest: rest.to_vec(), hash }
    }

    /// The ticket of a number, of the counter that was [prepared](TicketSigner::prepare).
    pub fn sign(&self, number: u64) -> Ticket<'_> {
        debug_assert!(!self.start.counter.is_empty(), "it was prepared");
        let mut end = [0; END_BYTES_MAX];
        let claims = encode(self.tail(number).bytes(), &mut end);
        let mut hash = self.start.hash.clone();
        hash.update(&end[..claims]);
        end[claims] = b'.';
        let signature = hash.finalize().into_bytes();
        let end_length = claims + 1 + encode(&signature, &mut end[claims + 1..]);
        Ticket { start: &self.start.text, end, end_length }
    }

    /// How long that ticket is, without signing anything.
    pub fn length(&self, number: u64) -> usize {
        let claims = encoded(self.tail(number).length);
        self.start.text.len() + claims + 1 + SIGNATURE_BYTES
    }

    fn tail(&self, number: u64) -> Tail {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        let mut tail = Tail { bytes: [0; TAIL_BYTES_MAX], length: 0 };
        for part in [&self.start.rest, digits, NUMBER_CLAIM.as_bytes(), digits, b"}"] {
            let end = tail.length + part.len();
            tail.bytes[tail.length..end].copy_from_slice(part);
            tail.length = end;
        }
        tail
    }
}

impl fmt::Debug for TicketSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TicketSigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Ticket<'_> {
    /// Its pieces: ASCII, and nothing that JSON escapes.
    pub fn pieces(&self) -> [&[u8]; 2] {
        [self.start.as_bytes(), &self.end[..self.end_length]]
    }
}

impl Tail {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Bytes of so many bytes in base64url without padding (RFC 7515, section 2).
const fn encoded(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Writes `bytes` in base64url to the beginning of `out`, and gives their length there.
fn encode(bytes: &[u8], out: &mut [u8]) -> usize {
    URL_SAFE_NO_PAD.encode_slice(bytes, out).expect("the longest claims and signature have room")
}

#[cfg(test)]
mod tests;
