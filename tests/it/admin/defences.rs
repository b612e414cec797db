//! Who may change nothing, and what is no change.

use std::fs;

use super::{Admin, JSON, TOKEN};
use crate::support::daemon::run;
use crate::support::http_client::HttpClient;
use crate::support::process::Folder;
use crate::support::wait::wait_until;

fn admin() -> Admin {
    Admin::start("memory:", &["--counter", "shoes=5"])
}

#[test]
fn what_may_not_be_changed_is_refused_with_its_status_and_stays() {
    let admin = admin();
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let good = format!("{JSON}{token}");
    let put = "PUT /counters/shoes";
    let body = r#"{"limit":9}"#;
    let rows = [
        (401, put, JSON.to_owned(), body),
        (401, put, format!("{JSON}Authorization: Bearer 0123456789abcdeF\r\n"), body),
        (403, put, format!("{good}Sec-Fetch-Site: cross-site\r\n"), body),
        (404, "PUT /counters/caps", good.clone(), body),
        (405, "DELETE /counters/shoes", good.clone(), ""),
        (405, "POST /counters/shoes", good.clone(), body),
        (405, "PUT /counters", good.clone(), body),
        (415, put, format!("{token}Content-Type: text/plain\r\n"), body),
        (400, put, good.clone(), ""),
        (400, put, good.clone(), "{\"limit\":"),
        (422, put, good.clone(), "{}"),
        (422, put, good.clone(), r#"{"limit":-1}"#),
        (422, put, good.clone(), r#"{"limit":9,"taken":10}"#),
        (422, put, good.clone(), r#"{"limit":9,"why":1}"#),
        (422, "POST /counters/shoes/reset", good.clone(), "{}"),
        (409, "POST /counters/shoes/reset", good, r#"{"epoch":1}"#),
    ];
    for (status, line, fields, body) in rows {
        let answer = admin.ask(line, &fields, body);
        assert_eq!(answer.status, status, "{line} {fields} {body}: {answer:?}");
        assert!(answer.json()["error"].is_string(), "{answer:?}");
        assert_eq!(answer.field("Cache-Control"), Some("no-store"));
        let is_unauthorized = status == 401;
        let challenge = is_unauthorized.then_some("Bearer realm=\"headcount\"");
        assert_eq!(answer.field("WWW-Authenticate"), challenge, "{answer:?}");
    }
    let shoes = admin.get("/counters/shoes").json();
    assert_eq!((&shoes["taken"], &shoes["limit"]), (&0.into(), &5.into()));
}

#[test]
fn without_a_token_file_a_change_is_told_how_to_allow_it() {
    let admin = Admin::start_to_read("memory:", &["--counter", "shoes=5"]);
    let answer = admin.change("PUT /counters/shoes", r#"{"limit":9}"#);
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("--admin-token-file"), "{answer:?}");
}

#[test]
fn a_foreign_host_is_421_on_loopback() {
    let admin = admin();
    for line in ["GET /", "GET /counters", "GET /metrics", "GET /livez", "PUT /counters/shoes"] {
        let mut client = HttpClient::connect(admin.address);
        client.send(format!("{line} HTTP/1.1\r\nHost: evil.example\r\n\r\n").as_bytes());
        let answer = client.receive();
        assert_eq!(answer.status, 421, "{line}: {answer:?}");
    }
}

#[test]
fn a_body_of_a_kibibyte_is_read_and_a_longer_one_is_not() {
    let admin = admin();
    let padded = |length: usize| {
        let body = r#"{"limit":9}"#;
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    assert_eq!(admin.change("PUT /counters/shoes", &padded(1_024)).status, 200);
    assert_eq!(admin.change("PUT /counters/shoes", &padded(1_025)).status, 413);
    let chunked = format!("{JSON}Authorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n");
    let mut client = HttpClient::connect(admin.address);
    let head = format!("PUT /counters/shoes HTTP/1.1\r\nHost: localhost\r\n{chunked}\r\n");
    client.send(head.as_bytes());
    client.send(b"4\r\n{\"li\r\n8\r\nmit\":12}\r\n0\r\n\r\n");
    let answer = client.receive();
    assert_eq!((answer.status, &answer.json()["after"]["limit"]), (200, &12.into()));
    client.send(head.as_bytes());
    client.send(format!("400\r\n{}\r\n1\r\n", padded(1_024)).as_bytes());
    assert_eq!(client.receive().status, 413);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let admin = admin();
    let mut client = HttpClient::connect(admin.address);
    let fields = format!("Host: localhost\r\n{JSON}Authorization: Bearer {TOKEN}\r\n");
    let put = |limit: u64| {
        let body = format!("{{\"limit\":{limit}}}");
        format!(
            "PUT /counters/shoes HTTP/1.1\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let get = "GET /counters/shoes HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.send(format!("{}{get}{}{get}", put(7), put(8)).as_bytes());
    let limits = [
        client.receive().json()["after"]["limit"].clone(),
        client.receive().json()["limit"].clone(),
        client.receive().json()["after"]["limit"].clone(),
        client.receive().json()["limit"].clone(),
    ];
    assert_eq!(limits, [7, 7, 8, 8]);
}

#[test]
fn its_clients_are_bounded_and_take_no_place_of_others() {
    let admin = Admin::start_to_read("memory:", &["--max-clients", "1"]);
    let mut public = admin.daemon.client();
    assert_eq!(public.get("/").number(), Some(1));
    let mut held: Vec<HttpClient> = Vec::new();
    for _ in 0..64 {
        let mut client = HttpClient::connect(admin.address);
        client.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.receive().status, 200);
        held.push(client);
    }
    let mut one_too_many = HttpClient::connect(admin.address);
    one_too_many.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = one_too_many.receive();
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"error":"too many clients"}"#));
    assert_eq!(public.get("/").number(), Some(2));
    held.clear();
    wait_until("room again", || {
        let mut client = HttpClient::connect(admin.address);
        let _ = client.try_send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.try_receive().is_ok()
    });
}

#[test]
fn a_token_file_that_cannot_be_used_is_an_error_that_does_not_show_it() {
    let folder = Folder::create();
    let path = folder.path().join("token");
    let path = path.to_str().expect("its name is text");
    let listen = ["--admin-listen", "127.0.0.1:0", "--admin-token-file", path];
    let cases = [
        (&b"short"[..], "has 5 bytes: expected 16 to 4096"),
        (b"sixteen bytes and a space", "a byte that is no visible ASCII character"),
        (b"", "has 0 bytes: expected 16 to 4096"),
    ];
    for (token, expected) in cases {
        fs::write(path, token).expect("the folder can be written");
        let finished = run(&listen, &[]);
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.stderr[0].contains(expected), "{finished:?}");
        assert!(!finished.stderr[0].contains("sixteen"), "{finished:?}");
    }
    fs::remove_file(path).expect("it was there");
    let finished = run(&listen, &[]);
    assert!(finished.stderr[0].contains("--admin-token-file: cannot read"), "{finished:?}");
    let finished = run(&["--admin-token-file", path], &[]);
    let expected = "headcount: --admin-token-file: only together with --admin-listen";
    assert_eq!(finished.stderr, [expected]);
}
