//! Several counters in one process: each keeps its own promise, and none slows, halts or fails
//! another.

mod apart;
mod closed;
mod connection_losses;
mod exactly_once;
mod locked;
mod names;
mod readiness;
mod thousand;
mod uncreated;

use std::fs;

use crate::support::daemon::Daemon;
use crate::support::load::Tally;
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::RedisServer;
use crate::support::store_server::StoreServer;

/// Not in the order of their names.
const NAMES: [&str; 4] = ["shoes", "coats", "hats", "gloves"];

fn names() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

/// What a program is started with to serve these counters with this limit.
fn arguments<'a>(names: &'a [String], limit: &'a str, threads: &'a str) -> Vec<&'a str> {
    let counters = names.iter().flat_map(|name| ["--counter", name]);
    ["--threads", threads, "--limit", limit].into_iter().chain(counters).collect()
}

/// Every number of the counter was handed out once, and the rest of the requests were sent away.
fn assert_every_number_once(tally: &Tally, limit: u64, requests: u64) {
    tally.assert_sound(limit);
    assert_eq!(tally.numbers.len() as u64, limit);
    assert_eq!(tally.halted, requests - limit);
}

/// A server that logs each statement with its parameters.
fn start_logging_postgres() -> PostgresServer {
    PostgresServer::start_with("trust", &["log_statement=all"])
}

/// How many statements it has run, the tests' own too.
fn statements(postgres: &PostgresServer) -> usize {
    let is_statement = |line: &&str| line.contains("execute ") || line.contains("statement: ");
    log(postgres).lines().filter(is_statement).count()
}

/// How many statements it has run for this counter alone.
fn statements_for(postgres: &PostgresServer, name: &str) -> usize {
    let parameter = format!("$1 = '{name}'");
    log(postgres).lines().filter(|line| line.contains(&parameter)).count()
}

fn log(postgres: &PostgresServer) -> String {
    let log = fs::read(postgres.folder_path().join("log")).expect("the server logs");
    String::from_utf8_lossy(&log).into_owned()
}

/// Every command from now on is remembered with its arguments.
fn remember_commands(redis: &RedisServer) {
    for (setting, value) in [("slowlog-max-len", "1000000"), ("slowlog-log-slower-than", "0")] {
        let () = redis.command(&["CONFIG", "SET", setting, value]);
    }
    let () = redis.command(&["SLOWLOG", "RESET"]);
}

/// How many of the remembered commands have this word in them.
fn commands_with(redis: &RedisServer, word: &str) -> usize {
    let entries: Vec<redis::Value> = redis.command(&["SLOWLOG", "GET", "-1"]);
    entries.iter().filter(|entry| format!("{entry:?}").contains(word)).count()
}

/// Commands that programs have sent to Redis: the lines of `INFO commandstats`, without those that
/// only a test or a script runs.
fn commands_sent(redis: &RedisServer) -> u64 {
    ["evalsha", "client|caching", "hsetnx", "ping"].map(|name| redis.calls(name)).iter().sum()
}

/// Changes one field of a counter, as an operator would by hand.
fn set(server: &StoreServer, name: &str, field: &str, value: &str) {
    match server {
        StoreServer::Redis(redis) => {
            let key = crate::support::redis_server::counter_key(name);
            let _: u64 = redis.command(&["HSET", &key, field, value]);
        }
        StoreServer::Postgres(postgres) => {
            let column = if field == "limit" { "max" } else { field };
            postgres.sql(&format!("update headcount set {column} = {value} where name = '{name}'"));
        }
    }
}

/// The answer of `/readyz/NAME`: empty if the counter can be taken from, else the reason.
fn reason(daemon: &Daemon, name: &str) -> String {
    let answer = daemon.client().get(&format!("/readyz/{name}"));
    if answer.status == 200 {
        return String::new();
    }
    assert_eq!(answer.status, 503, "{answer:?}");
    answer.json()["error"].as_str().expect("a 503 has a reason").to_owned()
}
