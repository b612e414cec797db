//! Many connections that ask for nothing, and more of them than there may be.

use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::{LIMIT, LIVEZ, SERVED_WITHIN, assert_all_places_are_free, besiege};
use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::probe::Probe;
use crate::support::process::raise_open_files;
use crate::support::wait::wait_until;

/// What an idle connection may cost once it was answered: its state, its place among the sockets,
/// and the memory of one answer.
const IDLE_BYTES_MAX: u64 = 1_024;

/// Memory that comes and goes with the wakes, whatever the number of clients.
const NOISE_BYTES: u64 = 2 * 1_024 * 1_024;

#[test]
fn two_thousand_idle_connections_cost_little_and_hold_up_nobody() {
    eprintln!("{}", gather_crowd(2_000, Duration::from_millis(500)));
}

/// For the figures, by hand: `cargo test --release -- --ignored --nocapture ten_thousand`.
#[test]
#[ignore = "takes 11,000 open files and half a minute: for the figures, by hand"]
fn ten_thousand_idle_connections_cost_little_and_hold_up_nobody() {
    eprintln!("{}", gather_crowd(10_000, Duration::from_secs(10)));
}

/// Opens so many connections, half of them idle from the start and half after an answer, and
/// watches the service for `watch` before them and with them. The figures, in words.
fn gather_crowd(connections: usize, watch: Duration) -> String {
    raise_open_files(connections as u64);
    let clients_max = (connections + 10).to_string();
    let arguments = ["--limit", LIMIT, "--threads", "2", "--max-clients", &clients_max];
    let daemon = Daemon::start(&arguments);
    let vitals = daemon.vitals();
    let before = probe(&daemon, watch);
    let memory_before = vitals.memory_bytes();
    let mut idle: Vec<_> = (0..connections).map(|_| daemon.client()).collect();
    for client in idle.iter_mut().step_by(2) {
        assert_eq!(client.get("/livez").status, 200);
    }
    let processor_time = vitals.processor_time();
    let during = probe(&daemon, watch);
    let spent = vitals.processor_time() - processor_time;
    assert!(spent < watch / 2 + Duration::from_millis(200), "it spent {spent:?}");
    let memory = vitals.memory_bytes();
    let bound = memory_before + NOISE_BYTES + IDLE_BYTES_MAX * connections as u64;
    assert!(memory <= bound, "{memory} bytes with them and {memory_before} before");
    assert!(idle.iter_mut().all(|client| client.get("/livez").status == 200));
    drop(idle);
    assert_all_places_are_free(&daemon, connections);
    let (kibibytes_before, kibibytes) = (memory_before / 1_024, memory / 1_024);
    format!(
        "{connections} idle: {kibibytes_before} KiB before, {kibibytes} KiB with them\n\
         before: {before}\nduring: {during}\nprocessor: {spent:?} of {watch:?}"
    )
}

/// Watches the engine; what was seen, in words.
fn probe(daemon: &Daemon, watch: Duration) -> String {
    let probe = Probe::start(daemon.address());
    thread::sleep(watch);
    let sight = probe.stop();
    let (median, high, slowest) = (sight.quantile(500), sight.quantile(990), sight.slowest());
    assert!(slowest < SERVED_WITHIN, "somebody waited {slowest:?}");
    format!("p50 {median:?}, p99 {high:?}, slowest {slowest:?} of {}", sight.latencies.len())
}

#[test]
fn those_past_max_clients_are_told_so_and_those_within_are_served() {
    let daemon = Daemon::start(&["--limit", LIMIT, "--threads", "2", "--max-clients", "50"]);
    let mut within = full_house(&daemon, 50);
    for client in &mut within[..20] {
        let mut past = daemon.client();
        let answer = past.receive();
        assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"error":"too many clients"}"#));
        assert_eq!(answer.field("Retry-After"), Some("1"));
        assert_eq!(answer.field("Connection"), Some("close"));
        past.assert_closed();
        assert_eq!(client.get("/livez").status, 200);
    }
    drop(within.pop());
    wait_until("a place to be free", || {
        let mut next = daemon.client();
        let answer = next.try_send(LIVEZ).and_then(|()| next.try_receive());
        answer.is_ok_and(|answer| answer.status == 200)
    });
    assert!(within.iter_mut().all(|client| client.get("/").number().is_some()));
}

#[test]
fn knocking_at_a_full_house_holds_up_nobody_in_it() {
    const KNOCKS: usize = 2_000;
    let daemon = Daemon::start(&["--limit", LIMIT, "--threads", "2", "--max-clients", "8"]);
    let mut within = full_house(&daemon, 8);
    let address = daemon.address();
    let knocking = thread::spawn(move || {
        (0..KNOCKS).filter(|_| TcpStream::connect(address).is_ok_and(is_turned_away)).count()
    });
    let mut rounds = 0;
    while !knocking.is_finished() {
        let start = Instant::now();
        assert!(within.iter_mut().all(|client| client.get("/").number().is_some()));
        assert!(start.elapsed() < SERVED_WITHIN, "somebody waited {:?}", start.elapsed());
        rounds += 1;
    }
    assert_eq!(knocking.join().expect("knocking does not panic"), KNOCKS);
    assert!(rounds > 0, "nobody was watched");
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    besiege(100, |daemon| {
        for _ in 0..20 {
            let crowd: Vec<HttpClient> = (0..80).map(|_| daemon.client()).collect();
            drop(crowd);
        }
    });
}

/// As many clients as there may be, each served.
fn full_house(daemon: &Daemon, clients: usize) -> Vec<HttpClient> {
    let mut within: Vec<_> = (0..clients).map(|_| daemon.client()).collect();
    assert!(within.iter_mut().all(|client| client.get("/livez").status == 200));
    within
}

/// Whether a connection was answered 503 and closed.
fn is_turned_away(mut stream: TcpStream) -> bool {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 503 ")
}
