//! Fields that nobody's browser sends, and refused takes between others.

use super::{PREFETCH, head};
use crate::support::daemon::Daemon;

#[test]
fn bytes_beyond_ascii_and_values_without_end_take_nothing_and_break_nothing() {
    let long = format!("https://{}", "a".repeat(8_000));
    let purposes = "x,".repeat(4_000) + "prefetch";
    let origins = "|Origin: https://shop.example".repeat(50);
    let rows = [
        format!("Host: a|Origin: {long}"),
        format!("Host: {}|Origin: {long}", "a".repeat(7_999)),
        format!("Host: a|Sec-Purpose: {purposes}"),
        format!("Host: shop.example{origins}"),
        format!("Host: a|Sec-Fetch-Site: {}", "same-origin,".repeat(500)),
        format!("Host: a{}", "|Sec-Fetch-Site: none".repeat(50)),
        "Host: a|Origin: https://[::1|Sec-Fetch-Site:".to_owned(),
        "Host: a|Origin: https://]:443".to_owned(),
        "Host: a|Origin: :|Purpose: ;;;,,,===".to_owned(),
    ];
    for flags in [&[][..], &["--allow-origin", "https://shop.example"]] {
        let daemon = Daemon::start(flags);
        let mut client = daemon.client();
        for fields in &rows {
            client.send(head("POST", "/", fields).as_bytes());
            assert_eq!(client.receive().status, 403, "{:.80}", fields);
        }
        for value in [&b"\xff\xfe"[..], b"https://\xc3\xa9", b"https://a\x80", b"https://a:\xff"] {
            let start = b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: ";
            client.send(&[start, value, b"\r\n\r\n"].concat());
            assert_eq!(client.receive().status, 403, "{}", value.escape_ascii());
        }
        assert_eq!(daemon.taken(), 0);
        assert!(!daemon.output().contains("shop.example\""), "no value reaches the log");
    }
}

#[test]
fn refused_and_allowed_takes_in_one_write_are_answered_in_order() {
    let origins = ["--allow-origin", "https://a", "--allow-origin", "https://b"];
    let daemon = Daemon::start(&[&origins[..], &["--limit", "100000"]].concat());
    let fields = [
        ("Host: h", Some(1), None),
        ("Host: h|Purpose: prefetch", None, None),
        ("Host: h|Origin: https://a", Some(2), Some("https://a")),
        ("Host: h|Origin: https://b", Some(3), Some("https://b")),
        ("Host: h|Origin: https://b", Some(4), Some("https://b")),
        ("Host: h|Origin: https://c", None, None),
        ("Host: h|Origin: https://a|Sec-Purpose: prefetch", None, Some("https://a")),
        ("Host: h", Some(5), None),
    ];
    let pipeline: String = fields.iter().map(|(fields, ..)| head("GET", "/", fields)).collect();
    for (round, split) in (0..).zip((0..pipeline.len()).step_by(7)) {
        let mut client = daemon.client();
        client.send(&pipeline.as_bytes()[..split]);
        client.send(&pipeline.as_bytes()[split..]);
        for (fields, number, origin) in fields {
            let answer = client.receive();
            let expected = number.map(|number| number + 5 * round);
            let taken = (answer.status == 200).then(|| answer.number()).flatten();
            assert_eq!(taken, expected, "{fields} {answer:?}");
            assert_eq!(answer.field("Access-Control-Allow-Origin"), origin, "{fields}");
        }
    }
}

#[test]
fn a_flood_of_refused_takes_reaches_no_number() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let prefetch = head("GET", "/", "Host: a|Sec-Purpose: prefetch");
    for _ in 0..20 {
        client.send(prefetch.repeat(50).as_bytes());
        for _ in 0..50 {
            assert_eq!(client.receive().body, PREFETCH);
        }
    }
    assert_eq!(client.get("/").number(), Some(1));
}
