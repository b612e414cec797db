//! The end without a loss: who has sent a request before it is answered, whatever comes between.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::store_server::KINDS;
use crate::support::wait::wait_until;

const TAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
const STATUS: &[u8] = b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n";

/// Clients at once of a crowd, and after how many of its answers the program is told to stop.
const CROWD: u64 = 8;
const CROWD_ANSWERS: u64 = 500;

/// A program that was told to stop and still serves.
fn announced() -> (Daemon, HttpClient) {
    let daemon = Daemon::start(&["--drain-delay", "10m"]);
    let mut client = daemon.client();
    assert_eq!(client.get("/livez").field("Connection"), None);
    daemon.signal("TERM");
    wait_for_message(&daemon, "stopping: finishing what is in flight");
    (daemon, client)
}

fn wait_for_message(daemon: &Daemon, message: &str) {
    daemon.wait_for_log(message, |line| line["msg"] == message);
}

#[test]
fn within_the_delay_it_is_unready_and_takes_are_served_with_connection_close() {
    let (mut daemon, mut old) = announced();
    wait_until("it to be unready", || daemon.client().get("/readyz").status == 503);
    let ready = daemon.client().get("/readyz");
    assert_eq!(ready.body, r#"{"error":"draining"}"#);
    assert_eq!(ready.field("Connection"), Some("close"));
    assert_eq!(daemon.client().get("/livez").status, 200);
    let mut new = daemon.client();
    for (number, client) in (1..).zip([&mut old, &mut new]) {
        let answer = client.get("/");
        assert_eq!(answer.number(), Some(number));
        assert_eq!(answer.field("Connection"), Some("close"));
        client.assert_closed();
    }
    daemon.signal("INT");
    assert_eq!(daemon.wait_for_exit().code(), Some(1), "a second signal ends it at once");
}

#[test]
fn after_the_delay_it_ends() {
    let mut daemon = Daemon::start(&["--drain-delay", "100ms"]);
    let mut idle = daemon.client();
    assert_eq!(daemon.stop().code(), Some(0));
    idle.assert_closed();
    let log = daemon.log_to_the_end();
    assert!(log.iter().any(|line| line["drain_delay_ms"] == 100), "{log:?}");
}

#[test]
fn a_hangup_is_ignored_with_a_line() {
    let mut daemon = Daemon::start(&[]);
    daemon.signal("HUP");
    wait_for_message(&daemon, "SIGHUP ignored: there is nothing to reload");
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn what_was_pipelined_before_the_end_is_answered() {
    for kind in KINDS {
        let server = kind.start();
        let mut daemon = Daemon::start_with_store(&server.url(), &[]);
        server.pause();
        let mut client = daemon.client();
        client.send(&[LIVEZ, TAKE, TAKE, STATUS, POST, LIVEZ].concat());
        assert_eq!(client.receive().status, 200);
        daemon.signal("TERM");
        wait_for_message(&daemon, "stopping: finishing what is in flight");
        server.resume();
        let answers: Vec<_> = (0..5).map(|_| client.receive()).collect();
        let numbers: Vec<_> = answers.iter().filter_map(|it| it.number()).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let closes = answers.iter().map(|it| it.field("Connection"));
        assert_eq!(closes.collect::<Vec<_>>(), [None, None, None, None, Some("close")]);
        client.assert_closed();
        assert_eq!(daemon.wait_for_exit().code(), Some(0));
    }
}

#[test]
fn a_request_that_never_becomes_whole_is_answered_at_the_end() {
    let mut daemon = Daemon::start(&[]);
    let starts =
        ["GET / HTTP/1.1\r\nHost: ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"];
    let mut clients = starts.map(|start| {
        let mut client = daemon.client();
        client.send(&[LIVEZ, start.as_bytes()].concat());
        assert_eq!(client.receive().status, 200);
        client
    });
    assert_eq!(daemon.stop().code(), Some(0));
    for client in &mut clients {
        let answer = client.receive();
        assert_eq!((answer.status, answer.field("Connection")), (408, Some("close")));
        client.assert_closed();
    }
}

/// They have connected, and the program has not seen them yet.
#[test]
fn who_waits_in_the_listen_queue_is_answered() {
    let mut daemon = Daemon::start(&[]);
    daemon.signal("STOP");
    let mut clients: Vec<_> = (0..300).map(|_| daemon.client()).collect();
    clients.iter_mut().for_each(|client| client.send(POST));
    daemon.signal("TERM");
    daemon.signal("CONT");
    for client in &mut clients {
        assert_eq!(client.receive().status, 200);
        client.assert_closed();
    }
    assert_eq!(daemon.wait_for_exit().code(), Some(0));
}

/// A connection a request: each is refused, or answered.
#[test]
fn nobody_who_could_connect_is_left_without_an_answer() {
    for _ in 0..3 {
        let daemon = Daemon::start(&["--limit", "1000000"]);
        crowd(daemon, |daemon, told, failures| {
            let Ok(mut client) = HttpClient::try_connect(daemon.address()) else {
                return false;
            };
            let answer = client.try_send(POST).and_then(|()| client.try_receive());
            note(answer.map(|answer| answer.status), told, failures);
            true
        });
    }
}

/// Connections that are kept: each is told with an answer that it was the last.
#[test]
fn no_kept_connection_in_use_ends_without_having_been_told() {
    for _ in 0..3 {
        let daemon = Daemon::start(&["--limit", "1000000"]);
        crowd(daemon, |daemon, told, failures| {
            let Ok(mut client) = HttpClient::try_connect(daemon.address()) else {
                return false;
            };
            loop {
                let answer = client.try_send(POST).and_then(|()| client.try_receive());
                let is_last = answer.as_ref().is_ok_and(|it| it.field("Connection").is_some());
                let is_failed = answer.is_err();
                note(answer.map(|answer| answer.status), told, failures);
                if is_last || is_failed {
                    return true;
                }
            }
        });
    }
}

/// Many do `one` until they cannot connect, and the program is stopped meanwhile.
fn crowd(mut daemon: Daemon, one: impl Fn(&Daemon, &AtomicU64, &AtomicU64) -> bool + Sync) {
    let (told, failures, is_over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                let mut could_connect = true;
                while could_connect && !is_over.load(Ordering::Relaxed) {
                    could_connect = one(&daemon, &told, &failures);
                }
            });
        }
        wait_until("answers", || told.load(Ordering::Relaxed) >= CROWD_ANSWERS);
        daemon.signal("TERM");
        wait_until("the listener to close", || TcpStream::connect(daemon.address()).is_err());
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(failures.load(Ordering::Relaxed), 0, "of {told:?}");
    assert_eq!(daemon.wait_for_exit().code(), Some(0));
}

fn note(status: std::io::Result<u16>, told: &AtomicU64, failures: &AtomicU64) {
    let counter = if matches!(status, Ok(200)) { told } else { failures };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// An answer waits in the client's kernel, and more of its requests come: a reset would lose it.
#[test]
fn the_last_answer_outlives_what_the_client_sent_on() {
    let (_daemon, client) = announced();
    let mut stream = client.stream();
    stream.write_all(TAKE).expect("it is served");
    let mut first = [0];
    assert_eq!(stream.peek(&mut first).ok(), Some(1), "the last answer is here, and is not read");
    stream.write_all(&TAKE.repeat(10)).expect("what comes late is read past");
    stream.shutdown(std::net::Shutdown::Write).expect("it is not reset");
    let mut answer = String::new();
    let end = stream.read_to_string(&mut answer).map_err(|error| error.kind());
    assert_ne!(end, Err(ErrorKind::ConnectionReset));
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
}
