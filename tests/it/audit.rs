//! The lines of the numbers, with and without `--audit`.

use serde_json::{Value, json};

use crate::support::daemon::Daemon;

/// The line about this number, without what every line has.
fn line_of(daemon: &Daemon, number: u64) -> Value {
    let mut line = daemon.wait_for_log("a number taken", |line| line["request_num"] == number);
    let fields = line.as_object_mut().expect("a line is an object");
    for name in ["ts", "level", "target"] {
        assert!(fields.remove(name).is_some(), "{name} is in every line");
    }
    line
}

const SENT: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n\
    X-Request-Id: one\" \xff\r\ntraceparent: 00-4bf9-00f0-01\r\nIdempotency-Key: \"k-1\"\r\n\
    X-Forwarded-For: 10.0.0.1\r\n\r\n";

#[test]
fn with_the_flag_the_line_of_a_number_says_who_took_it() {
    let daemon = Daemon::start(&["--audit", "--counter", "shoes", "--counter", "hats"]);
    let mut client = daemon.client();
    let peer = client.stream().local_addr().expect("it is connected").to_string();
    client.send(&[SENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    assert_eq!(client.receive().number(), Some(1));
    assert_eq!(client.receive().number(), Some(2));
    let expected = json!({
        "msg": "number taken", "counter": "shoes", "request_num": 1, "peer": peer,
        "forwarded_for": "192.0.2.7, 10.0.0.1", "request_id": "one\" \u{fffd}",
        "traceparent": "00-4bf9-00f0-01", "key": "k-1",
    });
    assert_eq!(line_of(&daemon, 1), expected);
    let expected = json!({
        "msg": "number taken", "counter": "shoes", "request_num": 2, "peer": peer,
        "forwarded_for": null, "request_id": null, "traceparent": null, "key": null,
    });
    assert_eq!(line_of(&daemon, 2), expected);
}

#[test]
fn without_the_flag_it_names_the_counter_and_nothing_of_the_client() {
    let daemon = Daemon::start(&["--counter", "shoes"]);
    let mut client = daemon.client();
    client.send(SENT);
    assert_eq!(client.receive().number(), Some(1));
    let expected = json!({"msg": "number taken", "counter": "shoes", "request_num": 1});
    assert_eq!(line_of(&daemon, 1), expected);
}
