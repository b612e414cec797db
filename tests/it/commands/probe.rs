//! `probe`: a health check without a shell.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, Finished, run};
use crate::support::process::free_port;
use crate::support::redis_server::RedisServer;

fn probe(address: SocketAddr, words: &[&str]) -> Finished {
    let address = address.to_string();
    run(&[&["probe", "--listen", &address], words].concat(), &[])
}

fn line(finished: &Finished) -> &str {
    assert_eq!((finished.code, finished.stderr.len()), (Some(1), 1), "{finished:?}");
    assert!(finished.stdout.is_empty(), "{finished:?}");
    &finished.stderr[0]
}

#[test]
fn a_process_that_serves_is_well_and_nothing_is_said() {
    let daemon = Daemon::start(&[]);
    daemon.wait_until_ready();
    for words in [&[][..], &["--ready"]] {
        let finished = probe(daemon.address(), words);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.stdout.is_empty() && finished.stderr.is_empty(), "{finished:?}");
    }
    let any = SocketAddr::from(([0, 0, 0, 0], daemon.address().port()));
    assert_eq!(probe(any, &[]).code, Some(0), "all addresses are asked on loopback");
}

#[test]
fn a_process_whose_store_is_away_lives_and_is_not_ready() {
    let store = format!("redis://127.0.0.1:{}", free_port());
    let daemon = Daemon::start(&["--store", &store]);
    daemon.last_error(&["unreachable"]);
    assert_eq!(probe(daemon.address(), &[]).code, Some(0));
    let finished = probe(daemon.address(), &["--ready"]);
    let start = format!("headcount: probe: http://{}/readyz: 503 {{", daemon.address());
    assert!(line(&finished).starts_with(&start), "{finished:?}");
}

/// It waits for a store that hangs, with a client that waits too.
#[test]
fn a_process_that_drains_is_not_ready() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), &[]);
    redis.pause();
    let mut client = daemon.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    daemon.signal("TERM");
    daemon.wait_for_log("the end", |line| {
        line["msg"].as_str().is_some_and(|msg| msg.starts_with("stopping"))
    });
    line(&probe(daemon.address(), &["--ready"]));
    redis.resume();
}

#[test]
fn nobody_or_somebody_else_is_said_in_bounded_time() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    assert!(line(&probe(nobody, &[])).contains("/livez: "), "it says what came");
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let before = Instant::now();
    let finished = probe(silent.local_addr().expect("it listens"), &[]);
    assert!(line(&finished).ends_with("/livez: no answer within 2 s"), "{finished:?}");
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());

    let other = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = other.local_addr().expect("it listens");
    thread::spawn(move || {
        for mut stream in other.incoming().flatten() {
            let _ = stream.write_all(b"220 \x1b[31mftp\r\n");
        }
    });
    let finished = probe(address, &["--ready"]);
    // Its answer may be lost to a reset: it closes without having read the request.
    assert!(!line(&finished).contains('\u{1b}'), "{finished:?}");
}
