//! PostgreSQL that is there and says no: sessions, rights, locks, transactions.

use std::cell::RefCell;

use super::{LIMIT, assert_sound, start, start_without_store, suffer};
use crate::support::daemon::Daemon;
use crate::support::load::Load;
use crate::support::postgres_server::PostgresServer;
use crate::support::wait::wait_until;

const LET_COUNT: &str = "create role counter login password 'secret'; \
    grant create, usage on schema public to counter";

/// Holds the counter's row, as a transaction does that was begun by hand and forgotten.
const HOLD_ROW: &str = "begin; select * from headcount for update; select pg_sleep(600)";
/// Holds the whole table, as a migration does.
const HOLD_TABLE: &str = "begin; lock table headcount; select pg_sleep(600)";

#[test]
fn a_session_that_crashes_takes_every_other_with_it_and_all_come_back() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    let load = Load::start_gentle(daemon.address());
    for _ in 0..3 {
        load.wait_for_numbers(50);
        postgres.crash_a_session();
    }
    load.wait_for_numbers(50);
    daemon.wait_for_trouble(&["unreachable", "loading"]);
    assert_sound(&load.stop());
}

#[test]
fn a_role_that_may_have_no_more_connections_is_waited_out() {
    let postgres = PostgresServer::start();
    postgres.sql(LET_COUNT);
    let daemon = start(&postgres.url_of("counter", "secret"));
    let break_it = || {
        postgres.sql("alter role counter connection limit 0");
        postgres.cut_sessions();
    };
    let repair_it = || drop(postgres.sql("alter role counter connection limit -1"));
    suffer(&daemon, &["connections"], break_it, repair_it);
}

#[test]
fn a_server_whose_connections_are_all_taken_is_waited_for() {
    // Which leaves one to those who are no superusers.
    let few = ["max_connections=4", "superuser_reserved_connections=3"];
    let postgres = PostgresServer::start_with("trust", &few);
    postgres.sql(LET_COUNT);
    let url = postgres.url_of("counter", "secret");
    let mut first = Daemon::start_with_store(&url, &["--threads", "1"]);
    assert_eq!(first.client().get("/").number(), Some(1));
    let second = Daemon::start(&["--store", &url, "--threads", "1"]);
    second.wait_for_trouble(&["connections"]);
    assert!(second.client().get("/").is_unavailable());
    assert!(first.stop().success());
    second.wait_until_ready();
    assert_eq!(second.client().get("/").number(), Some(2));
}

#[test]
fn a_server_that_became_read_only_is_waited_out() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    // For sessions that are open already, as when a primary is demoted.
    let demote = || {
        let set = "alter system set default_transaction_read_only = on; select pg_reload_conf()";
        postgres.sql(set);
    };
    let promote = || {
        let set = "set default_transaction_read_only = off; \
             alter system reset default_transaction_read_only; select pg_reload_conf()";
        postgres.sql(set);
    };
    suffer(&daemon, &["readonly"], demote, promote);
    // For those that come.
    let alter = "set default_transaction_read_only = off; \
         alter database postgres set default_transaction_read_only";
    let set = |value| {
        postgres.sql(&format!("{alter} = {value}"));
        postgres.cut_sessions();
    };
    suffer(&daemon, &["readonly"], || set("on"), || set("off"));
}

#[test]
fn a_password_that_was_changed_is_said_and_one_that_is_changed_back_found() {
    let postgres = PostgresServer::start_with("scram-sha-256", &[]);
    postgres.sql(LET_COUNT);
    let daemon = start(&postgres.url_of("counter", "secret"));
    let set = |password| {
        postgres.sql(&format!("alter role counter password '{password}'"));
        postgres.cut_sessions();
    };
    suffer(&daemon, &["authentication"], || set("other"), || set("secret"));
}

#[test]
fn a_database_that_is_closed_is_waited_for() {
    let postgres = PostgresServer::start();
    postgres.sql("create database shop");
    let daemon = start(&format!("{}/shop", postgres.url()));
    let allow = |value| {
        postgres.sql(&format!("alter database shop allow_connections {value}"));
        postgres.cut_sessions();
    };
    suffer(&daemon, &["refused", "database"], || allow("false"), || allow("true"));
}

#[test]
fn a_lock_that_somebody_else_holds_is_waited_out() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    for statements in [HOLD_ROW, HOLD_TABLE] {
        let session = RefCell::new(None);
        let hold = || drop(session.replace(Some(postgres.hold(statements))));
        suffer(&daemon, &["locked"], hold, || drop(session.take()));
    }
}

#[test]
fn a_lock_that_is_released_in_time_costs_nobody_a_503() {
    let postgres = PostgresServer::start();
    let daemon = Daemon::start_with_store(&postgres.url(), &["--threads", "1"]);
    for (number, statements) in (1..).zip([HOLD_ROW, HOLD_TABLE]) {
        let session = postgres.hold(statements);
        let mut client = daemon.client();
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_until("the program to wait for the lock", || {
            let waiting = "select count(*) from pg_stat_activity \
                 where application_name = 'headcount' and wait_event_type = 'Lock'";
            postgres.sql(waiting) == "1"
        });
        drop(session);
        assert_eq!(client.receive().number(), Some(number));
    }
}

/// The row of a take comes before its commit, and the commit may fail.
#[test]
fn a_number_whose_commit_fails_is_not_handed_out() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    for (code, reason) in [("40001", "conflict"), ("40P01", "conflict"), ("P0001", "refused")] {
        let make = format!(
            "create function fail() returns trigger language plpgsql as \
             $$ begin raise exception 'no' using errcode = '{code}'; end $$; \
             create constraint trigger fail after update on headcount \
             deferrable initially deferred for each row execute function fail()"
        );
        let break_it = || drop(postgres.sql(&make));
        let repair_it = || drop(postgres.sql("drop function fail cascade"));
        suffer(&daemon, &[reason], break_it, repair_it);
    }
    let (taken, _) = postgres.counter("default").expect("the counter exists");
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(1);
    let first = load.stop().numbers.into_iter().min();
    assert_eq!(first, Some(taken + 1), "what was undone is not taken");
}

#[test]
fn an_isolation_that_the_database_prefers_costs_nobody_a_503() {
    let postgres = PostgresServer::start();
    postgres.sql("alter database postgres set default_transaction_isolation = 'serializable'");
    let limit = LIMIT.to_string();
    let arguments = ["--limit", &limit, "--threads", "2"];
    let daemons = [(); 2].map(|()| Daemon::start_with_store(&postgres.url(), &arguments));
    let loads = daemons.each_ref().map(|daemon| Load::start_gentle(daemon.address()));
    loads.iter().for_each(|load| load.wait_for_numbers(1_000));
    let mut together = Vec::new();
    for load in loads {
        let tally = load.stop();
        assert_eq!(tally.unavailable, 0);
        together.extend(tally.numbers);
    }
    let count = together.len() as u64;
    together.sort_unstable();
    assert_eq!(together, (1..=count).collect::<Vec<u64>>());
}

#[test]
fn a_right_that_is_taken_away_is_named_and_waited_for() {
    let postgres = PostgresServer::start();
    // Which makes the table the superuser's own.
    start(&postgres.url());
    let grant = "grant select, update on headcount to counter";
    let answers = "grant select, insert, update, delete on headcount_answer to counter";
    postgres.sql(&format!("{LET_COUNT}; {grant}; {answers}"));
    let daemon = start(&postgres.url_of("counter", "secret"));
    let revoke = || drop(postgres.sql("revoke update on headcount from counter"));
    suffer(&daemon, &["permission"], revoke, || drop(postgres.sql(grant)));
}

#[test]
fn a_role_that_may_not_create_is_told_what_to_run() {
    let postgres = PostgresServer::start();
    // Before version 15 everyone may.
    postgres.sql("create role counter login; revoke create on schema public from public");
    let daemon = start_without_store(&postgres.url_of("counter", ""));
    assert!(daemon.client().get("/").is_unavailable());
    let line = daemon.wait_for_log("the SQL to run", |line| line["reason"] == "permission");
    let words = line["detail"].as_str().expect("the server's words are a text");
    let sql = words.find("create table").map(|start| &words[start..]);
    postgres.sql(sql.unwrap_or_else(|| panic!("no SQL: {line}")));
    daemon.wait_until_ready();
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(50);
    assert_sound(&load.stop());
    assert_eq!(postgres.counter("default").map(|(_, max)| max), Some(LIMIT));
}
