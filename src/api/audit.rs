//! Who took a number: what `--audit` writes of a request into the line of its number.
//!
//! All of it is bytes from outside: what has no bound is cut at [`AUDIT_FIELD_BYTES_MAX`], and the
//! log escapes it. All of it may be personal data.

use crate::http::{Fields, Request};
use crate::limits::AUDIT_FIELD_BYTES_MAX;
use crate::store::keys::Key;

/// What a request says of its sender. A field that it does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// `X-Forwarded-For`: the addresses that proxies saw. Each proxy adds at the end, so if it is
    /// too long, its end is kept: a client cannot push out what the proxies say.
    pub forwarded_for: Option<String>,
    /// `X-Request-Id`.
    pub request_id: Option<String>,
    /// `traceparent` (W3C Trace Context).
    pub traceparent: Option<String>,
    /// Its idempotency key, without quotes.
    pub key: Option<String>,
}

impl Audit {
    /// What this request says, which has this key.
    pub fn of(request: &Request<'_>, key: Option<&Key>) -> Audit {
        let fields = request.fields;
        let joined = joined(fields, "X-Forwarded-For");
        let first = |name| fields.values(name).next().map(|value| text(start(value)));
        Audit {
            forwarded_for: joined.map(|value| text(end(&value))),
            request_id: first("X-Request-Id"),
            traceparent: first("Traceparent"),
            key: key.map(|key| key.as_str().to_owned()),
        }
    }
}

/// Several fields of one name are one list (RFC 9110, section 5.3).
fn joined(fields: Fields<'_>, name: &str) -> Option<Vec<u8>> {
    let values: Vec<&[u8]> = fields.values(name).collect();
    (!values.is_empty()).then(|| values.join(&b", "[..]))
}

fn start(value: &[u8]) -> &[u8] {
    &value[..value.len().min(AUDIT_FIELD_BYTES_MAX)]
}

fn end(value: &[u8]) -> &[u8] {
    &value[value.len().saturating_sub(AUDIT_FIELD_BYTES_MAX)..]
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse;

    fn audit(fields: &str) -> Audit {
        audit_of(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes())
    }

    fn audit_of(bytes: &[u8]) -> Audit {
        let (request, _) = parse(bytes).expect("it keeps the rules").expect("it is whole");
        Audit::of(&request, Key::new(b"k").as_ref())
    }

    #[test]
    fn what_a_request_does_not_say_is_none() {
        let nothing = Audit { key: Some("k".to_owned()), ..Audit::default() };
        assert_eq!(audit(""), nothing);
        assert_eq!(audit("X-Forwarded-Fo: 1\r\nX-Request-Ids: 2\r\n"), nothing);
    }

    #[test]
    fn each_field_is_taken_as_it_was_sent() {
        let fields = "x-forwarded-for: 192.0.2.1\r\nX-Request-ID: a b\r\n\
            X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\ntraceparent: 00-ab-cd-01\r\nX-Request-Id: 2\r\n";
        let text = |text: &str| Some(text.to_owned());
        let expected = Audit {
            forwarded_for: text("192.0.2.1, 10.0.0.1, 10.0.0.2"),
            request_id: text("a b"),
            traceparent: text("00-ab-cd-01"),
            key: text("k"),
        };
        assert_eq!(audit(fields), expected);
    }

    #[test]
    fn a_long_value_is_cut_and_of_the_addresses_the_last_are_kept() {
        let long = format!("{}{}", "a".repeat(300), "z".repeat(300));
        let fields = format!("X-Forwarded-For: {long}\r\nX-Request-Id: {long}\r\n");
        let audit = audit(&format!("{fields}X-Forwarded-For: 10.0.0.1\r\n"));
        let forwarded_for = audit.forwarded_for.expect("it was sent");
        assert_eq!(forwarded_for.len(), AUDIT_FIELD_BYTES_MAX);
        assert!(forwarded_for.ends_with("zz, 10.0.0.1"), "{forwarded_for}");
        let start = "a".repeat(AUDIT_FIELD_BYTES_MAX);
        assert_eq!(audit.request_id.as_deref(), Some(start.as_str()));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: \xff\xfeok\r\n\r\n";
        assert_eq!(audit_of(bytes).request_id.as_deref(), Some("\u{fffd}\u{fffd}ok"));
    }
}
