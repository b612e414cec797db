//! What a loss costs: that of a connection to the store, or of the store, a delay and no number;
//! that of the program the answers that were on their way.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::load::{GENTLE_CONNECTIONS, Load, Plan, Tally};
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::wait_for;

const ARGUMENTS: &[&str] = &["--limit", "1000000000", "--threads", "2"];
const CONNECTIONS: usize = 32;

/// Connections cut in a test run, of each store; `HEADCOUNT_CUTS=1000` for more.
const CUTS: u64 = 100;
/// Kills of each, likewise; `HEADCOUNT_KILLS=100` for more.
const KILLS: u64 = 3;

#[test]
fn store_connections_cut_under_load_lose_no_number() {
    let wanted = rounds("HEADCOUNT_CUTS", CUTS);
    for server in KINDS.map(|kind| kind.start()) {
        let daemons = start_two(&server);
        let load = start_load(&addresses(&daemons));
        let mut cuts = 0;
        while cuts < wanted {
            load.wait_for_numbers(20);
            cuts += server.cut_connections();
        }
        assert_no_gap(load.stop(), &daemons, &server);
    }
}

#[test]
fn a_durable_store_killed_under_load_loses_no_number() {
    for mut server in KINDS.map(|kind| kind.start()) {
        let daemons = start_two(&server);
        let load = start_load(&addresses(&daemons));
        for _ in 0..rounds("HEADCOUNT_KILLS", KILLS) {
            load.wait_for_numbers(500);
            server.kill();
            load.wait_for_unavailable(10);
            server.restart();
        }
        load.wait_for_numbers(500);
        assert_no_gap(load.stop(), &daemons, &server);
    }
}

#[test]
fn a_program_killed_under_load_loses_only_the_answers_on_their_way() {
    let kills = rounds("HEADCOUNT_KILLS", KILLS);
    for server in KINDS.map(|kind| kind.start()) {
        let mut together = Tally::default();
        for _ in 0..kills {
            let doomed = Daemon::start_with_store(&server.url(), ARGUMENTS);
            let load = Load::start_gentle(doomed.address());
            load.wait_for_numbers(50);
            drop(doomed); // With SIGKILL.
            together.numbers.extend(load.stop().numbers);
        }
        together.assert_sound(u64::MAX);
        let (taken, _) = server.counter("default").expect("the counter is there");
        let (seen, lost_max) = (together.numbers.len() as u64, kills * GENTLE_CONNECTIONS as u64);
        eprintln!("{kills} kills: {taken} taken, {seen} seen, {} lost", taken - seen);
        assert!(taken - seen <= lost_max, "{taken} taken, {seen} seen, after {kills} kills");
    }
}

fn rounds(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |it| it.parse().expect("a number of rounds"))
}

fn start_two(server: &StoreServer) -> Vec<Daemon> {
    (0..2).map(|_| Daemon::start_with_store(&server.url(), ARGUMENTS)).collect()
}

fn addresses(daemons: &[Daemon]) -> Vec<SocketAddr> {
    daemons.iter().map(Daemon::address).collect()
}

fn start_load(addresses: &[SocketAddr]) -> Load {
    let (connections, requests) = (CONNECTIONS, u64::MAX);
    Load::start(&Plan { addresses, connections, depth: 1, requests, pause: Duration::ZERO })
}

/// Numbers granted for clients who were gone wait in their reactor for the next who ask there:
/// those are asked for on enough new connections to meet every reactor.
fn assert_no_gap(tally: Tally, daemons: &[Daemon], server: &StoreServer) {
    tally.assert_sound(u64::MAX);
    let mut numbers: BTreeSet<u64> = tally.numbers.into_iter().collect();
    for daemon in daemons {
        for _ in 0..200 {
            // A thread that has no connection yet answers 503 at once.
            let number = wait_for("a number", || daemon.client().get("/").number());
            assert!(numbers.insert(number), "{number} came twice");
        }
    }
    let (taken, _) = server.counter("default").expect("the counter is there");
    eprintln!("{taken} taken, {} seen", numbers.len());
    let gaps: Vec<u64> = (1..=taken).filter(|number| !numbers.contains(number)).collect();
    assert!(gaps.is_empty(), "{} gaps in {taken} numbers: {gaps:?}", gaps.len());
}
