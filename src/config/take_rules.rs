//! Who may take, as an operator says it: methods, and the origins of pages.
//!
//! A leaf: it knows neither flags nor variables.

use std::net::Ipv6Addr;

use super::value::integer;
use crate::limits::{KEY_FIELD_BYTES_MAX, ORIGIN_BYTES_MAX};

/// By which methods a number is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakeMethods {
    /// By GET.
    pub get: bool,
    /// By POST.
    pub post: bool,
}

impl TakeMethods {
    /// Reads a list of `GET` and `POST`, each once at most and at least one.
    pub(super) fn parse(text: &str) -> Option<TakeMethods> {
        let mut methods = TakeMethods { get: false, post: false };
        for word in text.split(',') {
            let is_set = match word {
                "GET" => &mut methods.get,
                "POST" => &mut methods.post,
                _ => return None,
            };
            if std::mem::replace(is_set, true) {
                return None;
            }
        }
        Some(methods)
    }
}

/// Fields that say something else: with the key in `Host` all buyers would have one number.
const FIELDS_WITHOUT_KEY: [&str; 13] = [
    "Connection",
    "Content-Length",
    "Content-Type",
    "Expect",
    "Host",
    "Origin",
    "Purpose",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-Purpose",
    "Transfer-Encoding",
    "X-Moz",
];

/// Whether a key can be in a header field of this name: a token (RFC 9110, section 5.6.2), and none
/// of the fields by which a request is read or judged.
pub(super) fn is_key_field(text: &str) -> bool {
    FIELDS_WITHOUT_KEY.iter().all(|other| !text.eq_ignore_ascii_case(other)) && is_token(text)
}

fn is_token(text: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=KEY_FIELD_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_token_byte)
}

/// Whether browsers write an origin so (the HTML standard, section 7.1.1), or it is `*`, which
/// stands for all of them. They write it in one way only; one that is written in another way would
/// never be met.
pub(super) fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    text.len() <= ORIGIN_BYTES_MAX && is_scheme(scheme) && is_authority(scheme, authority)
}

/// RFC 3986, section 3.1, in small letters. Pages of apps have schemes of their own.
fn is_scheme(text: &str) -> bool {
    let is_plain = |byte: u8| is_small(byte) || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(is_plain)
}

fn is_authority(scheme: &str, text: &str) -> bool {
    let (host, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if is_shortest_ipv6(address) => ("", rest),
        Some(_) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_plain = |byte: u8| is_small(byte) || matches!(byte, b'-' | b'.' | b'_');
    let is_named = text.starts_with('[') || !host.is_empty() && host.bytes().all(is_plain);
    is_named && (rest.is_empty() || rest.strip_prefix(':').is_some_and(|it| is_port(scheme, it)))
}

fn is_shortest_ipv6(text: &str) -> bool {
    text.parse().is_ok_and(|address: Ipv6Addr| address.to_string() == text)
}

/// The default port of a scheme is left out.
fn is_port(scheme: &str, text: &str) -> bool {
    let port = integer(text).filter(|port| (1..=u64::from(u16::MAX)).contains(port));
    let is_default = matches!((scheme, port), ("http", Some(80)) | ("https", Some(443)));
    port.is_some() && !is_default && !text.starts_with('0')
}

fn is_small(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_get_and_post_or_one_of_them() {
        let table = [
            ("GET,POST", Some((true, true))),
            ("POST,GET", Some((true, true))),
            ("GET", Some((true, false))),
            ("POST", Some((false, true))),
            ("", None),
            ("GET,", None),
            ("GET, POST", None),
            ("POST,POST", None),
            ("post", None),
            ("HEAD", None),
            ("PUT,POST", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(get, post)| TakeMethods { get, post });
            assert_eq!(TakeMethods::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_origin_is_as_browsers_write_it() {
        let longest = format!("https://{}", "a".repeat(ORIGIN_BYTES_MAX - 8));
        let origins = [
            "*",
            "https://shop.example",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]",
            "http://[2001:db8::1]:8080",
            "https://xn--bcher-kva.example",
            "https://my_shop.example:1",
            "https://shop.example:65535",
            "https://shop.example:80",
            "http://shop.example:443",
            "capacitor://localhost",
            "chrome-extension://abcdefgh",
            &longest,
        ];
        for origin in origins {
            assert!(is_origin(origin), "{origin}");
        }
    }

    #[test]
    fn what_a_browser_never_writes_is_no_origin() {
        let too_long = format!("https://{}", "a".repeat(ORIGIN_BYTES_MAX - 7));
        let wrong = [
            "",
            "null",
            "**",
            "shop.example",
            "//shop.example",
            "://shop.example",
            "https:shop.example",
            "https:/shop.example",
            "https://",
            "https://:8443",
            "https://shop.example/",
            "https://shop.example/path",
            "https://shop.example?q",
            "https://shop.example#f",
            "https://user@shop.example",
            "https://*.shop.example",
            "https://Shop.example",
            "HTTPS://shop.example",
            "1a://shop.example",
            "ht tp://shop.example",
            "https://shop example",
            "https://shop.example ",
            " https://shop.example",
            "https://shop.example:",
            "https://shop.example:x",
            "https://shop.example:+1",
            "https://shop.example:0",
            "https://shop.example:08443",
            "https://shop.example:65536",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:8443:1",
            "http://::1",
            "http://[::1",
            "http://[::1]x",
            "http://[::1]:",
            "http://[0:0:0:0:0:0:0:1]",
            "http://[::A]",
            "http://a[::1]",
            "http://[]",
            "https://bücher.example",
            "https://shop.example\r\nX: y",
            "https://a,https://b",
            &too_long,
        ];
        for text in wrong {
            assert!(!is_origin(text), "{text:?}");
        }
    }
}
