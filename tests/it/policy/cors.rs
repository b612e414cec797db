//! What an answer says of origins, on every status, and nothing of it without `--allow-origin`.

use super::{ask, head};
use crate::support::daemon::Daemon;
use crate::support::http_client::Answer;

const SHOP: &str = "https://shop.example";
const SECOND: &str = "http://localhost:3000";
const EXPOSED: &str = "Idempotent-Replayed, Retry-After";

/// A daemon whose counter is at its end: 410 is a status of its own.
fn daemon(arguments: &[&str]) -> Daemon {
    let halted = ["--limit", "1", "--halted-status", "410"];
    Daemon::start(&[&halted, arguments].concat())
}

fn assert_allowed(answer: &Answer, origin: &str) {
    assert_eq!(answer.field("Access-Control-Allow-Origin"), Some(origin), "{answer:?}");
    assert_eq!(answer.field("Access-Control-Expose-Headers"), Some(EXPOSED), "{answer:?}");
    assert_eq!(answer.field("Vary"), Some("Origin"), "{answer:?}");
    assert_eq!(answer.field("Access-Control-Allow-Credentials"), None, "{answer:?}");
}

fn assert_not_allowed(answer: &Answer) {
    let names = answer.fields.iter().map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.filter(|name| name.starts_with("Access-Control")).collect();
    assert!(names.is_empty(), "{answer:?}");
    assert_eq!(answer.field("Vary"), Some("Origin"), "{answer:?}");
}

#[test]
fn every_status_names_an_allowed_origin_and_no_other() {
    let daemon = daemon(&["--allow-origin", SHOP, "--allow-origin", SECOND]);
    let rows = [
        ("GET", "/", "", 200),
        ("GET", "/", "", 410),
        ("HEAD", "/", "", 410),
        ("OPTIONS", "/", "", 204),
        ("GET", "/status", "", 200),
        ("GET", "/livez", "", 200),
        ("GET", "/readyz", "", 200),
        ("GET", "/nowhere", "", 404),
        ("DELETE", "/", "", 405),
        ("BREW", "/", "", 501),
        ("GET", "/", "|Purpose: prefetch", 403),
    ];
    let mut client = daemon.client();
    for (method, target, more, status) in rows {
        for origin in [SHOP, SECOND] {
            let answer =
                ask(&mut client, method, target, &format!("Host: a|Origin: {origin}{more}"));
            // The second of the two who take comes too late.
            let is_taken = origin == SECOND && status == 200 && target == "/";
            assert_eq!(answer.status, if is_taken { 410 } else { status }, "{method} {target}");
            assert_allowed(&answer, origin);
        }
        let others = ["", "|Origin: null", "|Origin: https://other.example"];
        for origin in others.iter().filter(|_| target != "/" || method != "GET") {
            let answer = ask(&mut client, method, target, &format!("Host: a{origin}{more}"));
            assert_eq!(answer.status, status, "{method} {target} {origin}");
            assert_not_allowed(&answer);
        }
    }
}

#[test]
fn an_allowed_page_takes_by_a_preflight_and_a_post() {
    let daemon = Daemon::start_with(
        &["--take-methods", "POST"],
        &[("HEADCOUNT_ALLOW_ORIGIN", "https://shop.example,http://localhost:3000")],
    );
    let mut client = daemon.client();
    let fields = format!("Host: a|Origin: {SECOND}|Access-Control-Request-Method: POST");
    let answer = ask(&mut client, "OPTIONS", "/", &fields);
    assert_eq!((answer.status, answer.field("Allow")), (204, Some("HEAD, POST, OPTIONS")));
    let expected = [
        ("Access-Control-Allow-Origin", SECOND),
        ("Access-Control-Allow-Methods", "POST"),
        ("Access-Control-Allow-Headers", "content-type, traceparent, idempotency-key"),
        ("Access-Control-Max-Age", "7200"),
        ("Vary", "Origin"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.field(name), Some(value), "{answer:?}");
    }
    let fields = format!("Host: a|Origin: {SECOND}|Sec-Fetch-Site: cross-site");
    let answer = ask(&mut client, "POST", "/", &fields);
    assert_eq!(answer.number(), Some(1));
    assert_allowed(&answer, SECOND);
    let other = "Host: a|Origin: https://other.example|Access-Control-Request-Method: POST";
    assert_not_allowed(&ask(&mut client, "OPTIONS", "/", other));
}

#[test]
fn a_star_allows_everyone_and_says_so_even_where_nobody_asks() {
    let daemon = daemon(&["--allow-origin", "*"]);
    let mut client = daemon.client();
    for origin in ["|Origin: https://a", "|Origin: null", ""] {
        let answer = ask(&mut client, "GET", "/status", &format!("Host: a{origin}"));
        assert_allowed(&answer, "*");
    }
}

#[test]
fn refusals_of_broken_requests_say_what_they_can() {
    let daemon = daemon(&["--allow-origin", SHOP]);
    let field = format!("Host: a|Origin: {SHOP}");
    // The head was read: the page is told.
    let bodies = [
        head("POST", "/", &format!("{field}|Content-Length: 65537")),
        head("POST", "/", &format!("{field}|Transfer-Encoding: chunked")) + "x\r\n",
    ];
    for request in bodies {
        let mut client = daemon.client();
        client.send(request.as_bytes());
        assert_allowed(&client.receive(), SHOP);
        client.assert_closed();
    }
    // Where the head itself is broken nobody knows whose page it is.
    let heads = [
        head("GET", "/", &format!("Origin: {SHOP}")),
        head("GET", "/", &format!("{field}|Host: a")),
        head("GET", "/", &format!("{field}|Expect: a miracle")),
    ];
    for request in heads {
        let mut client = daemon.client();
        client.send(request.as_bytes());
        assert_not_allowed(&client.receive());
        client.assert_closed();
    }
}

#[test]
fn one_who_is_turned_away_is_told_what_the_answer_depends_on() {
    let arguments = ["--allow-origin", SHOP, "--max-clients", "1", "--threads", "1"];
    let daemon = Daemon::start(&arguments);
    let mut first = daemon.client();
    assert_eq!(first.get("/livez").status, 200);
    // So the request is there when the connection is accepted.
    daemon.signal("STOP");
    let mut second = daemon.client();
    second.send(head("GET", "/", &format!("Host: a|Origin: {SHOP}")).as_bytes());
    let mut third = daemon.client();
    third.send(b"GET / HTTP/1.1\r\n");
    daemon.signal("CONT");
    let answer = second.receive();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.field("Access-Control-Allow-Origin"), Some(SHOP));
    assert_eq!(answer.field("Vary"), Some("Origin"));
    let answer = third.receive();
    assert_eq!(answer.status, 503);
    assert_not_allowed(&answer);
}

#[test]
fn without_an_allowed_origin_nothing_is_said() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let fields = format!("Host: a|Origin: {SHOP}|Access-Control-Request-Method: POST");
    for (method, target) in [("OPTIONS", "/"), ("POST", "/"), ("GET", "/status"), ("GET", "/x")] {
        let answer = ask(&mut client, method, target, &fields);
        let is_of_cors =
            |(name, _): &&(String, String)| name.starts_with("Access-Control") || name == "Vary";
        assert_eq!(answer.fields.iter().find(is_of_cors), None, "{method} {target}");
    }
}
