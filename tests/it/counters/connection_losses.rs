//! A store connection that is lost while requests of several counters are on their way costs a
//! delay and no number of any of them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{arguments, names};
use crate::support::daemon::Daemon;
use crate::support::path_load::{PathLoad, PathPlan, sweep};
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::{KINDS, Kind, StoreServer};
use crate::support::wait::wait_until;

/// Losses of each store.
const LOSSES: usize = 12;
/// Enough to meet both reactors.
const SWEEP_CONNECTIONS: usize = 50;

#[test]
fn a_lost_store_connection_loses_no_number_of_any_counter_and_repeats_none() {
    KINDS.into_iter().for_each(lose_connections);
}

fn lose_connections(kind: Kind) {
    let server = kind.start();
    let proxy = Proxy::start(kind, server.port(), Fault::None);
    let names = names();
    let daemon = Daemon::start_with_store(&proxy.url(), &arguments(&names, "1000000", "2"));
    let load = PathLoad::start(&PathPlan {
        addresses: &[daemon.address()],
        names: &names,
        connections: 16,
        depth: 5,
        requests: u64::MAX,
        pause: Duration::ZERO,
    });
    for loss in 0..LOSSES {
        load.wait_for_numbers(20);
        if loss % 2 == 0 {
            proxy.cut();
            continue;
        }
        // What the store has done by now is not told, on any connection.
        let swallowed = proxy.swallowed();
        proxy.set(Fault::Swallow);
        wait_until("replies that are lost", || proxy.swallowed() >= swallowed + connections(kind));
        proxy.pass_again();
    }
    load.wait_for_numbers(20);
    let tallies = load.stop();
    let swept = sweep(daemon.address(), &names, SWEEP_CONNECTIONS);
    for ((name, tally), swept) in names.iter().zip(tallies).zip(swept) {
        tally.assert_sound(u64::MAX);
        assert_eq!((tally.halted, tally.unavailable), (0, 0), "{kind:?} {name}");
        let mut numbers: BTreeSet<u64> = tally.numbers.into_iter().collect();
        let twice: Vec<u64> = swept.into_iter().filter(|it| !numbers.insert(*it)).collect();
        assert!(twice.is_empty(), "{kind:?} {name}: {twice:?} came twice");
        assert_no_gap(&server, name, &numbers);
    }
}

/// Two reactors have one each with Redis, and one together with PostgreSQL.
fn connections(kind: Kind) -> u64 {
    match kind {
        Kind::Redis => 2,
        Kind::Postgres => 1,
    }
}

fn assert_no_gap(server: &StoreServer, name: &str, numbers: &BTreeSet<u64>) {
    let (taken, _) = server.counter(name).expect("the counter is there");
    let gaps: Vec<u64> = (1..=taken).filter(|number| !numbers.contains(number)).collect();
    assert!(gaps.is_empty(), "{name}: {} gaps in {taken}: {gaps:?}", gaps.len());
    assert_eq!(numbers.len() as u64, taken, "{name}");
}
