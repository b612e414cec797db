//! Four counters of one process under load: one halted, one that grants, one damaged, one that is
//! reset again and again.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{commands_with, reason, remember_commands, start_logging_postgres, statements_for};
use crate::support::daemon::{Daemon, run};
use crate::support::load::Tally;
use crate::support::path_load::PathLoad;
use crate::support::redis_server::{RedisServer, counter_key};
use crate::support::store_server::StoreServer;
use crate::support::wait::wait_until;

const THREADS: u32 = 2;
const RESETS: usize = 4;
/// How long a halt is cached at least, where the store tells of changes and where it does not.
const HALT_CACHED_MIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(40)];
/// A second, and what a busy machine may add.
const SERVED_AGAIN_MAX: Duration = Duration::from_millis(1_000 + 3_000);

/// What is done to the counter `damaged`, and how it is undone.
struct Damage {
    reason: &'static str,
    damage: fn(&StoreServer),
    repair: fn(&StoreServer),
}

const WRONG_TYPE: Damage = Damage {
    reason: "type",
    damage: |server| {
        let key = counter_key("damaged");
        let () = redis(server).command(&["RENAME", &key, "kept"]);
        let () = redis(server).command(&["SET", &key, "no counter"]);
    },
    repair: |server| redis(server).command(&["RENAME", "kept", &counter_key("damaged")]),
};

const TEXT: Damage = Damage {
    reason: "damaged",
    damage: |server| set_limit(server, "many"),
    repair: |server| set_limit(server, "1000000"),
};

const ROW: Damage = Damage {
    reason: "type",
    damage: |server| {
        postgres_sql(server, "alter table headcount drop constraint headcount_check");
        postgres_sql(server, "update headcount set max = -7 where name = 'damaged'");
    },
    repair: |server| {
        postgres_sql(server, "update headcount set max = 1000000 where name = 'damaged'");
    },
};

#[test]
fn on_redis_none_of_four_counters_costs_another() {
    for damage in [WRONG_TYPE, TEXT] {
        check(&StoreServer::Redis(RedisServer::start(&[])), &damage);
    }
}

#[test]
fn on_postgres_none_of_four_counters_costs_another() {
    check(&StoreServer::Postgres(start_logging_postgres()), &ROW);
}

#[test]
fn a_counter_that_is_broken_at_the_start_holds_up_no_other() {
    let redis = RedisServer::start(&[]);
    let key = counter_key("damaged");
    let () = redis.command(&["SET", &key, "no counter"]);
    let daemon = start(&redis.url());
    for number in 1..=10 {
        assert_eq!(daemon.client().get("/take/granting").number(), Some(number));
        assert!(daemon.client().get("/take/damaged").is_unavailable());
    }
    assert_named(&daemon, "type");
    let _: u64 = redis.command(&["DEL", &key]);
    let repaired = Instant::now();
    wait_until("a number of every reactor", || {
        (0..20).all(|_| daemon.client().get("/take/damaged").number().is_some())
    });
    assert!(repaired.elapsed() < SERVED_AGAIN_MAX, "{:?}", repaired.elapsed());
}

fn check(server: &StoreServer, damage: &Damage) {
    let mut daemon = start(&server.url());
    let loads = ["granting", "halted", "damaged", "resetting"]
        .map(|name| PathLoad::start_gentle(daemon.address(), name));
    let [granting, halted, damaged, resetting] = &loads;
    halted.wait_for_halted(50);
    damaged.wait_for_numbers(20);
    (damage.damage)(server);
    damaged.wait_for_unavailable(20);
    let granted = damaged.tally().numbers.len();
    let calls = HaltCalls::begin(server);
    for _ in 0..RESETS {
        reset(&server.url());
        resetting.wait_for_numbers(20);
        granting.wait_for_numbers(50);
    }
    damaged.wait_for_unavailable(20);
    halted.wait_for_halted(50);
    calls.assert_few(server);
    assert_named(&daemon, damage.reason);
    assert_eq!(damaged.tally().numbers.len(), granted, "numbers of a damaged counter");
    (damage.repair)(server);
    let repaired = Instant::now();
    damaged.wait_for_numbers(1);
    assert!(repaired.elapsed() < SERVED_AGAIN_MAX, "{:?}", repaired.elapsed());
    damaged.wait_for_numbers(50);
    // A reactor that has no load of its own tries the counter again after a pause.
    wait_until("no reason any more", || reason(&daemon, "damaged").is_empty());
    assert_outcome(loads.map(|load| load.stop().remove(0)));
    daemon.stop();
    let is_connection = |line: &Value| line["msg"] == "store ready";
    let connections = daemon.log_to_the_end().into_iter().filter(is_connection).count();
    // PostgreSQL has one connection of the process, Redis one of each thread.
    let expected = match server {
        StoreServer::Redis(_) => THREADS as usize,
        StoreServer::Postgres(_) => 1,
    };
    assert_eq!(connections, expected, "a broken counter costs the others no connection");
}

/// No request for the other three failed, nor therefore waited for the store timeout.
fn assert_outcome([granting, halted, damaged, mut resetting]: [Tally; 4]) {
    for tally in [&granting, &halted, &damaged] {
        tally.assert_sound(1_000_000);
    }
    for tally in [&granting, &halted, &resetting] {
        assert_eq!((tally.unavailable, &tally.failures[..]), (0, &[][..]));
    }
    assert_eq!((granting.halted, damaged.halted, resetting.halted), (0, 0, 0));
    assert_eq!(halted.numbers.len(), 3);
    resetting.numbers.sort_unstable();
    let most = resetting.numbers.chunk_by(|one, other| one == other).map(<[u64]>::len).max();
    assert!(most.is_some_and(|most| most <= RESETS + 1), "{most:?} times in {RESETS} resets");
}

/// Both ways to ask say what is the matter with it, and that the process and the others are well.
fn assert_named(daemon: &Daemon, word: &str) {
    let mut client = daemon.client();
    let answer = client.get("/readyz/damaged");
    assert_eq!((answer.status, answer.json()["error"].as_str()), (503, Some(word)));
    // On the same connection, and so from the same reactor.
    let answer = client.get("/readyz");
    assert_eq!(answer.status, 200, "{answer:?}");
    let body =
        format!(r#"{{"status":"ready","refused":{{"damaged":"{word}"}},"refused_total":1}}"#);
    assert_eq!(answer.body, body);
    for name in ["granting", "halted", "resetting"] {
        assert_eq!(client.get(&format!("/readyz/{name}")).status, 200, "{name}");
    }
}

/// Counts what the halted counter costs its store.
struct HaltCalls {
    start: Instant,
    before: usize,
}

impl HaltCalls {
    fn begin(server: &StoreServer) -> Self {
        if let StoreServer::Redis(redis) = server {
            remember_commands(redis);
        }
        Self { start: Instant::now(), before: calls_for(server, "halted") }
    }

    /// A reactor asks again when its cached halt is old, whoever asks and however often.
    fn assert_few(&self, server: &StoreServer) {
        let calls = calls_for(server, "halted") - self.before;
        let cached_min = HALT_CACHED_MIN[usize::from(!matches!(server, StoreServer::Redis(_)))];
        assert!(calls_for(server, "granting") >= 100, "calls are counted");
        let looks = self.start.elapsed().as_millis() / cached_min.as_millis() + 2;
        let calls_max = u128::from(THREADS) * looks;
        assert!(
            calls as u128 <= calls_max,
            "{calls} calls for a halted counter, {calls_max} at most"
        );
    }
}

fn calls_for(server: &StoreServer, name: &str) -> usize {
    match server {
        StoreServer::Redis(redis) => commands_with(redis, &counter_key(name)),
        StoreServer::Postgres(postgres) => statements_for(postgres, name),
    }
}

fn start(url: &str) -> Daemon {
    let (threads, timeout) = (&THREADS.to_string(), ["--store-timeout", "2000"]);
    let counters = ["granting", "halted=3", "damaged", "resetting"];
    let counters: Vec<&str> = counters.into_iter().flat_map(|it| ["--counter", it]).collect();
    let limits = ["--limit", "1000000", "--threads", threads];
    Daemon::start_with_store(url, &[&limits[..], &timeout, &counters].concat())
}

fn reset(url: &str) {
    let arguments = ["reset", "resetting", "--yes", "--limit", "1000000", "--store", url];
    let output = run(&arguments, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
}

fn set_limit(server: &StoreServer, limit: &str) {
    let _: u64 = redis(server).command(&["HSET", &counter_key("damaged"), "limit", limit]);
}

fn redis(server: &StoreServer) -> &RedisServer {
    match server {
        StoreServer::Redis(redis) => redis,
        StoreServer::Postgres(_) => unreachable!("this damage is done to Redis"),
    }
}

fn postgres_sql(server: &StoreServer, statement: &str) {
    match server {
        StoreServer::Postgres(postgres) => drop(postgres.sql(statement)),
        StoreServer::Redis(_) => unreachable!("this damage is done to PostgreSQL"),
    }
}
