//! `wait=N`: a number is handed out once N replicas have it, and is not lost before.

use std::time::Duration;

use crate::support::daemon::{Daemon, run};
use crate::support::load::{Load, Plan, Tally};
use crate::support::redis_server::RedisServer;
use crate::support::sentinels::Sentinels;
use crate::support::wait::{wait_for, wait_until};

const LIMIT: u64 = 3_000;
const REQUESTS: u64 = 3_100;
const ARGUMENTS: &[&str] = &["--limit", "3000", "--threads", "2"];

fn follow(primary: &RedisServer) -> RedisServer {
    let port = primary.port().to_string();
    RedisServer::start(&["--replicaof", "127.0.0.1", &port])
}

/// A primary, a replica that has caught up, and a URL that wants it.
fn pair() -> (RedisServer, RedisServer, String) {
    let primary = RedisServer::start(&["--repl-diskless-sync-delay", "0"]);
    let replica = follow(&primary);
    primary.wait_for_replicas(1);
    let url = format!("{}?wait=1", primary.url());
    (primary, replica, url)
}

fn start_load(daemon: &Daemon) -> Load {
    let (addresses, pause) = (&[daemon.address()], Duration::from_millis(1));
    Load::start(&Plan { addresses, connections: 8, depth: 1, requests: REQUESTS, pause })
}

/// Each number once and no gap: whoever got a 503 has asked again. What was granted for those waits
/// in a thread that may have been without its store to the end: enough new connections meet it.
fn assert_every_number_once(mut tally: Tally, daemons: &[&Daemon]) {
    assert_eq!(tally.halted + tally.numbers.len() as u64, REQUESTS);
    wait_until("the last numbers", || {
        let answers = daemons.iter().map(|daemon| daemon.client().get("/"));
        tally.numbers.extend(answers.filter_map(|answer| answer.number()));
        tally.numbers.len() as u64 >= LIMIT
    });
    tally.assert_sound(LIMIT);
}

fn wait_until_unready(daemon: &Daemon) {
    wait_until("the word of the replicas", || {
        let answer = daemon.client().get("/readyz");
        (answer.status, answer.body.as_str()) == (503, r#"{"error":"replicas"}"#)
    });
}

/// Lets the store suffer in mid-run, and sees that no number is handed out until it is well.
fn suffer(daemon: &Daemon, harm: impl FnOnce(), heal: impl FnOnce()) {
    let load = start_load(daemon);
    load.wait_for_numbers(500);
    harm();
    // The second ones have asked after the first were told.
    load.wait_for_unavailable(20);
    let handed_out = load.tally().numbers.len();
    load.wait_for_unavailable(20);
    assert_eq!(load.tally().numbers.len(), handed_out, "without a replica");
    wait_until_unready(daemon);
    daemon.last_error(&["replicas"]);
    heal();
    let tally = load.finish();
    assert!(handed_out < LIMIT as usize, "it suffered in mid-run");
    daemon.wait_until_ready();
    assert_every_number_once(tally, &[daemon]);
}

#[test]
fn without_its_replica_nothing_is_handed_out_and_nothing_is_lost() {
    let (primary, replica, url) = pair();
    let daemon = Daemon::start_with_store(&url, ARGUMENTS);
    suffer(&daemon, || replica.pause(), || replica.resume());
    assert_eq!(primary.counter("default"), Some((LIMIT, LIMIT)));
}

#[test]
fn a_replica_that_is_killed_is_waited_for_until_it_is_back() {
    let (_primary, replica, url) = pair();
    let daemon = Daemon::start_with_store(&url, ARGUMENTS);
    let replica = std::cell::RefCell::new(replica);
    suffer(&daemon, || replica.borrow_mut().kill(), || replica.borrow_mut().restart());
}

#[test]
fn of_two_replicas_one_may_be_gone() {
    let (primary, mut replica, url) = pair();
    let _other = follow(&primary);
    primary.wait_for_replicas(2);
    let daemon = Daemon::start_with_store(&url, ARGUMENTS);
    let load = start_load(&daemon);
    load.wait_for_numbers(500);
    replica.kill();
    let tally = load.finish();
    assert_eq!(tally.unavailable, 0);
    assert_every_number_once(tally, &[&daemon]);
}

/// `/readyz` asks the replicas though nobody takes.
#[test]
fn an_idle_process_without_its_replica_is_not_ready() {
    let (_primary, replica, url) = pair();
    let daemon = Daemon::start_with_store(&url, ARGUMENTS);
    daemon.wait_until_ready();
    replica.pause();
    wait_until_unready(&daemon);
    replica.resume();
    daemon.wait_until_ready();
    assert_eq!(wait_for("a number", || daemon.client().get("/").number()), 1);
}

/// What is written for the replicas must not tell the others that the counter has changed.
#[test]
fn a_halted_counter_costs_the_store_nothing_with_replicas_too() {
    let (primary, _replica, url) = pair();
    let arguments = ["--limit", "3", "--threads", "1"];
    let daemons = [(); 2].map(|()| Daemon::start_with_store(&url, &arguments));
    for daemon in &daemons {
        wait_until("the halt", || daemon.client().get("/").is_halted());
    }
    wait_until("the halt to be cached by both", || {
        let () = primary.command(&["CONFIG", "RESETSTAT"]);
        for daemon in &daemons {
            let mut client = daemon.client();
            assert!((0..100).all(|_| client.get("/").is_halted()));
        }
        primary.calls("wait") == 0 && primary.calls("evalsha") <= 4
    });
}

#[test]
fn a_change_is_done_once_the_replica_has_it() {
    let (primary, replica, url) = pair();
    let made = run(&["create", "sale", "--limit", "5", "--store", &url], &[]);
    assert_eq!(made.stdout, ["counter sale created: 0 of 5 taken"], "{made:?}");
    assert_eq!(replica.counter("sale"), Some((0, 5)));
    replica.pause();
    let set = run(&["set", "sale", "--limit", "7", "--store", &url], &[]);
    assert_eq!(set.code, Some(1), "{set:?}");
    let said = set.stderr.concat();
    assert!(said.contains("replicas that have the write: 0; that are to have it: 1"), "{said}");
    let status = run(&["status", "sale", "--store", &url], &[]);
    assert_eq!(status.code, Some(0), "a read needs no replica: {status:?}");
    assert_eq!(primary.counter("sale"), Some((0, 5)));
}

/// The primary is killed with numbers on their way that no replica has.
#[test]
fn a_failover_under_load_repeats_no_number_and_loses_none() {
    let mut set = Sentinels::start();
    let url = format!("{}?wait=1", set.url(None));
    let daemons = [(); 2].map(|()| Daemon::start_with_store(&url, ARGUMENTS));
    let addresses = &daemons.each_ref().map(Daemon::address);
    let pause = Duration::from_millis(1);
    let plan = Plan { addresses, connections: 16, depth: 1, requests: REQUESTS, pause };
    let load = Load::start(&plan);
    load.wait_for_numbers(500);
    let dead = set.primary();
    let replicas = |set: &Sentinels, what: fn(&RedisServer)| {
        let alive = set.servers.iter().enumerate().filter(|(place, _)| *place != dead);
        alive.for_each(|(_, server)| what(server));
    };
    replicas(&set, RedisServer::pause);
    // Else they would read on what is on the way to them.
    let cut: u64 = set.servers[dead].command(&["CLIENT", "KILL", "TYPE", "replica"]);
    assert_eq!(cut, 2);
    let answers = |tally: Tally| tally.numbers.len() as u64 + tally.unavailable;
    let before = answers(load.tally());
    wait_until("answers without the replicas", || answers(load.tally()) > before + 60);
    set.servers[dead].kill();
    replicas(&set, RedisServer::resume);
    assert!((load.tally().numbers.len() as u64) < LIMIT, "it was killed in mid-run");
    wait_until("another primary", || set.primary() != dead);
    assert_every_number_once(load.finish(), &[&daemons[0], &daemons[1]]);
    assert_eq!(set.servers[set.primary()].counter("default"), Some((LIMIT, LIMIT)));
}
