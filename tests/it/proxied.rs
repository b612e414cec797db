//! Behind nginx: many clients' requests of every kind over the same kept-alive connections. Were
//! the two ever of different minds about where a request or an answer ends, somebody would get
//! the answer of another.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use fastrand::Rng;

use crate::support::daemon::Daemon;
use crate::support::http_client::{Answer, HttpClient};
use crate::support::nginx::Nginx;
use crate::support::redis_server::RedisServer;

/// Clients at once, as many as the connections that nginx keeps: each takes the one that was
/// given back last, whoever had it.
const CLIENTS: u64 = 16;

/// A body that is a request, for whoever does not know it for a body.
const BODY: &str = "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n";

/// What the clients saw together.
#[derive(Default)]
struct Seen {
    numbers: Mutex<Vec<u64>>,
    /// Takes whose answer nobody waited for.
    abandoned: AtomicU64,
    /// Requests after which a connection to the program may not be kept.
    ended: AtomicU64,
}

#[test]
fn nothing_is_out_of_step_behind_nginx() {
    run(10_000);
}

/// For the figure, by hand: `cargo test --release -- --ignored --nocapture hundred_thousand`.
#[test]
#[ignore = "takes a minute: for the figure, by hand"]
fn nothing_is_out_of_step_behind_nginx_in_a_hundred_thousand_requests() {
    run(100_000);
}

fn run(requests: u64) {
    let redis = RedisServer::start(&[]);
    let arguments = ["--store", &redis.url(), "--limit", "1000000", "--store-timeout", "5000"];
    let log = [("RUST_LOG", "info,headcount::engine=debug")];
    let mut daemon = Daemon::start_with(&arguments, &log);
    daemon.wait_until_ready();
    let nginx = Nginx::start(daemon.address());
    let seen = Seen::default();
    let start = Instant::now();
    thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let (seen, nginx) = (&seen, &nginx);
            scope.spawn(move || work(nginx, seed, requests / CLIENTS, seen));
        }
    });
    let elapsed = start.elapsed();
    drop(nginx);
    let taken = daemon.taken();
    let numbers = seen.numbers.into_inner().expect("no client panicked");
    let (abandoned, ended) = (seen.abandoned.into_inner(), seen.ended.into_inner());
    let unique: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(unique.len(), numbers.len(), "a number came twice");
    assert!(unique.last() <= Some(&taken), "a number that was not taken");
    let lost = taken - unique.len() as u64;
    assert!(lost <= abandoned, "{lost} numbers lost, and {abandoned} requests abandoned");
    daemon.stop();
    let log = daemon.log_to_the_end();
    let closed = log.iter().filter(|line| line["msg"] == "connection closed").count() as u64;
    // nginx gives up a connection over which something came that it did not ask for.
    let closed_max = ended + CLIENTS + requests / 100;
    assert!(closed <= closed_max, "{closed} connections were not kept alive");
    eprintln!(
        "{requests} requests in {elapsed:?}: {} numbers, {lost} of {abandoned} abandoned lost, \
         {closed} connections to the program, {ended} of them to be ended",
        numbers.len()
    );
}

fn work(nginx: &Nginx, seed: u64, requests: u64, seen: &Seen) {
    let mut random = Rng::with_seed(seed);
    let mut client = HttpClient::connect(nginx.address());
    for _ in 0..requests {
        match random.u8(..40) {
            0 => {
                abandon(client, &mut random, seen);
                client = HttpClient::connect(nginx.address());
            }
            1 => {
                refuse(client, &mut random, seen);
                client = HttpClient::connect(nginx.address());
            }
            2..6 => send_pipeline(&mut client, seen),
            _ => exchange(&mut client, &mut random, seen),
        }
    }
}

/// One request that is served, with or without a body.
fn exchange(client: &mut HttpClient, random: &mut Rng, seen: &Seen) {
    let (method, target) = [
        ("GET", "/"),
        ("POST", "/"),
        ("HEAD", "/"),
        ("OPTIONS", "/"),
        ("PUT", "/"),
        ("GET", "/status"),
        ("GET", "/livez"),
        ("GET", "/nowhere"),
        ("POST", "/nowhere"),
    ][random.usize(..9)];
    let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n");
    let (length, half) = (BODY.len(), BODY.len() / 2);
    let (start, rest) = BODY.split_at(half);
    match random.u8(..4) {
        0 => {
            client.send(format!("{head}Content-Length: {length}\r\n\r\n{BODY}").as_bytes());
        }
        1 => {
            // In pieces, so that nginx begins with the request before it has all of it.
            client.send(format!("{head}Content-Length: {length}\r\n\r\n{start}").as_bytes());
            thread::yield_now();
            client.send(rest.as_bytes());
        }
        2 => {
            let chunk = format!("{half:x}\r\n{start}\r\n");
            client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}").as_bytes());
            thread::yield_now();
            client.send(format!("{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()).as_bytes());
        }
        _ => client.send(format!("{head}\r\n").as_bytes()),
    }
    check(method, target, &client.receive_to(method), seen);
}

/// Requests of several kinds in one write.
fn send_pipeline(client: &mut HttpClient, seen: &Seen) {
    let requests =
        [("GET", "/"), ("GET", "/nowhere"), ("HEAD", "/"), ("GET", "/livez"), ("GET", "/status")];
    let bytes =
        requests.map(|(method, target)| format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.send(bytes.concat().as_bytes());
    for (method, target) in requests {
        check(method, target, &client.receive_to(method), seen);
    }
}

/// A request that nginx passes on and the program refuses.
fn refuse(mut client: HttpClient, random: &mut Rng, seen: &Seen) {
    seen.ended.fetch_add(1, Ordering::Relaxed);
    let fields = "A: b\r\n".repeat(80);
    let target = "a".repeat(8_100);
    let body = "b".repeat(70_000);
    let (request, status, words) = match random.u8(..5) {
        0 => ("GET / HTTP/1.1\r\nHost: a^b\r\n\r\n".to_owned(), 400, "malformed host"),
        1 => ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "malformed target"),
        2 => (format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), 431, "too many fields"),
        3 => (format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "target too long"),
        _ => {
            let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n";
            (format!("{head}{body}"), 413, "body too large")
        }
    };
    client.send(request.as_bytes());
    let answer = client.receive();
    let expected = format!(r#"{{"error":"{words}"}}"#);
    assert_eq!((answer.status, answer.body), (status, expected));
}

/// One who leaves in the middle of a request, or before its answer.
fn abandon(mut client: HttpClient, random: &mut Rng, seen: &Seen) {
    seen.ended.fetch_add(1, Ordering::Relaxed);
    seen.abandoned.fetch_add(1, Ordering::Relaxed);
    let request = match random.u8(..4) {
        0 => "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        1 => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nGET ",
        2 => "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nGET ",
        _ => "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    };
    client.send(request.as_bytes());
}

/// Whether the answer is one to this request and to no other.
fn check(method: &str, target: &str, answer: &Answer, seen: &Seen) {
    let status = answer.status;
    let is_its_own = match (method, target) {
        ("HEAD", "/") => status == 200 && answer.body.is_empty(),
        ("OPTIONS", "/") => status == 204,
        ("PUT", "/") => status == 405 && answer.body == r#"{"error":"method not allowed"}"#,
        (_, "/status") => status == 200 && answer.json().get("remaining").is_some(),
        (_, "/livez") => status == 200 && answer.body == r#"{"status":"alive"}"#,
        (_, "/nowhere") => status == 404 && answer.body == r#"{"error":"not found"}"#,
        _ => {
            let number = (status == 200).then(|| answer.number()).flatten();
            seen.numbers.lock().expect("no client panicked").extend(number);
            number.is_some()
        }
    };
    assert!(is_its_own, "{method} {target} was answered {answer:?}");
}
