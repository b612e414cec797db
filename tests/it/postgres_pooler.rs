//! A PostgreSQL behind pgbouncer: works, and leaves nothing behind for others of its pool.

use std::collections::BTreeSet;

use crate::support::daemon::Daemon;
use crate::support::pgbouncer::Pgbouncer;
use crate::support::postgres_server::PostgresServer;
use crate::support::wait::wait_for;

/// What a session shows that headcount sets on one of its own, and the statements prepared there.
const LEFT_BEHIND: &str = "select current_setting('statement_timeout'), \
    current_setting('lock_timeout'), current_setting('plan_cache_mode'), \
    (select count(*) from pg_prepared_statements)";

fn take_and_leave_nothing(mode: &str) {
    let server = PostgresServer::start();
    let pooler = Pgbouncer::start(&server, mode);
    let daemons = [(); 2].map(|()| {
        let flags = ["--limit", "40", "--threads", "1", "--counter", "one", "--counter", "two"];
        Daemon::start_with_store(&pooler.url(), &flags)
    });
    let mut numbers = BTreeSet::new();
    for round in 0..20 {
        for (daemon, path) in daemons.iter().zip(["/take/one", "/take/two"]) {
            let answer = daemon.client().get(path).number();
            assert!(answer.is_some_and(|number| numbers.insert((path, number))), "round {round}");
        }
        // Both of one counter, whose transactions take the pool's two sessions in turn.
        let answer = daemons[round % 2].client().get("/take/one").number();
        assert!(answer.is_some_and(|number| numbers.insert(("/take/one", number))));
    }
    assert_eq!(server.counter("one"), Some((40, 40)));
    assert_eq!(server.counter("two"), Some((20, 40)));
    assert!(daemons[0].client().get("/take/one").is_halted());
    drop(daemons);
    for _ in 0..4 {
        let left = wait_for("a session of the pool", || {
            Some(pooler.sql(LEFT_BEHIND)).filter(|left| !left.is_empty())
        });
        assert_eq!(left, "0|0|auto|0", "in {mode} mode");
    }
}

#[test]
fn behind_pgbouncer_in_transaction_mode_nothing_is_left_for_others() {
    take_and_leave_nothing("transaction");
}

#[test]
fn behind_pgbouncer_in_session_mode_nothing_is_left_for_others() {
    take_and_leave_nothing("session");
}

/// A session of the pool may vanish between two transactions, and the pooler with all it holds.
#[test]
fn a_pooler_that_is_started_anew_costs_no_number() {
    let server = PostgresServer::start();
    let mut pooler = Pgbouncer::start(&server, "transaction");
    let daemon = Daemon::start_with_store(&pooler.url(), &["--limit", "100"]);
    let mut numbers = BTreeSet::new();
    for round in 0..30 {
        if round % 10 == 5 {
            pooler.restart();
        }
        if round % 10 == 8 {
            server.cut_sessions();
        }
        let number = wait_for("a number", || daemon.client().get("/").number());
        assert!(numbers.insert(number), "{number} came twice");
    }
    assert_eq!(server.counter("default"), Some((30, 100)), "no gap, and none twice");
}
