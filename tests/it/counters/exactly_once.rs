//! The promise for each of several counters: every number once, none past its limit.

use std::net::SocketAddr;
use std::time::Duration;

use super::{NAMES, arguments, assert_every_number_once, names};
use crate::support::daemon::Daemon;
use crate::support::load::Tally;
use crate::support::path_load::{PathLoad, PathPlan};
use crate::support::store_server::KINDS;

const LIMITS: [u64; 4] = [1_000, 700, 300, 1];
/// Requests for each counter.
const REQUESTS: u64 = 1_200;

fn specs() -> Vec<String> {
    NAMES.iter().zip(LIMITS).map(|(name, limit)| format!("{name}={limit}")).collect()
}

fn load(addresses: &[SocketAddr], depth: usize) -> Vec<Tally> {
    let requests = REQUESTS * NAMES.len() as u64;
    let (names, pause) = (&names(), Duration::ZERO);
    let plan = PathPlan { addresses, names, connections: 32, depth, requests, pause };
    PathLoad::start(&plan).finish()
}

fn assert_each_once(tallies: &[Tally], daemons: &[Daemon]) {
    for ((tally, name), limit) in tallies.iter().zip(NAMES).zip(LIMITS) {
        assert_every_number_once(tally, limit, REQUESTS);
        assert_eq!(tally.unavailable, 0, "{name}");
        let status = format!(r#"{{"taken":{limit},"limit":{limit},"remaining":0,"halted":true}}"#);
        for daemon in daemons {
            let answer = daemon.client().get(&format!("/status/{name}"));
            assert_eq!(answer.body, status, "{name}");
        }
    }
}

#[test]
fn in_memory_each_counter_hands_out_every_number_once() {
    for depth in [1, 9] {
        let daemons = [Daemon::start(&arguments(&specs(), "7", "2"))];
        let tallies = load(&[daemons[0].address()], depth);
        assert_each_once(&tallies, &daemons);
        assert_eq!(daemons[0].taken(), LIMITS[0], "the first counter is that of /");
    }
}

#[test]
fn two_processes_hand_out_every_number_of_each_counter_once() {
    for kind in KINDS {
        // Seven on one connection: each write has another mix of the four.
        for depth in [1, 7] {
            let server = kind.start();
            let start = || Daemon::start_with_store(&server.url(), &arguments(&specs(), "7", "2"));
            let daemons = [start(), start()];
            let addresses: Vec<SocketAddr> = daemons.iter().map(Daemon::address).collect();
            assert_each_once(&load(&addresses, depth), &daemons);
            for (name, limit) in NAMES.iter().zip(LIMITS) {
                assert_eq!(server.counter(name), Some((limit, limit)), "{kind:?}");
            }
        }
    }
}
