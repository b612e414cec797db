//! Tickets against a token that is known to be good, and against a second way to make them.

use super::*;
use serde_json::{Value, json};

/// The key of RFC 7515, appendix A.1.
const KEY: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

fn secret() -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(KEY).expect("the key is base64url")
}

fn text(ticket: &Ticket<'_>) -> String {
    String::from_utf8(ticket.pieces().concat()).expect("a ticket is ASCII")
}

fn signed(signer: &mut TicketSigner, counter: &str, epoch: u64, number: u64, now: u64) -> String {
    signer.prepare(counter, epoch, now);
    let ticket = text(&signer.sign(number));
    assert_eq!(ticket.len(), signer.length(number), "{ticket}");
    ticket
}

/// The signature over the whole text, from the definition of HMAC (RFC 2104) and SHA-256 alone.
fn signature(secret: &[u8], text: &str) -> String {
    let mut key = [0; 64];
    key[..secret.len()].copy_from_slice(secret);
    let inner = Sha256::digest([&key.map(|byte| byte ^ 0x36), text.as_bytes()].concat());
    let outer = Sha256::digest([&key.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat());
    URL_SAFE_NO_PAD.encode(outer)
}

fn parts(ticket: &str) -> (Value, Value) {
    let decode = |part: &str| {
        let json = URL_SAFE_NO_PAD.decode(part).expect("a part is base64url");
        serde_json::from_slice(&json).expect("a part is JSON")
    };
    let mut parts = ticket.split('.');
    (decode(parts.next().unwrap()), decode(parts.next().unwrap()))
}

/// The token of RFC 7515, appendix A.1: the check itself is right.
#[test]
fn the_signature_of_the_standard_is_the_one_that_is_compared_with() {
    let text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz\
        ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    assert_eq!(signature(&secret(), text), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn a_ticket_has_its_claims_and_the_signature_over_them() {
    let mut signer = TicketSigner::new(&secret(), "headcount", Some(3_600));
    // Names of all lengths: what is left over of the claims' start has 0, 1 or 2 bytes.
    for counter in ["a", "ab", "abc", "abcd", &"n".repeat(64)] {
        for number in [1, 17, 999, (1 << 53) - 1] {
            let ticket = signed(&mut signer, counter, 1_795_464_263_479_000, number, 1_795_464_300);
            let (header, claims) = parts(&ticket);
            assert_eq!(header, json!({"alg": "HS256", "typ": "JWT", "kid": signer.kid()}));
            let jti = format!("{counter}/1795464263479000/{number}");
            let expected = json!({
                "iss": "headcount", "sub": counter, "epoch": 1_795_464_263_479_000_u64,
                "iat": 1_795_464_300, "exp": 1_795_467_900, "jti": jti, "request_num": number,
            });
            assert_eq!(claims, expected);
            let (text, found) = ticket.rsplit_once('.').unwrap();
            assert_eq!(found, signature(&secret(), text), "{ticket}");
        }
    }
}

#[test]
fn a_ticket_without_a_ttl_does_not_expire() {
    let mut signer = TicketSigner::new(&secret(), "shop", None);
    let (_, claims) = parts(&signed(&mut signer, "hats", 5, 1, 60));
    let expected = json!({
        "iss": "shop", "sub": "hats", "epoch": 5, "iat": 60, "jti": "hats/5/1", "request_num": 1,
    });
    assert_eq!(claims, expected);
}

#[test]
fn a_ticket_depends_on_what_it_is_for_and_on_nothing_before_it() {
    let new = || TicketSigner::new(&secret(), "headcount", Some(60));
    let mut used = new();
    let rows = [
        ("hats", 5, 1, 60),
        ("hats", 5, 2, 60),
        ("hats", 5, 1, 61),
        ("hats", 6, 1, 61),
        ("shoes", 6, 1, 61),
        ("hats", 5, 1, 60),
    ];
    let tickets = rows.map(|(counter, epoch, number, now)| {
        let ticket = signed(&mut used, counter, epoch, number, now);
        assert_eq!(ticket, signed(&mut new(), counter, epoch, number, now));
        ticket
    });
    let different: std::collections::BTreeSet<_> = tickets.iter().collect();
    assert_eq!((different.len(), &tickets[0]), (5, &tickets[5]));
}

#[test]
fn the_kid_is_the_beginning_of_the_secret_s_hash() {
    // `printf %s 0123456789abcdef0123456789abcdef | sha256sum` begins 3eb1bd439947eb7629.
    let signer = TicketSigner::new(b"0123456789abcdef0123456789abcdef", "headcount", None);
    assert_eq!(signer.kid(), "PrG9Q5lH63Yp");
    assert_eq!(format!("{signer:?}"), r#"TicketSigner { kid: "PrG9Q5lH63Yp", .. }"#);
}

#[test]
fn the_longest_ticket_has_the_length_that_is_allowed_for() {
    let (issuer, name) = ("i".repeat(TICKET_ISSUER_BYTES_MAX), "n".repeat(COUNTER_NAME_BYTES_MAX));
    let mut signer = TicketSigner::new(&secret(), &issuer, Some(u64::MAX));
    let longest = signed(&mut signer, &name, u64::MAX, u64::MAX, u64::MAX);
    assert_eq!(longest.len(), TICKET_BYTES_MAX);
}
