//! Signals: at SIGTERM and SIGINT what is in flight is finished, and then it ends.

use std::time::{Duration, Instant};

use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::store_server::{KINDS, Kind};
use crate::support::wait::wait_until;

const TAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The contract's bound for the end after a signal, and what a busy machine may add.
const END_MAX: Duration = Duration::from_secs(5 + 5);

#[test]
fn each_signal_ends_an_idle_program_with_exit_code_0() {
    for name in ["TERM", "INT"] {
        let mut daemon = Daemon::start(&[]);
        let mut idle = daemon.client();
        assert_eq!(idle.get("/").number(), Some(1));
        let mut silent = daemon.client();
        daemon.signal(name);
        assert_eq!(daemon.wait_for_exit().code(), Some(0), "SIG{name}");
        idle.assert_closed();
        silent.assert_closed();
    }
}

#[test]
fn what_is_in_flight_at_the_signal_is_finished() {
    KINDS.into_iter().for_each(is_finished);
}

fn is_finished(kind: Kind) {
    let server = kind.start();
    let mut daemon = Daemon::start_with_store(&server.url(), &[]);
    server.pause();
    let mut clients: Vec<_> = (0..4).map(|_| daemon.client()).collect();
    for client in &mut clients {
        // The probe is answered, so the program has read what came before it on this connection
        // once the take behind it is sent in the same write.
        client.send(&[b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(), TAKE].concat());
        assert_eq!(client.receive().status, 200);
    }
    daemon.signal("TERM");
    wait_until_it_accepts_no_more(&daemon);
    server.resume();
    let mut numbers = Vec::new();
    for client in &mut clients {
        let answer = client.receive();
        assert_eq!(answer.field("Connection"), Some("close"), "{answer:?}");
        numbers.push(answer.number());
        client.assert_closed();
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(daemon.wait_for_exit().code(), Some(0));
}

#[test]
fn a_store_that_never_answers_does_not_hold_up_the_end() {
    for kind in KINDS {
        let server = kind.start();
        let mut daemon = Daemon::start_with_store(&server.url(), &["--store-timeout", "60000"]);
        server.pause();
        let mut client = daemon.client();
        client.send(TAKE);
        let start = Instant::now();
        assert_eq!(daemon.stop().code(), Some(0));
        assert!(start.elapsed() < END_MAX, "took {:?}", start.elapsed());
    }
}

#[test]
fn a_client_that_never_finishes_its_request_does_not_hold_up_the_end() {
    let mut daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.send(b"GET / HTTP/1.1\r\nHost: ");
    let start = Instant::now();
    assert_eq!(daemon.stop().code(), Some(0));
    assert!(start.elapsed() < END_MAX, "took {:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Kind::Redis.start();
    let mut daemon = Daemon::start_with_store(&server.url(), &["--store-timeout", "60000"]);
    server.pause();
    let mut client = daemon.client();
    client.send(&[b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(), TAKE].concat());
    assert_eq!(client.receive().status, 200);
    daemon.signal("TERM");
    wait_until_it_accepts_no_more(&daemon);
    daemon.signal("TERM");
    let second_signal = Instant::now();
    daemon.wait_for_exit();
    // The first one alone would take 4.5 s here, for the store keeps the request in flight.
    let took = second_signal.elapsed();
    assert!(took < Duration::from_millis(3_000), "took {took:?}");
}

#[test]
fn a_program_that_was_stopped_and_continued_serves_on() {
    // Which interrupts its wait for events, signal(7).
    for kind in KINDS {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), &[]);
        let mut client = daemon.client();
        for number in 1..=5 {
            daemon.signal("STOP");
            client.send(TAKE);
            daemon.signal("CONT");
            assert_eq!(client.receive().number(), Some(number));
        }
    }
}

fn wait_until_it_accepts_no_more(daemon: &Daemon) {
    wait_until("the listener to close", || HttpClient::try_connect(daemon.address()).is_err());
}
