//! A count that goes backwards, or is gone: nothing is handed out again, and a reset is followed.

use crate::support::daemon::{Daemon, run};
use crate::support::redis_server::{RedisServer, counter_key};
use crate::support::wait::wait_until;

fn take(daemon: &Daemon, count: u64) -> Vec<Option<u64>> {
    (0..count).map(|_| daemon.client().get("/").number()).collect()
}

fn reset(redis: &RedisServer, limit: &str) {
    let store = redis.url();
    let output = run(&["--reset", "--store", &store, "--limit", limit], &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn an_older_count_is_refused_until_the_newer_is_back() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), &["--threads", "2"]);
    take(&daemon, 20);
    let _: u64 = redis.command(&["HSET", &counter_key("default"), "taken", "5"]);
    for _ in 0..10 {
        assert!(daemon.client().get("/").is_unavailable());
    }
    daemon.wait_for_trouble(&["backwards"]);
    assert_eq!(redis.counter("default"), Some((5, 100)), "nothing is taken meanwhile");
    let _: u64 = redis.command(&["HSET", &counter_key("default"), "taken", "30"]);
    wait_until("service again", || daemon.client().get("/").number().is_some());
    assert!(daemon.client().get("/").number() > Some(31));
}

#[test]
fn a_reset_is_followed_by_every_running_process() {
    let redis = RedisServer::start(&[]);
    let daemons: Vec<Daemon> =
        (0..2).map(|_| Daemon::start_with_store(&redis.url(), &["--threads", "1"])).collect();
    for daemon in &daemons {
        take(daemon, 10);
    }
    reset(&redis, "7");
    assert_eq!(take(&daemons[0], 2), [Some(1), Some(2)]);
    assert_eq!(take(&daemons[1], 2), [Some(3), Some(4)]);
    assert_eq!(daemons[0].taken(), 4);
    assert_eq!(redis.counter("default"), Some((4, 7)));
}

#[test]
fn a_counter_that_is_gone_comes_back_by_a_reset_and_not_by_itself() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), &["--threads", "1"]);
    take(&daemon, 3);
    let _: u64 = redis.command(&["DEL", &counter_key("default")]);
    assert!(daemon.client().get("/").is_unavailable());
    daemon.wait_for_trouble(&["missing"]);
    reset(&redis, "50");
    assert_eq!(take(&daemon, 2), [Some(1), Some(2)]);
}

#[test]
fn a_backup_from_before_a_reset_is_refused() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), &["--threads", "1"]);
    take(&daemon, 3);
    let key = counter_key("default");
    let backup: String = redis.command(&["HGET", &key, "generation"]);
    reset(&redis, "50");
    assert_eq!(take(&daemon, 1), [Some(1)]);
    let _: u64 = redis.command(&["HSET", &key, "generation", &backup, "taken", "40"]);
    assert!(daemon.client().get("/").is_unavailable());
    daemon.wait_for_trouble(&["backwards"]);
}

#[test]
fn a_reset_that_cannot_be_done_says_why() {
    let memory = run(&["--reset"], &[]);
    assert_eq!(memory.code, Some(1));
    assert!(memory.stderr.concat().contains("memory:"), "{memory:?}");
}
