//! What each request is answered.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::on_every_store;
use crate::support::daemon::Daemon;
use crate::support::http_client::Answer;

#[test]
fn takes_count_from_one_to_the_limit_and_then_everyone_is_sent_away() {
    on_every_store(&["--limit", "3"], |daemon| {
        let mut client = daemon.client();
        for (method, number) in [("GET", 1), ("POST", 2), ("GET", 3)] {
            let answer = client.request(method, "/");
            let body = format!(r#"{{"hello":"world","request_num":{number}}}"#);
            assert_eq!((answer.status, answer.body), (200, body));
        }
        for method in ["GET", "POST", "GET"] {
            let answer = client.request(method, "/");
            let body = r#"{"Go":"away!","request_num":3}"#;
            assert_eq!((answer.status, answer.body.as_str()), (200, body));
        }
    });
}

#[test]
fn a_limit_of_one_lets_one_through() {
    on_every_store(&["--limit", "1"], |daemon| {
        let answer = daemon.client().get("/");
        assert_eq!(answer.number(), Some(1), "{}", answer.body);
        let answer = daemon.client().get("/");
        assert!(answer.is_halted(), "{}", answer.body);
        assert_eq!(daemon.taken(), 1);
    });
}

#[test]
fn the_limit_is_a_hundred_unless_told_otherwise() {
    let daemon = Daemon::start(&[]);
    assert_eq!(daemon.client().get("/status").json()["limit"], 100);
}

#[test]
fn every_halted_status_is_given_with_the_halted_body() {
    for status in ["200", "403", "409", "410", "429"] {
        let daemon = Daemon::start(&["--limit", "1", "--halted-status", status]);
        let mut client = daemon.client();
        assert_eq!(client.get("/").status, 200);
        let answer = client.get("/");
        assert_eq!(answer.status.to_string(), status);
        assert_eq!(answer.body, r#"{"Go":"away!","request_num":1}"#);
        assert_eq!(client.get("/status").status, 200);
    }
}

#[test]
fn head_and_options_never_take_a_number() {
    on_every_store(&["--limit", "3"], |daemon| {
        let mut client = daemon.client();
        for _ in 0..5 {
            assert_eq!(client.request("HEAD", "/").status, 200);
            let answer = client.request("OPTIONS", "/");
            assert_eq!((answer.status, answer.body.as_str()), (204, ""));
            assert_allows(&answer, &["GET", "HEAD", "POST", "OPTIONS"]);
        }
        assert_eq!(client.get("/").number(), Some(1));
    });
}

#[test]
fn options_asterisk_asks_about_the_server_and_takes_no_number() {
    let daemon = Daemon::start(&[]);
    let answer = daemon.client().request("OPTIONS", "*");
    assert_eq!(answer.status, 204);
    assert_allows(&answer, &["GET", "HEAD", "POST", "OPTIONS"]);
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn status_looks_without_taking() {
    on_every_store(&["--limit", "2"], |daemon| {
        let mut client = daemon.client();
        for taken in 0..=2 {
            let body = format!(
                r#"{{"taken":{taken},"limit":2,"remaining":{},"halted":{}}}"#,
                2 - taken,
                taken == 2
            );
            assert_eq!(client.get("/status").body, body);
            assert_eq!(client.get("/status").body, body);
            client.get("/");
        }
    });
}

#[test]
fn probes_say_alive_and_ready() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        let answer = client.get("/livez");
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"alive"}"#));
        let answer = client.get("/readyz");
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ready"}"#));
        assert_eq!(client.request("HEAD", "/livez").status, 200);
        assert_eq!(client.request("HEAD", "/readyz").status, 200);
        assert_eq!(client.request("HEAD", "/status").status, 200);
        assert_eq!(client.get("/").number(), Some(1));
    });
}

#[test]
fn another_path_is_not_found_and_takes_no_number() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        for target in ["/nowhere", "//", "/status/", "/STATUS", "/livez/x", "/.", "/%2e"] {
            let answer = client.get(target);
            assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"error":"not found"}"#));
            assert_eq!(client.request("DELETE", target).status, 404, "DELETE {target}");
        }
        assert_eq!(daemon.taken(), 0);
    });
}

#[test]
fn another_method_is_not_allowed_and_takes_no_number() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        for method in ["PUT", "DELETE", "PATCH", "TRACE"] {
            let answer = client.request(method, "/");
            assert_not_allowed(&answer);
            assert_allows(&answer, &["GET", "HEAD", "POST", "OPTIONS"]);
        }
        for target in ["/status", "/livez", "/readyz"] {
            let answer = client.request("POST", target);
            assert_not_allowed(&answer);
            assert_allows(&answer, &["GET", "HEAD"]);
        }
        assert_eq!(daemon.taken(), 0);
    });
}

/// RFC 9110, section 15.6.2: a method that nobody knows is not implemented for any target.
#[test]
fn an_unknown_method_is_not_implemented_and_takes_no_number() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        for method in ["BREW", "get", "Get", "GETS", "PROPFIND"] {
            for target in ["/", "/status", "/readyz", "/livez", "/nowhere"] {
                let answer = client.request(method, target);
                let expected = (501, r#"{"error":"method not implemented"}"#);
                assert_eq!((answer.status, answer.body.as_str()), expected, "{method} {target}");
                assert_eq!(answer.field("Connection"), None, "it stays open: {answer:?}");
            }
        }
        assert_eq!(daemon.taken(), 0);
    });
}

#[test]
fn a_query_string_changes_nothing() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    assert_eq!(client.get("/?").number(), Some(1));
    assert_eq!(client.get("/?who=me&status=/status").number(), Some(2));
    assert_eq!(client.get("/status?pretty").json()["taken"], json!(2));
    assert_eq!(client.get("/nowhere?/").status, 404);
}

#[test]
fn a_target_in_absolute_form_is_understood() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    assert_eq!(client.get("http://headcount.example/").number(), Some(1));
    assert_eq!(client.get("http://headcount.example").number(), Some(2));
    assert_eq!(client.get("http://headcount.example:8080/status").json()["taken"], 2);
    assert_eq!(client.get("http://headcount.example?who=me").number(), Some(3));
    assert_eq!(client.get("http://headcount.example/nowhere").status, 404);
}

#[test]
fn every_answer_has_its_date_length_and_type() {
    on_every_store(&["--limit", "1"], |daemon| {
        let mut client = daemon.client();
        let targets = ["/", "/", "/status", "/livez", "/readyz", "/nowhere"];
        let gets = targets.map(|target| ("GET", target));
        for (method, target) in
            [("HEAD", "/"), ("HEAD", "/status"), ("PUT", "/")].iter().chain(&gets)
        {
            let answer = client.request(method, target);
            assert_eq!(answer.version, "HTTP/1.1");
            assert_eq!(answer.field("Content-Type"), Some("application/json"), "{answer:?}");
            assert!(answer.field("Content-Length").is_some(), "{answer:?}");
            assert_dated_now(&answer);
        }
        assert_dated_now(&client.request("OPTIONS", "/"));
    });
}

#[test]
fn answers_about_the_counter_are_never_cached() {
    on_every_store(&["--limit", "1"], |daemon| {
        let mut client = daemon.client();
        let requests = [("GET", "/"), ("POST", "/"), ("HEAD", "/"), ("GET", "/status")];
        for (method, target) in requests {
            let answer = client.request(method, target);
            assert_eq!(answer.field("Cache-Control"), Some("no-store"), "{method} {target}");
        }
    });
}

fn assert_not_allowed(answer: &Answer) {
    let expected = (405, r#"{"error":"method not allowed"}"#);
    assert_eq!((answer.status, answer.body.as_str()), expected);
}

fn assert_allows(answer: &Answer, methods: &[&str]) {
    let allow = answer.field("Allow").unwrap_or_else(|| panic!("no Allow: {answer:?}"));
    let allowed: Vec<&str> = allow.split(',').map(str::trim).collect();
    for method in methods {
        assert!(allowed.contains(method), "{method} is missing in Allow: {allow}");
    }
}

/// RFC 9110, section 5.6.7; a minute of slack.
fn assert_dated_now(answer: &Answer) {
    let date = answer.field("Date").unwrap_or_else(|| panic!("no Date: {answer:?}"));
    assert_eq!(date.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{date}");
    let date = httpdate::parse_http_date(date).expect("Date is an HTTP date");
    let minute = Duration::from_secs(60);
    let now = SystemTime::now();
    assert!(now - minute < date && date < now + minute, "{date:?} is not now");
}
