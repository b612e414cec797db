//! A Redis behind Sentinel: the primary is found, and found again after a failover.

use std::collections::BTreeSet;

use crate::support::daemon::{Daemon, run};
use crate::support::process::free_port;
use crate::support::sentinels::{MASTER, Sentinels};
use crate::support::wait::wait_for;

/// Takes so many numbers, none of which came before.
fn take(daemon: &Daemon, numbers: &mut BTreeSet<u64>, count: usize) {
    for _ in 0..count {
        let number = wait_for("a number", || daemon.client().get("/").number());
        assert!(numbers.insert(number), "{number} came twice");
    }
}

#[test]
fn the_primary_is_found_and_found_again_when_it_dies_twice() {
    let mut set = Sentinels::start();
    let arguments = ["--limit", "1000", "--store-timeout", "5s"];
    let daemon = Daemon::start_with_store(&set.url(Some(free_port())), &arguments);
    let mut numbers = BTreeSet::new();
    let mut primary = 0;
    for replicas in [2, 1] {
        take(&daemon, &mut numbers, 20);
        let taken = numbers.len() as u64;
        assert_eq!(set.servers[primary].counter("default"), Some((taken, 1000)));
        // What no replica has is lost with the primary.
        set.wait_for_replicas(replicas);
        set.servers[primary].kill();
        let dead = primary;
        primary = wait_for("another primary", || Some(set.primary()).filter(|it| *it != dead));
    }
    take(&daemon, &mut numbers, 20);
    assert_eq!(set.servers[primary].counter("default"), Some((60, 1000)));
    assert_eq!(numbers, (1..=60).collect(), "no gap, and none twice");
}

#[test]
fn the_commands_find_it_too_and_a_name_that_no_sentinel_knows_is_said() {
    let set = Sentinels::start();
    let url = set.url(None);
    let made = run(&["create", "sale", "--limit", "5", "--store", &url], &[]);
    assert_eq!(made.stdout, ["counter sale created: 0 of 5 taken"], "{made:?}");
    assert_eq!(set.servers[0].counter("sale"), Some((0, 5)));
    let wrong = url.replace(&format!("/{MASTER}"), "/nobody");
    let daemon = Daemon::start(&["--store", &wrong]);
    let line = daemon.last_error(&["unresolved"]);
    let detail = line["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the sentinel knows no primary of this name"), "{line}");
    assert!(daemon.client().get("/").is_unavailable());
}
