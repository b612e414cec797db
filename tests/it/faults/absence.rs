//! A store that is not there: not yet, not now, not for this connection.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::{ANSWER_MAX, assert_sound, start, start_without_store, suffer};
use crate::support::daemon::Daemon;
use crate::support::load::Load;
use crate::support::process::free_port;
use crate::support::redis_server::RedisServer;
use crate::support::store_server::{KINDS, Kind};

/// The contract's bound for service after the store is back, and what a busy machine may add.
const BACK_MAX: Duration = Duration::from_secs(2 + 8);

/// What a store is reported as while it is down, starts, and reads its data.
const DOWN: &[&str] = &["unreachable", "loading"];

#[test]
fn a_store_that_is_away_at_the_start_is_waited_for() {
    KINDS.into_iter().for_each(is_waited_for);
}

fn is_waited_for(kind: Kind) {
    let port = free_port();
    let daemon = start_without_store(&kind.url(&format!("127.0.0.1:{port}")));
    let mut client = daemon.client();
    assert_eq!(client.get("/livez").status, 200);
    for target in ["/", "/status"] {
        let asked = Instant::now();
        let answer = client.get(target);
        assert!(asked.elapsed() < ANSWER_MAX);
        assert!(answer.is_unavailable(), "{target}: {answer:?}");
        assert_eq!(answer.field("Retry-After"), Some("1"));
        assert_eq!(answer.field("Cache-Control"), Some("no-store"));
        assert_eq!(answer.field("Connection"), None, "the client may stay");
    }
    assert_not_ready(&daemon);
    daemon.wait_for_trouble(&["unreachable"]);
    let _server = kind.start_on(port);
    let back = Instant::now();
    daemon.wait_until_ready();
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(50);
    assert!(back.elapsed() < BACK_MAX, "took {:?}", back.elapsed());
    assert_sound(&load.stop());
}

#[test]
fn a_host_name_that_does_not_resolve_is_tried_again_and_again() {
    for kind in KINDS {
        let daemon = start_without_store(&kind.url("no-such-host.invalid"));
        let mut client = daemon.client();
        assert!(client.get("/").is_unavailable());
        assert_eq!(client.get("/livez").status, 200);
        assert_not_ready(&daemon);
        daemon.wait_for_trouble(&["unresolved", "timeout"]);
    }
}

#[test]
fn a_store_that_is_killed_is_found_again_after_its_restart() {
    for kind in KINDS {
        let server = RefCell::new(kind.start());
        let daemon = start(&server.borrow().url());
        let back = RefCell::new(Instant::now());
        for _ in 0..2 {
            let kill = || server.borrow_mut().kill();
            let restart = || {
                server.borrow_mut().restart();
                *back.borrow_mut() = Instant::now();
            };
            suffer(&daemon, DOWN, kill, restart);
            assert!(back.borrow().elapsed() < BACK_MAX, "took {:?}", back.borrow().elapsed());
        }
    }
}

#[test]
fn while_the_store_is_away_the_program_is_alive_and_not_ready() {
    KINDS.into_iter().for_each(is_alive_and_not_ready);
}

fn is_alive_and_not_ready(kind: Kind) {
    let mut server = kind.start();
    // With one reactor, ready means that every answer comes: each finds the store by itself.
    let daemon = Daemon::start(&["--store", &server.url(), "--threads", "1"]);
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/").number(), Some(1));
    server.kill();
    daemon.wait_for_trouble(&["unreachable"]);
    let mut client = daemon.client();
    assert!(client.get("/").is_unavailable());
    assert_eq!(client.get("/livez").status, 200);
    assert_eq!(client.request("OPTIONS", "/").status, 204);
    assert_eq!(client.get("/nowhere").status, 404);
    assert_not_ready(&daemon);
    server.restart();
    daemon.wait_until_ready();
    assert_eq!(daemon.taken(), 1);
}

#[test]
fn a_store_that_hangs_is_given_up_in_time_and_found_again() {
    for kind in KINDS {
        let server = kind.start();
        let daemon = start(&server.url());
        suffer(&daemon, &["timeout"], || server.pause(), || server.resume());
    }
}

#[test]
fn connections_that_the_store_cuts_are_made_again() {
    for kind in KINDS {
        let server = kind.start();
        let daemon = start(&server.url());
        let load = Load::start_gentle(daemon.address());
        for _ in 0..10 {
            load.wait_for_numbers(50);
            assert!(server.cut_connections() > 0, "the program has connections to cut");
        }
        load.wait_for_numbers(50);
        daemon.wait_for_trouble(&["unreachable"]);
        assert_sound(&load.stop());
    }
}

#[test]
fn a_redis_that_forgets_its_scripts_costs_nobody_a_503() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), &["--limit", "1000000"]);
    let load = Load::start_gentle(daemon.address());
    for _ in 0..10 {
        load.wait_for_numbers(50);
        let () = redis.command(&["SCRIPT", "FLUSH", "SYNC"]);
    }
    load.wait_for_numbers(50);
    let tally = load.stop();
    assert_sound(&tally);
    assert_eq!(tally.unavailable, 0);
    let (taken, _) = redis.counter("default").expect("the counter exists");
    assert_eq!(taken, tally.numbers.len() as u64, "a number was spent for nobody");
}

fn assert_not_ready(daemon: &Daemon) {
    let answer = daemon.client().get("/readyz");
    assert_eq!(answer.status, 503);
    let body = answer.json();
    let reason = body["error"].as_str().unwrap_or_else(|| panic!("no reason: {answer:?}"));
    assert!(!reason.is_empty() && reason.chars().all(char::is_alphanumeric), "{reason}");
}
