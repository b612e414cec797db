//! A rolling restart: two programs on one Redis behind a proxy are stopped and started again, one
//! after the other, under load. No request fails, no number comes twice, and the log has them all.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use crate::support::daemon::Daemon;
use crate::support::front::{Front, FrontKind};
use crate::support::http_client::{Answer, HttpClient};
use crate::support::process::free_port;
use crate::support::redis_server::RedisServer;
use crate::support::wait::wait_until;

const CLIENTS: u64 = 8;

/// What is served between two stops.
const REQUESTS_BETWEEN: usize = 300;

/// A client's pause between two requests, at most: connections to the programs are in use and idle.
const PAUSE_MS_MAX: u64 = 4;

#[test]
fn no_request_fails_behind_nginx() {
    restart_under_load(FrontKind::Nginx, "500ms", 4_000);
}

#[test]
fn no_request_fails_behind_haproxy() {
    restart_under_load(FrontKind::Haproxy, "2s", 4_000);
}

#[test]
fn no_request_fails_behind_caddy() {
    restart_under_load(FrontKind::Caddy, "2s", 4_000);
}

/// For the figure, by hand: `cargo test -- --ignored --nocapture --test-threads 1 fifty_thousand`.
#[test]
#[ignore = "takes minutes: for the figure, by hand"]
fn no_request_of_fifty_thousand_fails() {
    for (kind, delay) in
        [(FrontKind::Nginx, "500ms"), (FrontKind::Haproxy, "2s"), (FrontKind::Caddy, "2s")]
    {
        restart_under_load(kind, delay, 50_000);
    }
}

/// What the clients saw together.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    numbers: Mutex<Vec<u64>>,
    failures: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

/// Two programs on one Redis, and what those that were stopped have logged.
struct Scene {
    redis: RedisServer,
    addresses: [SocketAddr; 2],
    drain_delay: &'static str,
    programs: Vec<Daemon>,
    logged: Vec<u64>,
    stops: usize,
}

fn restart_under_load(kind: FrontKind, drain_delay: &'static str, requests: usize) {
    let mut scene = Scene::start(drain_delay);
    let front = Front::start(kind, scene.addresses);
    let address = front.address();
    wait_until("the proxy to serve", || HttpClient::connect(address).get("/livez").status == 200);
    let seen = Seen::default();
    thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let seen = &seen;
            scope.spawn(move || work(address, seed, seen));
        }
        while seen.answered() < requests || scene.stops < 4 {
            let wanted = seen.answered() + REQUESTS_BETWEEN;
            wait_until("requests", || seen.answered() >= wanted);
            scene.restart_one();
        }
        seen.is_over.store(true, Ordering::Relaxed);
    });
    let (answered, retries) = (seen.answered(), front.retries());
    let failures = seen.failures.into_inner().expect("no client panicked");
    eprintln!(
        "{kind:?}, --drain-delay {drain_delay}: {answered} requests, {} restarts, {} failed; \
         {retries}",
        scene.stops,
        failures.len()
    );
    assert!(failures.is_empty(), "{failures:?}");
    let mut numbers = seen.numbers.into_inner().expect("no client panicked");
    numbers.sort_unstable();
    let all: Vec<u64> = (1..=answered as u64).collect();
    assert!(numbers == all, "{} numbers are not 1 to {answered}, each once", numbers.len());
    assert!(scene.stop() == all, "the log has others than 1 to {answered}, each once");
}

impl Seen {
    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Scene {
    fn start(drain_delay: &'static str) -> Self {
        let redis = RedisServer::start(&[]);
        let addresses = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let programs = addresses.map(|address| start(address, &redis.url(), drain_delay)).into();
        Self { redis, addresses, drain_delay, programs, logged: Vec::new(), stops: 0 }
    }

    /// Stops the one that was started first, and starts another on its port.
    fn restart_one(&mut self) {
        let mut stopped = self.programs.remove(0);
        self.end(&mut stopped);
        let address = self.addresses[self.stops % 2];
        let started = start(address, &self.redis.url(), self.drain_delay);
        // The proxy has found it again: else there would be none while the other one stops.
        started.wait_for_log("a number", |line| line["msg"] == "number taken");
        self.programs.push(started);
        self.stops += 1;
    }

    /// Stops all, and gives the numbers that were logged from the start on.
    fn stop(mut self) -> Vec<u64> {
        for mut program in std::mem::take(&mut self.programs) {
            self.end(&mut program);
        }
        self.logged.sort_unstable();
        self.logged
    }

    fn end(&mut self, program: &mut Daemon) {
        assert_eq!(program.stop().code(), Some(0));
        let log = program.log_to_the_end();
        let taken = log.iter().filter(|line| line["msg"] == "number taken");
        let numbers = taken.map(|line| line["request_num"].as_u64().expect("it is a number"));
        self.logged.extend(numbers);
    }
}

fn start(address: SocketAddr, store: &str, drain_delay: &str) -> Daemon {
    let listen = address.to_string();
    let arguments = ["--listen", &listen, "--store", store, "--limit", "1000000"];
    let patience = ["--store-timeout", "5s", "--drain-delay", drain_delay];
    let mut program = Daemon::start_at(address, &[&arguments[..], &patience].concat(), &[]);
    program.read_stdout();
    program.wait_until_ready();
    program
}

fn work(address: SocketAddr, seed: u64, seen: &Seen) {
    let mut random = Rng::with_seed(seed);
    let mut client = HttpClient::connect(address);
    while !seen.is_over.load(Ordering::Relaxed) {
        let result = take(&mut client, &mut random);
        seen.answered.fetch_add(1, Ordering::Relaxed);
        let number = result.as_ref().ok().filter(|it| it.status == 200).and_then(Answer::number);
        match number {
            Some(number) => seen.numbers.lock().expect("no client panicked").push(number),
            None => seen.failures.lock().expect("no client panicked").push(format!("{result:?}")),
        }
        // nginx ends a connection after 1,000 requests.
        if !result.is_ok_and(|it| it.field("Connection") != Some("close")) {
            client = HttpClient::connect(address);
        }
        thread::sleep(Duration::from_millis(random.u64(..=PAUSE_MS_MAX)));
    }
}

fn take(client: &mut HttpClient, random: &mut Rng) -> std::io::Result<Answer> {
    let request: &[u8] = if random.bool() {
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    } else {
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    };
    client.try_send(request)?;
    client.try_receive()
}
