//! Those who keep the service waiting: requests that dribble in, bodies without an end, answers
//! that nobody reads. All of them stall at once, since each costs ten seconds.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use headcount::limits::{LINGER_TIMEOUT, REQUEST_TIMEOUT, SEND_TIMEOUT, SWEEP_INTERVAL};

use super::{LIVEZ, TAKE, besiege, connect_impatient};
use crate::support::daemon::Daemon;

/// How often one who stalls sends its next few bytes.
const DRIP_INTERVAL: Duration = Duration::from_millis(250);

/// What a busy machine may add to a timeout.
const SLACK: Duration = Duration::from_secs(5);

/// The connections of each kind.
const EACH: usize = 10;

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What comes at first, its rest, and what comes again and again: too little each time to be a
/// request, and in ten seconds too little to pass a bound.
const DRIPS: &[(&str, &str, &str)] = &[
    ("G", "", "E"),
    ("\r\n", "", "\r\n"),
    ("GET /", "", "a"),
    ("GET / HTTP/1.1\r\nHost: a\r\n", "", "A: b\r\n"),
    ("GET / HTTP/1.1\r\nHost: a\r\n", "A: ", "b"),
    (POST, "Content-Length: 65536\r\n\r\n", "b"),
    (CHUNKED, "", "1\r\nb\r\n"),
    (CHUNKED, "1;", "b"),
    (CHUNKED, "0\r\n", "A: b\r\n"),
];

/// One who stalls.
struct Staller {
    name: String,
    stream: TcpStream,
    drip: Vec<u8>,
    start: Instant,
    received: Vec<u8>,
    /// Sends whole requests and does not read.
    is_deaf: bool,
    ended_after: Option<Duration>,
}

#[test]
fn those_who_stall_are_ended_in_their_time_and_hold_up_nobody() {
    besiege(200, |daemon| {
        let idle = connect_impatient(daemon);
        let processor_time = daemon.vitals().processor_time();
        let deaf = [LIVEZ, TAKE].map(|request| Staller::deaf(daemon, request));
        let mut stallers: Vec<_> = DRIPS
            .iter()
            .flat_map(|drip| (0..EACH).map(|_| Staller::dripping(daemon, *drip)))
            .chain(deaf)
            .collect();
        let start = Instant::now();
        while stallers.iter().any(|staller| staller.ended_after.is_none()) {
            stallers.iter_mut().for_each(Staller::go_on);
            assert!(start.elapsed() < REQUEST_TIMEOUT + SLACK + SLACK, "not all were ended");
            thread::sleep(DRIP_INTERVAL);
        }
        stallers.iter().for_each(Staller::assert_ended_as_it_should);
        assert_is_open(idle);
        let spent = daemon.vitals().processor_time() - processor_time;
        assert!(spent < start.elapsed() / 2, "it spent {spent:?} on waiting");
    });
}

#[test]
fn requests_of_one_who_does_not_read_stay_unparsed() {
    besiege(10, |daemon| {
        let mut deaf = Staller::deaf(daemon, TAKE);
        let mut asked = daemon.client();
        let mut taken = || asked.get("/status").json()["taken"].as_u64().expect("a count");
        let (start, mut before) = (Instant::now(), taken());
        loop {
            deaf.go_on();
            thread::sleep(Duration::from_millis(100));
            let now = taken();
            // Those that the probe takes in this time are not the deaf one's.
            if now - before < 100 {
                break;
            }
            before = now;
            assert!(start.elapsed() < SEND_TIMEOUT, "it goes on answering");
        }
        assert!(deaf.ended_after.is_none(), "it was ended before its time");
        assert!(before > 1_000, "it was not answered at all");
    });
}

/// One that comes as fast as it can is told at once that it is too large, and is listened to for
/// no longer than a refused client is.
#[test]
fn a_body_without_an_end_is_refused_at_its_bound() {
    besiege(50, |daemon| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| send_endless_body(daemon));
            }
        });
    });
}

fn send_endless_body(daemon: &Daemon) {
    let chunk = [b"1000\r\n".as_slice(), &[b'b'; 0x1000], b"\r\n"].concat();
    let mut client = daemon.client();
    let start = Instant::now();
    client.send(CHUNKED.as_bytes());
    while client.try_send(&chunk).is_ok() {
        let bound = LINGER_TIMEOUT + SWEEP_INTERVAL + SLACK;
        assert!(start.elapsed() < bound, "it takes a body without an end");
    }
    assert_eq!(client.receive().status, 413);
}

impl Staller {
    fn dripping(daemon: &Daemon, (opening, rest, drip): (&str, &str, &str)) -> Self {
        let opening = [opening, rest].concat();
        let mut staller = Self::new(daemon, opening.escape_debug().to_string(), drip.into());
        staller.stream.write_all(opening.as_bytes()).expect("a few bytes have room");
        staller
    }

    fn deaf(daemon: &Daemon, request: &[u8]) -> Self {
        let name = format!("deaf to {}", request.escape_ascii());
        Self { is_deaf: true, ..Self::new(daemon, name, request.repeat(1_000)) }
    }

    fn new(daemon: &Daemon, name: String, drip: Vec<u8>) -> Self {
        let stream = connect_impatient(daemon);
        let (start, received) = (Instant::now(), Vec::new());
        Self { name, stream, drip, start, received, is_deaf: false, ended_after: None }
    }

    fn go_on(&mut self) {
        if self.ended_after.is_some() {
            return;
        }
        let is_over = if self.is_deaf { self.pour() } else { self.drip() };
        if is_over {
            self.ended_after = Some(self.start.elapsed());
        }
    }

    /// Sends until the kernel takes no more; whether the connection is over.
    fn pour(&mut self) -> bool {
        loop {
            // A short write may end in the middle of a request: there the next one goes on.
            match self.stream.write(&self.drip) {
                Ok(count) => self.drip.rotate_left(count),
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    }

    /// Reads what came, and sends a little unless that was the answer; whether the connection is
    /// over.
    fn drip(&mut self) -> bool {
        let mut buffer = [0; 1_024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{}: {error} before the end was read", self.name),
            }
        }
        self.received.is_empty() && self.stream.write_all(&self.drip).is_err()
    }

    fn assert_ended_as_it_should(&self) {
        let timeout = if self.is_deaf { SEND_TIMEOUT } else { REQUEST_TIMEOUT };
        let (name, ended_after) = (&self.name, self.ended_after.expect("all have ended"));
        let bound = timeout + SWEEP_INTERVAL + DRIP_INTERVAL + SLACK;
        assert!((timeout..bound).contains(&ended_after), "{name}: ended after {ended_after:?}");
        let received = String::from_utf8_lossy(&self.received);
        if self.is_deaf {
            return;
        }
        assert!(received.starts_with("HTTP/1.1 408 "), "{name}: {received}");
        assert!(received.contains("\r\nConnection: close\r\n"), "{name}: {received}");
        assert_eq!(received.matches("HTTP/1.1 ").count(), 1, "{name}: {received}");
    }
}

/// One who has asked nothing yet has 75 s, for which nobody waits here: the tests of `client` let
/// them pass.
fn assert_is_open(mut idle: TcpStream) {
    let read = idle.read(&mut [0]);
    assert!(matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock), "{read:?}");
}
