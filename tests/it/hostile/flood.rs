//! Much, and fast: garbage, connections that are reset, requests whose answers nobody reads.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use socket2::SockRef;

use super::{LIVEZ, TAKE, besiege, connect_impatient};
use crate::support::daemon::Daemon;

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_millis(1_500);

/// Those who flood at the same time.
const FLOODERS: u64 = 4;

/// Bytes that a parser might stumble over when chance puts them together.
const PIECES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"POST / HTTP/1.1\r\n",
    b"Host: a\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"\xFF\xFE",
    b"\x16\x03\x01",
];

#[test]
fn a_flood_of_garbage_holds_up_nobody() {
    besiege(64, |daemon| {
        flood(|random| {
            let mut stream = connect_impatient(daemon);
            // Some send a little, and some do not stop.
            for _ in 0..random.usize(1..200) {
                let written = stream.write(&garbage(random));
                let read = stream.read(&mut [0; 4_096]);
                if is_over(&written) || is_over(&read) || matches!(read, Ok(0)) {
                    break;
                }
            }
        });
    });
}

#[test]
fn a_flood_of_connections_that_are_reset_holds_up_nobody() {
    besiege(64, |daemon| {
        flood(|random| {
            const STARTS: [&[u8]; 4] = [b"", b"GET / HT", TAKE, LIVEZ];
            let mut stream = TcpStream::connect(daemon.address()).expect("it accepts");
            stream.write_all(STARTS[random.usize(..STARTS.len())]).expect("it is open");
            if random.bool() {
                // Some are reset when the program has begun with them.
                thread::yield_now();
            }
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is open");
        });
    });
}

#[test]
fn a_flood_of_requests_whose_answers_nobody_reads_holds_up_nobody() {
    besiege(64, |daemon| {
        flood(|random| {
            let request = [TAKE, LIVEZ][random.usize(..2)];
            let requests = [request, LIVEZ, request].concat().repeat(300);
            pour(connect_impatient(daemon), &requests, FLOOD / 3);
        });
    });
}

/// Some do the same at once, again and again, each by a chance of its own.
fn flood(act: impl Fn(&mut Rng) + Sync) {
    let until = Instant::now() + FLOOD;
    thread::scope(|scope| {
        for seed in 0..FLOODERS {
            let act = &act;
            scope.spawn(move || {
                let mut random = Rng::with_seed(seed);
                while Instant::now() < until {
                    act(&mut random);
                }
            });
        }
    });
}

/// Sends without a pause but where the kernel takes no more.
fn pour(mut stream: TcpStream, bytes: &[u8], time: Duration) {
    let (start, mut at) = (Instant::now(), 0);
    while start.elapsed() < time {
        match stream.write(&bytes[at..]) {
            Ok(count) => at = (at + count) % bytes.len(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("it was closed before its time: {error}"),
        }
    }
}

fn is_over(result: &io::Result<usize>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
}

fn garbage(random: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..100) {
        match random.u8(..8) {
            0 => bytes.extend((0..random.usize(..100)).map(|_| random.u8(..))),
            _ => bytes.extend_from_slice(PIECES[random.usize(..PIECES.len())]),
        }
    }
    bytes
}

/// The garbage is no mere noise: some of it is a request, so that parsers go on behind it.
#[test]
fn some_of_the_garbage_is_served() {
    let daemon = Daemon::start(&["--limit", super::LIMIT]);
    let mut random = Rng::with_seed(1);
    while daemon.taken() == 0 {
        let mut stream = TcpStream::connect(daemon.address()).expect("it accepts");
        stream.write_all(&garbage(&mut random)).expect("it is open");
        // Its end lets the program end as well; what it answers until then is of no matter.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}
