//! Bodies that come with a request: read past, and never taken for the next request.

use super::on_every_store;
use crate::support::daemon::Daemon;

#[test]
fn a_body_is_read_past() {
    // A body that looks like a request must not be one.
    let bodies = [
        "Content-Length: 0\r\n\r\n".to_owned(),
        "Content-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab".to_owned(),
        format!("Content-Length: 65536\r\n\r\n{}", "x".repeat(65_536)),
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n1b\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n"
            .to_owned(),
        "Transfer-Encoding: Chunked\r\n\r\n3;name=\"value\"\r\nabc\r\nA\r\n0123456789\r\n\
         000\r\nTrailer: yes\r\nAnother: one\r\n\r\n"
            .to_owned(),
    ];
    on_every_store(&["--limit", "1000"], |daemon| {
        let mut client = daemon.client();
        for (index, body) in (0..).zip(&bodies) {
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{body}").as_bytes());
            assert_eq!(client.receive().number(), Some(2 * index + 1), "{body:.60}");
            assert_eq!(client.get("/").number(), Some(2 * index + 2), "{body:.60}");
        }
    });
}

#[test]
fn a_body_is_read_past_for_every_answer() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    let requests = [("GET", "/status", 200), ("PUT", "/", 405), ("POST", "/nowhere", 404)];
    for (method, target, status) in requests {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
        client.send(head.as_bytes());
        client.send(b"GET ");
        assert_eq!(client.receive().status, status);
        assert_eq!(client.get("/livez").status, 200);
    }
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn a_client_that_expects_100_continue_is_told_to_go_on() {
    on_every_store(&[], |daemon| {
        let mut client = daemon.client();
        for number in 1..=2 {
            client.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\
                  Expect: 100-continue\r\n\r\n",
            );
            assert_eq!(client.receive().status, 100);
            client.send(b"abcd");
            assert_eq!(client.receive().number(), Some(number));
        }
    });
}

#[test]
fn a_client_that_expects_100_continue_is_refused_before_it_sends_too_much() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.receive().status, 413);
    client.assert_closed();
}

#[test]
fn a_client_of_http_1_0_never_gets_an_interim_answer() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.send(b"POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nabcd");
    assert_eq!(client.receive().number(), Some(1));
    client.assert_closed();
}

#[test]
fn a_blank_line_before_a_request_is_passed_over() {
    // RFC 9112, section 2.2: some clients end a body with a line too many.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.send(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.receive().number(), Some(1));
    assert_eq!(client.receive().number(), Some(2));
}
