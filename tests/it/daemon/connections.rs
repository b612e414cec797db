//! One connection: kept alive, pipelined, half closed, left.

use std::io::Write;
use std::thread;

use super::on_every_store;
use crate::support::daemon::Daemon;
use crate::support::store_server::{KINDS, Kind};
use crate::support::wait::wait_until;

const TAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PROBE: &[u8] = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_connection_is_kept_alive_until_its_client_says_close() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        for number in 1..=5 {
            let answer = client.get("/");
            assert_eq!(answer.number(), Some(number));
            assert_eq!(answer.field("Connection"), None);
        }
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = client.receive();
        assert_eq!(answer.number(), Some(6));
        assert_eq!(answer.field("Connection"), Some("close"));
        client.assert_closed();
    });
}

#[test]
fn nothing_is_answered_after_connection_close() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        client.send(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, Close\r\n\r\n\
              GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        );
        assert_eq!(client.receive().number(), Some(1));
        client.assert_closed();
        assert_eq!(daemon.taken(), 1);
    });
}

#[test]
fn http_1_0_closes_unless_it_asks_to_be_kept_alive() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        client.send(b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(client.receive().number(), Some(1));
        client.assert_closed();

        let mut client = daemon.client();
        for number in 2..=3 {
            client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            let answer = client.receive();
            assert_eq!(answer.number(), Some(number));
            let connection = answer.field("Connection").unwrap_or_default();
            assert!(connection.eq_ignore_ascii_case("keep-alive"), "{answer:?}");
        }
        client.send(b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(client.receive().number(), Some(4));
        client.assert_closed();
    });
}

/// RFC 9110, section 2.5.
#[test]
fn a_higher_minor_version_is_served_as_http_1_1() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    for (number, minor) in (1..).zip(2..=9) {
        client.send(format!("GET / HTTP/1.{minor}\r\nHost: a\r\n\r\n").as_bytes());
        let answer = client.receive();
        assert_eq!((answer.version.as_str(), answer.number()), ("HTTP/1.1", Some(number)));
        assert_eq!(answer.field("Connection"), None, "{answer:?}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    on_every_store(&["--limit", "4"], |daemon| {
        let mut client = daemon.client();
        client.send(
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\
              GET /status HTTP/1.1\r\nHost: a\r\n\r\n\
              GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n\
              HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\
              GET / HTTP/1.1\r\nHost: a\r\n\r\n\
              POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
              DELETE / HTTP/1.1\r\nHost: a\r\n\r\n\
              OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n\
              GET / HTTP/1.1\r\nHost: a\r\n\r\n\
              GET / HTTP/1.1\r\nHost: a\r\n\r\n\
              GET /status HTTP/1.1\r\nHost: a\r\n\r\n\
              GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n\
              GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        );
        assert_eq!(client.receive().number(), Some(1));
        assert_eq!(client.receive().json()["taken"], 1);
        assert_eq!(client.receive().status, 404);
        assert_eq!(client.receive_to("HEAD").status, 200);
        assert_eq!(client.receive().number(), Some(2));
        assert_eq!(client.receive().number(), Some(3));
        assert_eq!(client.receive().status, 405);
        assert_eq!(client.receive().status, 204);
        assert_eq!(client.receive().number(), Some(4));
        assert!(client.receive().is_halted());
        assert_eq!(client.receive().json()["taken"], 4);
        assert_eq!(client.receive().status, 400);
        client.assert_closed();
    });
}

#[test]
fn a_thousand_requests_in_one_write_are_all_answered_in_order() {
    on_every_store(&["--limit", "10000"], |daemon| {
        let mut client = daemon.client();
        client.send(&TAKE.repeat(1_000));
        for number in 1..=1_000 {
            assert_eq!(client.receive().number(), Some(number));
        }
        assert_eq!(client.get("/status").json()["taken"], 1_000);
    });
}

#[test]
fn a_client_that_sends_and_reads_later_loses_no_answer() {
    let daemon = Daemon::start(&["--limit", "100000"]);
    let mut reader = daemon.client();
    let mut sender = reader.stream();
    // More than the sockets and the program hold in between: sending waits for the reading below.
    let sending = thread::spawn(move || sender.write_all(&TAKE.repeat(50_000)));
    wait_until("the program to have answered", || daemon.taken() > 1_000);
    for number in 1..=50_000 {
        assert_eq!(reader.receive().number(), Some(number));
    }
    let sent = sending.join().expect("the sending thread does not panic");
    assert!(sent.is_ok(), "{sent:?}");
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        for byte in b"POST /?a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" {
            client.send(&[*byte]);
        }
        assert_eq!(client.receive().number(), Some(1));
        assert_eq!(client.get("/").number(), Some(2));
    });
}

#[test]
fn a_client_that_finished_sending_is_still_answered() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        client.send(&TAKE.repeat(3));
        client.finish_sending();
        for number in 1..=3 {
            assert_eq!(client.receive().number(), Some(number));
        }
        client.assert_closed();
    });
}

#[test]
fn a_client_that_says_nothing_and_closes_is_closed_without_a_word() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.finish_sending();
    client.assert_closed();
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_request_takes_no_number() {
    on_every_store(&[], |daemon| {
        for part in ["GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"] {
            let mut client = daemon.client();
            client.send(part.as_bytes());
            drop(client);
        }
        assert_eq!(daemon.client().get("/").number(), Some(1));
    });
}

#[test]
fn clients_that_leave_before_their_answer_leave_the_others_theirs() {
    KINDS.into_iter().for_each(leave_before_their_answer);
}

fn leave_before_their_answer(kind: Kind) {
    let server = kind.start();
    let daemon = Daemon::start_with_store(&server.url(), &["--threads", "1"]);
    server.pause();
    let mut staying: Vec<_> = (0..5).map(|_| daemon.client()).collect();
    for client in &mut staying {
        let mut leaving = daemon.client();
        leaving.send(&[PROBE, TAKE].concat());
        client.send(TAKE);
        leaving.reset();
    }
    // New clients sit in the slots of those that left before the grant comes.
    let mut late: Vec<_> = (0..5).map(|_| daemon.client()).collect();
    assert!(late.iter_mut().all(|client| client.get("/livez").status == 200));
    server.resume();
    let mut numbers: Vec<_> = staying.iter_mut().map(|client| client.receive().number()).collect();
    numbers.extend(late.iter_mut().map(|client| client.get("/").number()));
    numbers.sort_unstable();
    let unique = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(unique && numbers.iter().all(Option::is_some), "{numbers:?}");
    assert!(numbers.last() <= Some(&Some(15)), "{numbers:?}");
    // Nobody was given the answer of one that left besides.
    for client in staying.iter_mut().chain(&mut late) {
        assert_eq!(client.get("/livez").body, r#"{"status":"alive"}"#);
    }
}
