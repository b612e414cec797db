//! The promise: every number once, none past the limit, however many ask at once.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::load::{Load, Plan, Tally};
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::wait_until;

const LIMIT: u64 = 10_000;
const REQUESTS: u64 = 12_000;
const CONNECTIONS: usize = 64;

/// What every program here is started with.
const ARGUMENTS: &[&str] = &["--limit", "10000", "--threads", "2"];

#[test]
fn one_process_with_two_threads_hands_out_every_number_once() {
    let daemon = Daemon::start(ARGUMENTS);
    let tally = start_load(&[daemon.address()], 1).finish();
    assert_every_number_once(&tally);
    assert_eq!(daemon.taken(), LIMIT);
}

#[test]
fn pipelined_requests_get_every_number_once() {
    let daemon = Daemon::start(ARGUMENTS);
    assert_every_number_once(&start_load(&[daemon.address()], 16).finish());
    for kind in KINDS {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), ARGUMENTS);
        assert_every_number_once(&start_load(&[daemon.address()], 16).finish());
    }
}

#[test]
fn four_processes_on_one_store_hand_out_every_number_once() {
    for kind in KINDS {
        let server = kind.start();
        let daemons = start_four(&server);
        let tally = start_load(&addresses(&daemons), 1).finish();
        assert_every_number_once(&tally);
        assert_eq!(server.counter("default"), Some((LIMIT, LIMIT)), "{kind:?}");
        for daemon in &daemons {
            assert_eq!(daemon.taken(), LIMIT, "{kind:?}");
        }
    }
}

#[test]
fn a_store_killed_in_mid_run_repeats_no_number() {
    KINDS.into_iter().for_each(|kind| kill_in_mid_run(kind.start()));
}

fn kill_in_mid_run(mut server: StoreServer) {
    let daemons = start_four(&server);
    let load = start_load(&addresses(&daemons), 1);
    for seen in [1_000, 4_000, 7_000] {
        wait_until("numbers before the kill", || load.tally().numbers.len() >= seen);
        server.kill();
        load.wait_for_unavailable(10);
        let acknowledged = load.tally().numbers.iter().copied().max();
        server.restart();
        let kept = server.counter("default").map(|(taken, _)| taken);
        assert!(acknowledged <= kept, "{acknowledged:?} was handed out, {kept:?} is kept");
    }
    let tally = load.finish();
    tally.assert_sound(LIMIT);
    // Numbers whose replies were lost with the store are spent: so fewer may have been seen, and
    // whoever asked for them was sent away instead.
    let seen = tally.numbers.len() as u64;
    assert_eq!(seen + tally.halted, REQUESTS);
    assert_eq!(server.counter("default"), Some((LIMIT, LIMIT)));
    assert!((7_000..=LIMIT).contains(&seen), "{seen}");
}

#[test]
fn a_program_killed_in_mid_run_costs_numbers_but_repeats_none() {
    for kind in KINDS {
        let server = kind.start();
        let mut daemons = start_four(&server);
        let doomed = daemons.remove(0);
        let doomed_load = Load::start_gentle(doomed.address());
        let load = start_load(&addresses(&daemons), 1);
        doomed_load.wait_for_numbers(50);
        drop(doomed);
        let (survivors, victims) = (load.finish(), doomed_load.stop());
        let mut together = survivors;
        together.numbers.extend(&victims.numbers);
        together.assert_sound(LIMIT);
        assert_eq!(server.counter("default"), Some((LIMIT, LIMIT)), "{kind:?}");
        let lost = LIMIT - together.numbers.len() as u64;
        assert!(lost <= 8, "one a connection could be on its way, and {lost} are lost");
    }
}

fn start_four(server: &StoreServer) -> Vec<Daemon> {
    (0..4).map(|_| Daemon::start_with_store(&server.url(), ARGUMENTS)).collect()
}

fn addresses(daemons: &[Daemon]) -> Vec<SocketAddr> {
    daemons.iter().map(Daemon::address).collect()
}

fn start_load(addresses: &[SocketAddr], depth: u64) -> Load {
    let pause = Duration::ZERO;
    Load::start(&Plan { addresses, connections: CONNECTIONS, depth, requests: REQUESTS, pause })
}

fn assert_every_number_once(tally: &Tally) {
    tally.assert_sound(LIMIT);
    assert_eq!(tally.unavailable, 0);
    assert_eq!(tally.numbers.len() as u64, LIMIT);
    assert_eq!(tally.halted, REQUESTS - LIMIT);
}
