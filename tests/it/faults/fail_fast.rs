//! A store that has been away for longer than `--store-timeout` is not waited for: every request
//! that needs it is answered at once, until the store is back.

use std::time::{Duration, Instant};

use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::store_server::{Kind, StoreServer};

/// So long that a machine that is busy with other tests is not taken for a program that waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Each of these would wait for [`TIMEOUT`], and all of them have no longer than that.
const IN_SEQUENCE: usize = 40;

const PIPELINED: usize = 200;

#[test]
fn nobody_waits_for_a_redis_that_hangs() {
    hangs(Kind::Redis);
}

#[test]
fn nobody_waits_for_a_postgres_that_hangs() {
    hangs(Kind::Postgres);
}

#[test]
fn nobody_waits_for_a_redis_that_is_down() {
    is_down(Kind::Redis);
}

#[test]
fn nobody_waits_for_a_postgres_that_is_down() {
    is_down(Kind::Postgres);
}

/// It is stopped: its port still connects, and nothing is answered.
fn hangs(kind: Kind) {
    let server = kind.start();
    let daemon = start(&server);
    server.pause();
    assert_fails_fast(&daemon);
    server.resume();
    assert_goes_on(&daemon);
}

fn is_down(kind: Kind) {
    let mut server = kind.start();
    let daemon = start(&server);
    server.kill();
    assert_fails_fast(&daemon);
    server.restart();
    assert_goes_on(&daemon);
}

/// One thread, which has handed out 1 to 3.
fn start(server: &StoreServer) -> Daemon {
    let timeout = TIMEOUT.as_millis().to_string();
    let arguments = ["--store", &server.url(), "--store-timeout", &timeout, "--threads", "1"];
    let daemon = Daemon::start(&arguments);
    daemon.wait_until_ready();
    let mut client = daemon.client();
    assert_eq!([(); 3].map(|()| client.get("/").number()), [1, 2, 3].map(Some));
    daemon
}

fn assert_fails_fast(daemon: &Daemon) {
    let mut client = daemon.client();
    // The first one finds that the store is gone; the second one waits to the end of the timeout.
    for _ in 0..2 {
        assert!(client.get("/").is_unavailable());
    }
    let start = Instant::now();
    for target in ["/", "/take/default", "/status", "/status/default"].repeat(IN_SEQUENCE / 4) {
        let answer = client.get(target);
        assert!(answer.is_unavailable(), "{target}: {answer:?}");
        assert_eq!(answer.field("Retry-After"), Some("1"));
        assert!(start.elapsed() < TIMEOUT, "somebody has waited: {:?}", start.elapsed());
    }
    assert_eq!(client.request("HEAD", "/").status, 503);
    for target in ["/readyz", "/readyz/default"] {
        let answer = client.get(target);
        let body = answer.json();
        let is_reason = body["error"] == "timeout" || body["error"] == "unreachable";
        assert!(answer.status == 503 && is_reason, "{target}: {answer:?}");
    }
    assert_pipelined_fail(&mut client);
    assert!(start.elapsed() < TIMEOUT, "somebody has waited: {:?}", start.elapsed());
}

fn assert_pipelined_fail(client: &mut HttpClient) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(PIPELINED).as_bytes());
    for number in 0..PIPELINED {
        let answer = client.receive();
        assert!(answer.is_unavailable(), "{number}: {answer:?}");
    }
}

/// The numbers after those of before, whatever was in flight when the store went away.
fn assert_goes_on(daemon: &Daemon) {
    daemon.wait_until_ready();
    let mut client = daemon.client();
    assert_eq!([(); 3].map(|()| client.get("/").number()), [4, 5, 6].map(Some));
}
