//! A real Redis Cluster: counters on several nodes, slots that move, and a primary that dies.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::daemon::{Daemon, run};
use crate::support::path_load::{PathLoad, PathPlan};
use crate::support::process::free_port;
use crate::support::redis_cluster::Cluster;
use crate::support::redis_server::RedisServer;
use crate::support::wait::wait_for;

/// A process that serves one counter on each primary.
pub fn start(url: &str, names: &[String], arguments: &[&str]) -> Daemon {
    let flags: Vec<&str> = names.iter().flat_map(|name| ["--counter", name]).collect();
    let arguments = [&["--limit", "1000000"], flags.as_slice(), arguments].concat();
    Daemon::start_with_store(url, &arguments)
}

pub fn take(daemon: &Daemon, name: &str) -> Option<u64> {
    daemon.client().get(&format!("/take/{name}")).number()
}

fn take_with_key(daemon: &Daemon, name: &str, key: u64) -> Option<u64> {
    let mut client = daemon.client();
    let head = format!("POST /take/{name} HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\n\r\n");
    client.send(head.as_bytes());
    client.receive().number()
}

#[test]
fn counters_on_several_nodes_are_served_and_a_dead_seed_does_not_matter() {
    let cluster = Cluster::start();
    let names = cluster.names();
    let alive = cluster.url(&[4]);
    let url = alive.replace("redis://", &format!("redis://127.0.0.1:{},", free_port()));
    let daemon = start(&url, &names, &[]);
    for number in 1..=3 {
        for name in &names {
            assert_eq!(wait_for("a number", || take(&daemon, name)), number);
        }
    }
    for (name, server) in names.iter().zip(&cluster.servers) {
        assert_eq!(server.counter(name), Some((3, 1_000_000)), "{name}");
    }
    assert_commands(&url, &names);
}

/// Whichever node is asked, they find the counters on all of them.
pub fn assert_commands(url: &str, names: &[String]) {
    let status = run(&["status", "--store", url], &[]);
    let rows: Vec<&str> =
        status.stdout.iter().skip(1).filter_map(|line| line.split(' ').next()).collect();
    let sorted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(rows, sorted.into_iter().collect::<Vec<_>>(), "{status:?}");
    for name in names {
        let set = run(&["set", name, "--limit", "7", "--store", url], &[]);
        let expected = format!("counter {name}: limit 1000000 before, 7 now; 3 taken");
        assert_eq!(set.stdout, [expected], "{set:?}");
        let reset = run(&["reset", name, "--yes", "--store", url], &[]);
        assert_eq!(
            reset.stdout,
            [format!("counter {name} reset: 3 of 7 taken before, 0 of 7 now")]
        );
    }
}

#[test]
fn a_slot_that_moves_under_load_costs_no_number_and_repeats_none() {
    let cluster = Cluster::start();
    let names = cluster.names();
    let daemon = start(&cluster.url(&[1, 5]), &names, &[]);
    let load = PathLoad::start(&PathPlan {
        addresses: &[daemon.address()],
        names: &names,
        connections: 6,
        depth: 1,
        requests: u64::MAX,
        pause: Duration::from_millis(1),
    });
    load.wait_for_numbers(50);
    for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 2)] {
        // The counter is served while its key is on its way, and after that.
        cluster.give(&names[0], from, to, || load.wait_for_numbers(50));
        load.wait_for_numbers(50);
    }
    for (tally, (name, place)) in load.stop().iter().zip(names.iter().zip([2, 1, 2])) {
        tally.assert_sound(1_000_000);
        let taken = tally.numbers.len() as u64;
        assert_eq!(tally.numbers.iter().max(), Some(&taken), "{name}: no gap");
        let holder = if name == &names[1] { 1 } else { place };
        assert_eq!(cluster.servers[holder].counter(name), Some((taken, 1_000_000)), "{name}");
    }
}

/// While the counter is on its way, and when it has come: only these takes take from it.
#[test]
fn keys_keep_their_numbers_when_their_counter_moves_to_another_node() {
    let cluster = Cluster::start();
    let names = cluster.names();
    let daemon = start(&cluster.url(&[1]), &names, &[]);
    let newest = Cell::new(0);
    let take_new_and_old = || {
        newest.set(newest.get() + 1);
        for key in [newest.get(), 1] {
            let number = wait_for("a number", || take_with_key(&daemon, &names[0], key));
            assert_eq!(number, key);
        }
    };
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        take_new_and_old();
        cluster.give(&names[0], from, to, take_new_and_old);
        take_new_and_old();
    }
    assert_eq!(cluster.servers[0].counter(&names[0]), Some((newest.get(), 1_000_000)));
}

/// Beside the counter's key is that of the mark for the replicas. It may go before the counter, or
/// behind it.
#[test]
fn with_wait_two_keys_that_move_apart_cost_no_number_and_repeat_none() {
    let cluster = Cluster::start();
    let names = cluster.names();
    let url = format!("{}?wait=1", cluster.url(&[1]));
    let daemon = start(&url, &names, &["--store-timeout", "5s"]);
    let loads = |names: &[String]| {
        PathLoad::start(&PathPlan {
            addresses: &[daemon.address()],
            names,
            connections: 3,
            depth: 1,
            requests: u64::MAX,
            pause: Duration::from_millis(1),
        })
    };
    let (moved, others) = (loads(&names[..1]), loads(&names[1..]));
    moved.wait_for_numbers(50);
    for (from, to, ends) in [(0, 1, ["", ":wait"]), (1, 0, [":wait", ""])] {
        cluster.give_apart(&names[0], from, to, &ends, |end| {
            others.wait_for_numbers(50);
            // One that has not moved, while its mark has, is not served.
            if [end, ends[0]].contains(&"") {
                moved.wait_for_numbers(50);
            }
        });
        moved.wait_for_numbers(50);
    }
    for tally in moved.stop().iter().chain(&others.stop()) {
        tally.assert_sound(1_000_000);
        let taken = tally.numbers.len() as u64;
        assert_eq!(tally.numbers.iter().max(), Some(&taken), "no gap");
    }
}

#[test]
fn with_wait_a_replica_as_the_only_seed_is_enough() {
    let cluster = Cluster::start();
    let names = cluster.names();
    let url = format!("{}?wait=1", cluster.url(&[4]));
    let daemon = start(&url, &names, &[]);
    for name in &names {
        assert_eq!(wait_for("a number", || take(&daemon, name)), 1);
    }
    let set = run(&["set", &names[0], "--limit", "7", "--store", &url], &[]);
    let expected = format!("counter {}: limit 1000000 before, 7 now; 1 taken", names[0]);
    assert_eq!(set.stdout, [expected], "{set:?}");
}

#[test]
fn a_slot_that_no_node_serves_is_in_the_log() {
    let cluster = Cluster::start();
    let names = cluster.names();
    // A number that comes when its client was told 503 is for the next one of the same reactor.
    let daemon = start(&cluster.url(&[0]), &names, &["--threads", "1"]);
    assert_eq!(wait_for("a number", || take(&daemon, &names[0])), 1);
    let slot = cluster.slot(&names[0]).to_string();
    let _: String = cluster.servers[0].command(&["CLUSTER", "DELSLOTS", &slot]);
    assert_eq!(take(&daemon, &names[0]), None);
    let line = daemon.last_error(&["cluster"]);
    assert_eq!(line["counter"], names[0].as_str(), "{line}");
    let _: String = cluster.servers[0].command(&["CLUSTER", "ADDSLOTS", &slot]);
    assert_eq!(wait_for("a number", || take(&daemon, &names[0])), 2);
}

#[test]
fn a_primary_that_dies_holds_up_its_own_counter_alone() {
    let mut cluster = Cluster::start();
    let names = cluster.names();
    let daemon = start(&cluster.url(&[0]), &names, &["--store-timeout", "5s"]);
    let mut numbers = BTreeSet::new();
    for _ in 0..20 {
        assert!(numbers.insert(wait_for("a number", || take(&daemon, &names[0]))));
    }
    // What the replica does not have is lost with the primary.
    cluster.wait_for_replica(0);
    let others = PathLoad::start(&PathPlan {
        addresses: &[daemon.address()],
        names: &names[1..],
        connections: 2,
        depth: 1,
        requests: u64::MAX,
        pause: Duration::from_millis(2),
    });
    others.wait_for_numbers(20);
    cluster.servers[0].kill();
    cluster.wait_for_failover(0);
    for _ in 0..20 {
        assert!(numbers.insert(wait_for("a number", || take(&daemon, &names[0]))), "twice");
    }
    others.wait_for_numbers(20);
    assert_eq!(numbers, (1..=40).collect(), "no gap");
    for tally in others.stop() {
        tally.assert_sound(1_000_000);
        assert_eq!(tally.unavailable, 0, "the other counters were served throughout");
    }
}

#[test]
fn several_hosts_that_are_no_cluster_are_refused_in_one_line() {
    let servers = [RedisServer::start(&[]), RedisServer::start(&[])];
    let [first, second] = servers.each_ref().map(RedisServer::port);
    let url = format!("redis://127.0.0.1:{first},127.0.0.1:{second}");
    let daemon = Daemon::start(&["--store", &url]);
    let line = daemon.last_error(&["cluster"]);
    let detail = line["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("redis+sentinel://"), "{line}");
    assert!(daemon.client().get("/").is_unavailable());
    assert_eq!(servers[0].counter("default"), None, "nothing was created");
}
