//! Requests that are refused: each with its status, without a number, and with the connection
//! closed behind it, so that nothing that follows can be taken for a request.

use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;

/// What follows every refused request and must not be answered.
const NEXT_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Heads that break the grammar of RFC 9112: (what is wrong, bytes).
const MALFORMED_HEADS: &[(&str, &str)] = &[
    ("no Host on 1.1", "GET / HTTP/1.1\r\n\r\n"),
    ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
    ("bare CR as the end of a line", "GET / HTTP/1.1\rHost: a\r\n\r\n"),
    ("a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
    ("a folded field at the start", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("a field without a name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    ("a field without a colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
    ("a NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    ("a method that is no token", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a target of no form", "GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a start of TLS", "\x16\x03\x01\0\u{1}\0\r\n\r\n"),
];

#[test]
fn a_malformed_head_is_refused() {
    let daemon = Daemon::start(&[]);
    for (name, head) in MALFORMED_HEADS {
        assert_refused(&daemon, name, head.as_bytes(), 400);
    }
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn an_ambiguous_length_is_refused() {
    let fields = [
        ("no number", "Content-Length: abc"),
        ("a negative one", "Content-Length: -1"),
        ("one with a sign", "Content-Length: +1"),
        ("an empty one", "Content-Length: "),
        ("a hexadecimal one", "Content-Length: 0x1"),
        ("two numbers in one", "Content-Length: 1 1"),
        ("two that differ", "Content-Length: 1\r\nContent-Length: 2"),
        ("two that differ in a list", "Content-Length: 1, 2"),
        ("past 64 bits", "Content-Length: 99999999999999999999999"),
        ("beside Transfer-Encoding", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        ("chunked on 1.1 but not last", "Transfer-Encoding: chunked, gzip"),
        ("chunked twice", "Transfer-Encoding: chunked, chunked"),
    ];
    let daemon = Daemon::start(&[]);
    for (name, field) in fields {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        let (answer, mut client) = exchange(&daemon, head.as_bytes());
        // Some of these are a number too large and some a coding nobody knows: both refused.
        assert!([400, 413, 501].contains(&answer), "{name}: {answer}");
        client.assert_closed();
    }
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn a_head_past_a_bound_is_refused() {
    let target = "x".repeat(8_000);
    let value = "x".repeat(16_384);
    let fields = "X: a\r\n".repeat(65);
    let requests = [
        ("a target over 8,000 bytes", format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        ("a head over 16 KiB", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n"), 431),
        ("too many fields", format!("GET / HTTP/1.1\r\n{fields}\r\n"), 431),
    ];
    let daemon = Daemon::start(&[]);
    for (name, request, status) in requests {
        assert_refused(&daemon, name, request.as_bytes(), status);
    }
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn a_body_past_the_bound_is_refused_and_so_is_a_coding_nobody_knows() {
    let chunked = |size| post("Transfer-Encoding: chunked") + size + "\r\n";
    let requests = [
        ("over 64 KiB", post("Content-Length: 65537"), 413),
        ("exabytes", post("Content-Length: 18446744073709551615"), 413),
        ("a chunk over 64 KiB", chunked("10001"), 413),
        ("another coding", post("Transfer-Encoding: gzip"), 501),
        ("another coding and chunked", post("Transfer-Encoding: gzip, chunked"), 501),
    ];
    let daemon = Daemon::start(&[]);
    for (name, request, status) in requests {
        assert_refused(&daemon, name, request.as_bytes(), status);
    }
}

#[test]
fn another_version_is_refused() {
    let daemon = Daemon::start(&[]);
    for head in ["GET / HTTP/2.0\r\nHost: a", "PRI * HTTP/2.0", "GET / HTTP/0.9"] {
        let request = format!("{head}\r\n\r\n");
        assert_refused(&daemon, head, request.as_bytes(), 505);
    }
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn a_malformed_chunked_body_is_refused() {
    let long_extension = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(1_000));
    let bodies = [
        ("no size", "\r\nabc\r\n0\r\n\r\n"),
        ("a size that is no number", "xyz\r\nabc\r\n0\r\n\r\n"),
        ("a negative size", "-1\r\nabc\r\n0\r\n\r\n"),
        ("a size past 64 bits", "10000000000000000\r\nabc\r\n0\r\n\r\n"),
        ("a chunk longer than its size", "3\r\nabcd\r\n0\r\n\r\n"),
        ("a size line that ends in a bare LF", "3\nabc\r\n0\r\n\r\n"),
        ("an extension past the bound", &long_extension),
        ("an extension without a name", "3;\r\nabc\r\n0\r\n\r\n"),
        ("an extension's name that is no token", "3;bad[=x\r\nabc\r\n0\r\n\r\n"),
        ("an open quote", "3;a=\"b\r\nabc\r\n0\r\n\r\n"),
        ("a blank behind the size", "3 \r\nabc\r\n0\r\n\r\n"),
    ];
    let daemon = Daemon::start(&[]);
    for (name, body) in bodies {
        let request = post("Transfer-Encoding: chunked") + body;
        assert_refused(&daemon, name, request.as_bytes(), 400);
    }
}

#[test]
fn what_is_just_within_the_bounds_is_served() {
    let target = format!("/?{}", "x".repeat(7_998));
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    assert_eq!(client.get(&target).number(), Some(1));
    let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    let value = "x".repeat(16_384 - rest);
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n").as_bytes());
    assert_eq!(client.receive().number(), Some(2));
    // RFC 9112, section 3: a request line of 8,000 bytes, and fields as large again.
    for method in ["GET", "POST"] {
        let query = "x".repeat(8_000 - method.len() - " /? HTTP/1.1".len());
        let head = format!("{method} /?{query} HTTP/1.1\r\nHost: a\r\n");
        assert_eq!(head.find('\r'), Some(8_000));
        let value = "x".repeat(16_384 - head.len() - "X: \r\n\r\n".len());
        client.send(format!("{head}X: {value}\r\n\r\n").as_bytes());
        assert!(client.receive().number().is_some(), "{method}");
    }
}

#[test]
fn a_head_without_an_end_is_refused_before_it_ends() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.send(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(17_000)).as_bytes());
    assert_eq!(client.receive().status, 431);
    client.assert_closed();
}

#[test]
fn those_before_a_refused_request_are_answered() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.receive().number(), Some(1));
    assert_eq!(client.receive().status, 400);
    client.assert_closed();
}

/// RFC 9110, section 9.3.2: one byte of a body, and a client that keeps the connection would take
/// it for the start of the next answer.
#[test]
fn a_refused_head_is_answered_without_a_body() {
    let (target, value) = ("x".repeat(8_000), "x".repeat(16_384));
    let body = |field: &str| format!("HEAD / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
    let requests = [
        ("HEAD / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("\r\nHEAD nowhere HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("HEAD /{target} HTTP/1.1\r\n\r\n"), 414),
        (format!("HEAD / HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n"), 431),
        ("HEAD / HTTP/2.0\r\n\r\n".to_owned(), 505),
        (body("Content-Length: 65537"), 413),
        (body("Expect: the unexpected"), 417),
        (body("Transfer-Encoding: gzip"), 501),
        (body("Transfer-Encoding: chunked") + "x\r\n", 400),
        (body("Transfer-Encoding: chunked") + "3\r\nabc\r\n10000\r\n", 413),
        (body("Transfer-Encoding: chunked") + "0\r\n" + &"X: a\r\n".repeat(65) + "\r\n", 431),
    ];
    let daemon = Daemon::start(&[]);
    for (request, status) in requests {
        for pieces in [1, 3] {
            let mut client = daemon.client();
            for piece in request.as_bytes().chunks(request.len().div_ceil(pieces)) {
                client.send(piece);
            }
            client.send(NEXT_REQUEST);
            client.finish_sending();
            let answer = client.receive_to("HEAD");
            assert_eq!(answer.status, status, "{request:.60}");
            assert_eq!(answer.field("Connection"), Some("close"), "{answer:?}");
            assert_ne!(answer.field("Content-Length"), Some("0"), "{answer:?}");
            client.assert_closed();
        }
    }
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn a_refused_request_whose_method_is_not_read_is_answered_with_a_body() {
    let daemon = Daemon::start(&[]);
    for request in ["HEAD\r\n", "HEAD\t/", "HE@D / HTTP/1.1\r\n", "head nowhere HTTP/1.1\r\n"] {
        assert_refused(&daemon, request, request.as_bytes(), 400);
    }
}

fn post(field: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")
}

fn assert_refused(daemon: &Daemon, name: &str, request: &[u8], status: u16) {
    let (answered, mut client) = exchange(daemon, request);
    assert_eq!(answered, status, "{name}");
    client.assert_closed();
}

/// Sends a bad request and a good one behind it, and reads one refusal.
fn exchange(daemon: &Daemon, request: &[u8]) -> (u16, HttpClient) {
    let mut client = daemon.client();
    client.send(&[request, NEXT_REQUEST].concat());
    client.finish_sending();
    let answer = client.receive();
    let body = answer.json();
    assert!(body["error"].is_string() && body.as_object().is_some_and(|body| body.len() == 1));
    assert_eq!(answer.field("Connection"), Some("close"), "{answer:?}");
    (answer.status, client)
}
