//! Idempotency keys: the same key gets the same number.

mod lost_answers;
mod storm;

use serde_json::json;

use crate::support::daemon::Daemon;
use crate::support::http_client::{Answer, HttpClient};
use crate::support::store_file::StoreFile;
use crate::support::store_server::KINDS;

/// Runs a test with a process of each store.
fn on_each_store(flags: &[&str], test: impl Fn(&Daemon)) {
    test(&Daemon::start(flags));
    let file = StoreFile::create();
    test(&Daemon::start_with_store(&file.url(), flags));
    for kind in KINDS {
        let server = kind.start();
        test(&Daemon::start_with_store(&server.url(), flags));
    }
}

/// Sends a request with these lines of fields, and reads its answer.
fn ask(client: &mut HttpClient, method: &str, fields: &str) -> Answer {
    let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    client.send(head.as_bytes());
    client.receive_to(method)
}

fn take(client: &mut HttpClient, key: &str) -> Answer {
    ask(client, "POST", &format!("Idempotency-Key: {key}\r\n"))
}

fn is_replay(answer: &Answer) -> bool {
    answer.field("Idempotent-Replayed") == Some("true")
}

#[test]
fn a_key_gets_its_number_again_quoted_or_bare_with_a_body_or_without() {
    on_each_store(&[], |daemon| {
        let mut client = daemon.client();
        let first = take(&mut client, "abc");
        assert_eq!((first.number(), first.field("Idempotent-Replayed")), (Some(1), None));
        assert_eq!(take(&mut client, "other").number(), Some(2));
        for key in ["\"abc\"", "abc"] {
            let again = take(&mut daemon.client(), key);
            assert_eq!((again.status, again.number()), (200, Some(1)));
            assert!(is_replay(&again));
        }
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nidempotency-key: abc\r\n\r\nabc",
        );
        assert_eq!(client.receive().number(), Some(1));
        assert_eq!(ask(&mut client, "GET", "").number(), Some(3));
        assert_eq!(daemon.taken(), 3);
    });
}

#[test]
fn a_key_on_many_connections_at_once_takes_one_number() {
    on_each_store(&["--threads", "2"], |daemon| {
        let mut clients: Vec<HttpClient> = (0..16).map(|_| daemon.client()).collect();
        for client in &mut clients {
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\n\r\n");
        }
        let answers: Vec<Answer> = clients.iter_mut().map(HttpClient::receive).collect();
        assert!(answers.iter().all(|answer| answer.number() == Some(1)), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| !is_replay(answer)).count(), 1);
        assert_eq!(daemon.taken(), 1);
    });
}

#[test]
fn pipelined_takes_are_answered_in_order_with_keys_and_without() {
    on_each_store(&[], |daemon| {
        let mut client = daemon.client();
        let plain = "GET / HTTP/1.1\r\nHost: a\r\n";
        let requests = [plain, "\r\n", plain, "Idempotency-Key: a\r\n\r\n", plain, "\r\n"].concat();
        client.send(format!("{requests}{plain}Idempotency-Key: a\r\n\r\n").as_bytes());
        let numbers: Vec<_> = (0..4).map(|_| client.receive().number()).collect();
        assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(2)]);
    });
}

#[test]
fn a_key_gets_its_number_again_when_the_counter_is_halted() {
    on_each_store(&["--limit", "2", "--halted-status", "410"], |daemon| {
        let mut client = daemon.client();
        assert_eq!(take(&mut client, "a").number(), Some(1));
        assert_eq!(ask(&mut client, "POST", "").number(), Some(2));
        for key in ["b", "b"] {
            let late = take(&mut client, key);
            assert_eq!((late.status, late.is_halted(), is_replay(&late)), (410, true, false));
        }
        assert_eq!(ask(&mut client, "POST", "").status, 410);
        let again = take(&mut client, "a");
        assert_eq!((again.status, again.number()), (200, Some(1)));
        assert!(is_replay(&again));
    });
}

#[test]
fn a_wrong_key_is_refused_and_the_connection_goes_on() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let too_long = "k".repeat(256);
    let rows = [
        ("Idempotency-Key:\r\n", "empty idempotency key"),
        ("Idempotency-Key: \"\"\r\n", "empty idempotency key"),
        (&format!("Idempotency-Key: {too_long}\r\n"), "idempotency key over 255 bytes"),
        ("Idempotency-Key: \"a\";b=1\r\n", "idempotency key with something behind it"),
        ("Idempotency-Key: a b\r\n", "idempotency key of other than visible ASCII"),
        ("Idempotency-Key: a\r\nIdempotency-Key: a\r\n", "more than one idempotency key"),
    ];
    for (fields, words) in rows {
        let answer = ask(&mut client, "POST", fields);
        assert_eq!(answer.status, 400, "{fields}");
        assert_eq!(answer.json(), json!({"error": format!("{words}: nothing was taken")}));
    }
    assert_eq!(daemon.taken(), 0);
    assert_eq!(take(&mut client, "a").number(), Some(1));
}

#[test]
fn where_a_key_is_required_a_take_without_one_is_refused() {
    let daemon = Daemon::start(&["--require-key", "--key-header", "X-Buyer"]);
    let mut client = daemon.client();
    for fields in ["", "Idempotency-Key: a\r\n"] {
        let answer = ask(&mut client, "POST", fields);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({"error": "no idempotency key: nothing was taken"}));
    }
    assert_eq!(ask(&mut client, "POST", "x-buyer: a\r\n").number(), Some(1));
    assert!(is_replay(&ask(&mut client, "GET", "X-Buyer: a\r\n")));
    assert_eq!(daemon.taken(), 1);
}

#[test]
fn who_does_not_take_needs_no_key_and_takes_nothing_with_one() {
    let daemon = Daemon::start(&["--require-key"]);
    let mut client = daemon.client();
    for fields in ["", "Idempotency-Key: a\r\n", "Idempotency-Key: \"\"\r\n"] {
        assert_eq!(ask(&mut client, "HEAD", fields).status, 200);
        assert_eq!(ask(&mut client, "OPTIONS", fields).status, 204);
    }
    assert_eq!(daemon.taken(), 0);
    let first = take(&mut client, "a");
    assert_eq!((first.number(), is_replay(&first)), (Some(1), false));
}

#[test]
fn a_page_of_an_allowed_origin_may_send_the_key_and_read_that_it_is_a_replay() {
    let daemon =
        Daemon::start(&["--allow-origin", "https://shop.example", "--key-header", "X-Buyer"]);
    let mut client = daemon.client();
    let origin = "Origin: https://shop.example\r\n";
    let preflight = format!("{origin}Access-Control-Request-Method: POST\r\n");
    let answer = ask(&mut client, "OPTIONS", &preflight);
    let allowed = answer.field("Access-Control-Allow-Headers").expect("it is a preflight");
    assert!(allowed.split(", ").any(|name| name == "x-buyer"), "{allowed}");
    for expected in [false, true] {
        let answer = ask(&mut client, "POST", &format!("{origin}X-Buyer: a\r\n"));
        assert_eq!((answer.number(), is_replay(&answer)), (Some(1), expected));
        let exposed = answer.field("Access-Control-Expose-Headers").expect("it has an origin");
        assert!(exposed.contains("Idempotent-Replayed"), "{exposed}");
    }
}
