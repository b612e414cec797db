//! As many counters as a process may have, with many reactors.

use std::time::{Duration, Instant};

use super::{
    arguments, assert_every_number_once, commands_sent, start_logging_postgres, statements,
};
use crate::support::daemon::Daemon;
use crate::support::path_load::{PathLoad, PathPlan, take};
use crate::support::redis_server::RedisServer;
use crate::support::store_server::StoreServer;
use crate::support::wait::wait_until;

const COUNTERS: usize = 1_000;
const THREADS: u32 = 8;
const LIMIT: u64 = 2;
/// Of each counter, after the first number of each.
const REQUESTS: u64 = 2;
/// Measured: 9.4 MB at start and 10.6 MB after takes from all on Redis, of 4.4 MB with one counter.
const MEMORY_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// Beats of all reactors that are waited for.
const BEATS: u64 = 2 * THREADS as u64;
/// A heartbeat is a command for the tracking and one for the counter, once a second.
const IDLE_COMMANDS_A_SECOND_MAX: u64 = 2 * THREADS as u64;

fn counter_names() -> Vec<String> {
    (0..COUNTERS).map(|number| format!("counter-{number}")).collect()
}

fn start(url: &str, names: &[String]) -> Daemon {
    let (limit, threads) = (&LIMIT.to_string(), &THREADS.to_string());
    Daemon::start_with_store(url, &arguments(names, limit, threads))
}

/// Once from each, in one write; each says that it is its first number.
fn take_from_all(daemon: &Daemon, names: &[String]) {
    let mut client = daemon.client();
    let requests: String = names.iter().map(|name| take(name)).collect();
    client.send(requests.as_bytes());
    for name in names {
        assert_eq!(client.receive().number(), Some(1), "{name}");
    }
}

fn take_the_rest(daemon: &Daemon, names: &[String]) {
    let requests = REQUESTS * COUNTERS as u64;
    let (addresses, pause) = (&[daemon.address()], Duration::ZERO);
    let plan = PathPlan { addresses, names, connections: 16, depth: 25, requests, pause };
    for mut tally in PathLoad::start(&plan).finish() {
        tally.numbers.push(1);
        assert_every_number_once(&tally, LIMIT, REQUESTS + 1);
    }
}

fn check(server: &StoreServer) -> Daemon {
    let names = counter_names();
    let daemon = start(&server.url(), &names);
    take_from_all(&daemon, &names);
    take_the_rest(&daemon, &names);
    for name in [&names[0], &names[COUNTERS / 2], &names[COUNTERS - 1]] {
        assert_eq!(server.counter(name), Some((LIMIT, LIMIT)), "{name}");
    }
    assert_eq!(daemon.client().get("/readyz").body, r#"{"status":"ready"}"#);
    let memory = daemon.vitals().memory_peak_bytes();
    eprintln!("{memory} bytes of memory at most");
    assert!(memory < MEMORY_BYTES_MAX, "{memory} bytes of memory");
    daemon
}

#[test]
fn a_thousand_counters_on_redis() {
    let server = StoreServer::Redis(RedisServer::start(&[]));
    let mut daemon = check(&server);
    let StoreServer::Redis(redis) = &server else { unreachable!("it is Redis") };
    // The first beat may be due at once; from there on it is a second's silence for each.
    let before = commands_sent(redis);
    wait_until("the first beats", || commands_sent(redis) >= before + BEATS);
    let (before, start) = (commands_sent(redis), Instant::now());
    wait_until("later beats", || commands_sent(redis) >= before + BEATS);
    let (sent, took) = (commands_sent(redis) - before, start.elapsed());
    let sent_max = IDLE_COMMANDS_A_SECOND_MAX * (took.as_secs() + 2);
    assert!(sent <= sent_max, "{sent} commands in {took:?} of idleness");
    assert_eq!(daemon.stop().code(), Some(0));
}

#[test]
fn a_thousand_counters_on_postgres() {
    let server = StoreServer::Postgres(start_logging_postgres());
    let mut daemon = check(&server);
    let StoreServer::Postgres(postgres) = &server else { unreachable!("it is PostgreSQL") };
    // A readiness check may have been the last: after it there is nothing to do.
    let before = statements(postgres);
    for _ in 0..100 {
        assert_eq!(daemon.client().get("/livez").status, 200);
    }
    assert_eq!(statements(postgres), before, "statements in idleness");
    assert_eq!(daemon.stop().code(), Some(0));
}
