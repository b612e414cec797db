//! A row that somebody holds in PostgreSQL: its counter waits for it, and the others do not.

use super::{NAMES, arguments, names, reason};
use crate::support::daemon::Daemon;
use crate::support::path_load::PathLoad;
use crate::support::postgres_server::PostgresServer;
use crate::support::wait::wait_until;

const LOCK: &str =
    "begin; select * from headcount where name = 'hats' for update; select pg_sleep(600)";

/// Numbers of each other counter while four clients of the locked one wait for the store timeout
/// twice, 4 s: thousands if nobody waits for the lock, and 30 if each batch waits half a second.
const OTHERS_MIN: usize = 100;

#[test]
fn a_locked_row_holds_up_its_own_counter_alone() {
    let postgres = PostgresServer::start();
    let timeout = ["--store-timeout", "2000"];
    let names = names();
    let arguments = [&arguments(&names, "1000000", "2")[..], &timeout].concat();
    let daemon = Daemon::start_with_store(&postgres.url(), &arguments);
    let start = |name: &str| PathLoad::start_gentle(daemon.address(), name);
    let loads = NAMES.map(start);
    let [shoes, coats, hats, gloves] = &loads;
    let others = [shoes, coats, gloves];
    loads.iter().for_each(|load| load.wait_for_numbers(20));
    let session = postgres.hold(LOCK);
    hats.wait_for_unavailable(4); // Each has waited for the store timeout.
    let held = hats.tally().numbers.len();
    let before = others.map(|load| load.tally().numbers.len());
    hats.wait_for_unavailable(8);
    for (load, before) in others.iter().zip(before) {
        let meanwhile = load.tally().numbers.len() - before;
        assert!(meanwhile > OTHERS_MIN, "{meanwhile} numbers while another counter was locked");
    }
    assert_eq!(daemon.client().get("/readyz").status, 200);
    assert_eq!(reason(&daemon, "gloves"), "");
    assert_eq!(hats.tally().numbers.len(), held, "numbers of a row that is locked");
    drop(session);
    hats.wait_for_numbers(50);
    wait_until("its readiness", || reason(&daemon, "hats").is_empty());
    for (name, load) in NAMES.iter().zip(loads) {
        let tally = load.stop().remove(0);
        tally.assert_sound(u64::MAX);
        assert_eq!(tally.halted, 0, "{name}");
        assert!(tally.unavailable == 0 || *name == "hats", "{name}: {}", tally.unavailable);
    }
}
