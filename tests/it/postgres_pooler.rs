//! A PostgreSQL behind pgbouncer: works, and leaves nothing behind for others of its pool.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::load::{Load, Plan};
use crate::support::pgbouncer::Pgbouncer;
use crate::support::postgres_server::PostgresServer;
use crate::support::wait::{wait_for, wait_until};

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

/// As a migration does it. Each statement that waits in vain is given up by the server: if it were
/// left behind, the next connection would leave one more, until no other client can connect.
#[test]
fn a_lock_on_a_table_leaves_no_statement_behind() {
    let server = PostgresServer::start();
    let pooler = Pgbouncer::start(&server, "transaction");
    let daemon = Daemon::start_with_store(&pooler.url(), &["--limit", "100"]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    let holder = server.hold("begin; lock table headcount_answer; select pg_sleep(600)");
    wait_until("a write that is refused", || daemon.client().get("/readyz").status == 503);
    wait_until("nobody to wait for the lock", || server.sql(LOCK_WAITS) == "0");
    drop(holder);
    assert_eq!(wait_for("a number", || daemon.client().get("/").number()), 2);
}

const LOCK_WAITS: &str = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";

/// A session of the pool has the isolation level of its database, or of whoever had it before.
#[test]
fn a_stricter_isolation_of_the_pool_makes_no_conflict() {
    let settings = ["default_transaction_isolation=repeatable read"];
    let server = PostgresServer::start_with("trust", &settings);
    let pooler = Pgbouncer::start(&server, "transaction");
    let flags = ["--limit", "600", "--threads", "1"];
    let mut daemons = [(); 2].map(|()| Daemon::start_with_store(&pooler.url(), &flags));
    let addresses = [daemons[0].address(), daemons[1].address()];
    let plan = Plan {
        addresses: &addresses,
        connections: 16,
        depth: 1,
        requests: 600,
        pause: Duration::ZERO,
    };
    let tally = Load::start(&plan).finish();
    tally.assert_sound(600);
    assert_eq!((tally.numbers.len(), tally.unavailable), (600, 0));
    for daemon in &mut daemons {
        daemon.signal("TERM");
        assert!(daemon.wait_for_exit().success());
        let lines = daemon.log_to_the_end();
        let conflict = lines.iter().find(|line| line.to_string().contains("40001"));
        assert!(conflict.is_none(), "{conflict:?}");
    }
}

/// Another client of the pool has set its search path for the session, which stays.
#[test]
fn a_search_path_that_another_client_has_left_leads_to_no_other_table() {
    let server = PostgresServer::start();
    let pooler = Pgbouncer::start_with(&server, "transaction", "max_db_connections = 1");
    server.sql("create schema elsewhere");
    pooler.sql("set search_path to elsewhere");
    assert_eq!(pooler.sql("show search_path"), "elsewhere");
    let daemon = Daemon::start_with_store(&pooler.url(), &["--limit", "100"]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(server.counter("default"), Some((1, 100)), "of the schema public");
    assert_eq!(pooler.sql("show search_path"), "elsewhere", "what is set there stays as it is");
}
