//! What is in the path: a counter that is not served is 404, and the store hears nothing of it.

use super::{commands_with, remember_commands, start_logging_postgres, statements};
use crate::support::daemon::Daemon;
use crate::support::redis_server::RedisServer;

const COUNTERS: &[&str] =
    &["--threads", "2", "--counter", "shoes", "--counter", "..hats", "--counter", "A_a-1.x"];

/// Paths of no counter that is served here.
fn unserved() -> Vec<String> {
    let names = [
        "coats",
        "Shoes",
        "SHOES",
        "shoe",
        "shoess",
        "shoes/",
        "shoes/x",
        "/shoes",
        "",
        "/",
        ".",
        "..",
        "../shoes",
        "./shoes",
        "..%2Fhats",
        "shoes%00",
        "shoes%2F",
        "%20shoes",
        "shoes%0A",
        "{shoes}",
        "shoes;x=1",
        "shoes,hats",
        "*",
        "headcount:%7Bshoes%7D",
        "%C3%A9",
        "shoes%",
    ];
    let mut paths: Vec<String> = names.iter().map(|name| format!("/take/{name}")).collect();
    let long = ["a".repeat(65), "a".repeat(64), "a".repeat(4_000), "shoes".repeat(500)];
    paths.extend(long.iter().map(|name| format!("/take/{name}")));
    for path in ["//take/shoes", "//take", "/take", "/take/", "/Take/shoes", "/take//shoes"] {
        paths.push(path.to_owned());
    }
    for path in ["/status/coats", "/status/", "/readyz/coats", "/readyz/", "/livez/shoes"] {
        paths.push(path.to_owned());
    }
    paths
}

fn assert_not_found(daemon: &Daemon) {
    let mut client = daemon.client();
    for path in unserved() {
        for method in ["GET", "POST", "HEAD"] {
            let answer = client.request(method, &path);
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
    }
}

#[test]
fn redis_hears_nothing_of_a_counter_that_is_not_served() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), COUNTERS);
    assert_eq!(daemon.client().get("/take/shoes").number(), Some(1));
    remember_commands(&redis);
    assert_not_found(&daemon);
    redis.settle();
    // A heartbeat may come in between: it is of a counter that is served.
    let calls = commands_with(&redis, "EVALSHA");
    assert!(calls < unserved().len() / 2, "{calls} calls");
    assert_eq!(daemon.client().get("/take/..hats").number(), Some(1));
    assert!(commands_with(&redis, "EVALSHA") > calls, "a take is seen");
    let keys: Vec<String> = redis.command(&["KEYS", "*"]);
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert_eq!(redis.counter("shoes").map(|it| it.0), Some(1));
}

#[test]
fn postgres_hears_nothing_of_a_counter_that_is_not_served() {
    let postgres = start_logging_postgres();
    let daemon = Daemon::start_with_store(&postgres.url(), COUNTERS);
    assert_eq!(daemon.client().get("/take/shoes").number(), Some(1));
    let before = statements(&postgres);
    assert_not_found(&daemon);
    assert_eq!(statements(&postgres), before, "it has no heartbeat");
    assert_eq!(daemon.client().get("/take/shoes").number(), Some(2));
    assert!(statements(&postgres) > before, "a take is seen");
    assert_eq!(postgres.sql("select count(*) from headcount"), "3");
}

#[test]
fn a_name_stands_for_itself_byte_for_byte() {
    let daemon = Daemon::start(COUNTERS);
    let mut client = daemon.client();
    for (path, number) in [
        ("/take/..hats", 1),
        ("/take/A_a-1.x", 1),
        ("/take/A_a-1.x?size=44&x=/take/shoes", 2),
        ("/take/shoes?", 1),
        ("http://elsewhere/take/shoes", 2),
    ] {
        assert_eq!(client.get(path).number(), Some(number), "{path}");
    }
    assert_not_found(&daemon);
    for (name, taken) in [("shoes", 2), ("..hats", 1), ("A_a-1.x", 2)] {
        let status = client.get(&format!("/status/{name}")).json();
        assert_eq!(status["taken"], taken, "{name}");
    }
}

#[test]
fn bytes_that_no_target_may_have_are_refused() {
    let daemon = Daemon::start(COUNTERS);
    for name in [&b"sho\xffes"[..], b"\xc3\xa9", b"shoes\0", b"sho\tes", b"shoes\x7f"] {
        let mut client = daemon.client();
        client.send(&[b"GET /take/", name, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
        let answer = client.receive();
        assert!(matches!(answer.status, 400 | 404), "{name:?}: {answer:?}");
    }
    let mut client = daemon.client();
    client.send(format!("GET /take/{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8_001)).as_bytes());
    assert_eq!(client.receive().status, 414);
    assert_eq!(daemon.taken(), 0);
}
