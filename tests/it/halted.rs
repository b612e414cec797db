//! After the last number: the store is left alone, and whatever brings numbers back is seen.

use crate::support::daemon::{Daemon, run};
use crate::support::redis_server::RedisServer;
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::wait_until;

const ONE_THREAD: &[&str] = &["--threads", "1", "--limit", "3"];

fn halt(daemon: &Daemon) {
    wait_until("the halt", || daemon.client().get("/").is_halted());
}

/// Asks of all links so far.
fn script_calls(redis: &RedisServer) -> u64 {
    let info: String = redis.command(&["INFO", "commandstats"]);
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    let calls = line.and_then(|line| line.split(',').next()).expect("it has run scripts");
    calls.parse().expect("a count is a number")
}

/// `arguments` of ACL SETUSER on top of all rights.
fn start_as(redis: &RedisServer, arguments: &[&str]) -> Daemon {
    let user = ["ACL", "SETUSER", "counter", "on", ">secret", "~*", "+@all"];
    let () = redis.command(&[&user, arguments].concat());
    let url = format!("redis://counter:secret@127.0.0.1:{}", redis.port());
    Daemon::start_with_store(&url, ONE_THREAD)
}

#[test]
fn a_halted_counter_costs_redis_no_call_a_request() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), ONE_THREAD);
    halt(&daemon);
    let mut client = daemon.client();
    let mut ask = || {
        let before = script_calls(&redis);
        (0..10).for_each(|_| assert!(client.get("/").is_halted()));
        script_calls(&redis) - before
    };
    wait_until("the halt is believed", || ask() == 0);
    let calls: u64 = (0..100).map(|_| ask()).sum();
    assert!(calls < 100, "{calls} calls for 1,000 requests: a look a second is due, and no more");
}

#[test]
fn whatever_brings_numbers_back_is_seen_by_every_process() {
    let reset = |server: &StoreServer| {
        let url = server.url();
        let arguments = ["reset", "default", "--yes", "--store", &url, "--limit", "3"];
        let output = run(&arguments, &[]);
        assert_eq!(output.code, Some(0), "{output:?}");
    };
    let raise = |server: &StoreServer| server.set_limit(100);
    for server in KINDS.map(|kind| kind.start()) {
        let daemons = [(); 2].map(|()| Daemon::start_with_store(&server.url(), ONE_THREAD));
        for change in [&reset as &dyn Fn(&StoreServer), &raise] {
            daemons.iter().for_each(halt);
            change(&server);
            for daemon in &daemons {
                wait_until("a number", || daemon.client().get("/").number().is_some());
            }
        }
    }
}

#[test]
fn a_halted_counter_that_vanishes_is_missed() {
    for server in KINDS.map(|kind| kind.start()) {
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        halt(&daemon);
        server.delete_counter();
        wait_until("a 503", || daemon.client().get("/").is_unavailable());
        daemon.wait_for_trouble(&["missing"]);
    }
}

#[test]
fn a_halt_is_not_believed_of_a_store_that_is_silent() {
    for server in KINDS.map(|kind| kind.start()) {
        // With the default store timeout: the tests' own is longer.
        let daemon = Daemon::start(&[&["--store", &server.url()], ONE_THREAD].concat());
        daemon.wait_until_ready();
        halt(&daemon);
        server.pause();
        wait_until("a 503", || daemon.client().get("/").is_unavailable());
        server.resume();
        halt(&daemon);
    }
}

#[test]
fn without_the_right_to_track_a_raised_limit_is_seen_all_the_same() {
    for missing in ["-client", "-client|caching"] {
        let redis = RedisServer::start(&[]);
        let daemon = start_as(&redis, &[missing]);
        daemon.wait_for_log("that the store does not track", |line| {
            line.to_string().contains("no change notifications")
        });
        halt(&daemon);
        let _: u64 = redis.command(&["HSET", "headcount:{default}", "limit", "9"]);
        wait_until("a number", || daemon.client().get("/").number() == Some(4));
    }
}
