//! PostgreSQL whose table is not what the program left there.

use std::thread;

use super::{LIMIT, assert_sound, start, suffer};
use crate::support::daemon::{Daemon, run};
use crate::support::load::Load;
use crate::support::postgres_server::PostgresServer;
use crate::support::wait::wait_until;

/// The most that a bigint holds.
const MAX: &str = "9223372036854775807";

/// The table as the program creates it.
const TABLE: &str = include_str!("../../../src/store/postgres/table.sql");
const TAKE: &str = include_str!("../../../src/store/postgres/take.sql");
const ANSWER: &str = include_str!("../../../src/store/postgres/answer.sql");

#[test]
fn a_row_that_vanishes_is_never_begun_anew() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    postgres.sql("create table aside (like headcount)");
    let move_row = |from: &str, to: &str| {
        let gone = format!("with gone as (delete from {from} returning *)");
        // In one transaction, or the program writes down what it has seen before the row comes.
        let moved = format!("delete from {to}; {gone} insert into {to} select * from gone");
        postgres.sql(&format!("begin; {moved}; commit"));
    };
    let return_it = || {
        assert_not_begun_anew(&postgres, &daemon);
        assert_eq!(postgres.counter("default"), Some((0, 0)), "no more than what was seen of it");
        move_row("aside", "headcount");
    };
    suffer(&daemon, &["missing"], || move_row("headcount", "aside"), return_it);
}

#[test]
fn a_table_that_is_dropped_is_never_begun_anew() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(50);
    postgres.sql("drop table headcount");
    load.wait_for_unavailable(20);
    daemon.wait_for_trouble(&["missing"]);
    assert_not_begun_anew(&postgres, &daemon);
    assert_eq!(postgres.sql("select to_regclass('headcount') is null"), "t", "it was begun anew");
    // The operator goes on above what clients have seen.
    let last = load.tally().numbers.iter().copied().max().unwrap_or_default();
    let (taken, limit) = ((last + 1_000).to_string(), LIMIT.to_string());
    let set = ["set", "default", "--taken", &taken, "--limit", &limit];
    let store = ["--store", &postgres.url()];
    let finished = run(&[set.as_slice(), &store].concat(), &[]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    load.wait_for_numbers(50);
    assert_sound(&load.stop());
}

#[test]
fn a_column_that_is_renamed_is_said_and_waited_for() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    let rename = |from: &str, to: &str| {
        postgres.sql(&format!("alter table headcount rename {from} to {to}"));
    };
    suffer(&daemon, &["type"], || rename("taken", "gone"), || rename("gone", "taken"));
    // A column more is nobody's harm.
    postgres.sql("alter table headcount add note text");
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(50);
    let tally = load.stop();
    assert_sound(&tally);
    assert_eq!(tally.unavailable, 0);
}

#[test]
fn a_table_of_somebody_else_s_is_not_touched() {
    let postgres = PostgresServer::start();
    let foreign = [
        "create table headcount (id integer)",
        "create table headcount (name text, taken text, max text)",
        "create table headcount (name integer, taken bigint, max bigint)",
        "create view headcount as select 'default'::text as name, 0 as taken, 100 as max",
    ];
    for (number, statement) in (1..).zip(foreign) {
        let database = format!("shop_{number}");
        postgres.sql(&format!("create database {database}"));
        let run = |statement: &str| postgres.try_sql(&database, statement);
        run(statement).expect(statement);
        let url = format!("{}/{database}", postgres.url());
        let daemon = Daemon::start(&["--store", &url, "--threads", "1"]);
        assert!(daemon.client().get("/").is_unavailable(), "{statement}");
        daemon.wait_for_trouble(&["type", "refused"]);
        let (_, kind) = statement.split_once(' ').expect("a statement has words");
        let kind = kind.split(' ').next().unwrap_or_default();
        run(&format!("alter {kind} headcount rename to aside")).expect(statement);
        daemon.wait_until_ready();
        assert_eq!(daemon.client().get("/").number(), Some(1), "{statement}");
    }
}

#[test]
fn what_is_no_count_is_not_counted_up_from() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    assert_eq!(daemon.client().get("/").number(), Some(1));
    // Past 2^53 the answer's readers would see numbers twice.
    let absurd = [("9007199254740990", "9007199254741092"), ("9223372036854775806", MAX)];
    for (taken, max) in absurd {
        postgres.sql(&format!("update headcount set taken = {taken}, max = {max}"));
        for _ in 0..3 {
            let answer = daemon.client().get("/");
            assert!(answer.is_unavailable(), "{taken} of {max}: {answer:?}");
        }
        assert_eq!(postgres.sql("select taken from headcount"), taken);
    }
}

#[test]
fn the_table_itself_keeps_the_count_within_its_limit() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    assert_eq!(daemon.client().get("/").number(), Some(1));
    for wrong in ["taken = max + 1", "taken = -1", "max = 0", "taken = null", "max = null"] {
        let update = format!("update headcount set {wrong}");
        let error = postgres.try_sql("postgres", &update).expect_err(wrong);
        assert!(error.contains("violates"), "{wrong}: {error}");
    }
    let twice = postgres.try_sql("postgres", "insert into headcount values ('default', 0, 1)");
    assert!(twice.is_err(), "a counter is one row");
    assert_eq!(postgres.counter("default"), Some((1, LIMIT)));
}

/// An ask of link 7 for two numbers, under this sequence number.
fn ask(postgres: &PostgresServer, sequence: u64) -> String {
    let types = "text, bigint, bigint, bigint, bigint, bigint";
    let execute = format!("execute take('default', 2, 7, {sequence}, 5, 0)");
    postgres.sql(&format!("prepare take({types}) as {TAKE}; {execute}"))
}

/// The same once more: what it is answered now, or if that is nothing, what it was before.
fn ask_again(postgres: &PostgresServer, sequence: u64) -> String {
    let now = ask(postgres, sequence);
    let types = "text, bigint, bigint, bigint";
    let execute = format!("execute answer('default', 7, {sequence}, 5)");
    let before = postgres.sql(&format!("prepare answer({types}) as {ANSWER}; {execute}"));
    let is_granted = now.split('|').nth(1) != Some("0");
    // Its last column says how many went to keys: none here.
    before
        .strip_suffix("|0")
        .map_or(now.clone(), |before| if is_granted { now } else { before.to_owned() })
}

#[test]
fn an_ask_that_comes_again_takes_nothing_more_even_while_the_first_is_under_way() {
    let postgres = PostgresServer::start();
    let counter = "insert into headcount (name, taken, max, epoch) values ('default', 0, 9, 5)";
    postgres.sql(&format!("{TABLE}; {counter}"));
    assert_eq!(ask(&postgres, 1), "1|0|9|5|0|2|1|0|0", "a link without a row is given nothing");
    postgres.sql("insert into headcount_answer (link, counter) values (7, 'default')");
    assert_eq!(ask_again(&postgres, 1), "1|2|9|5|1|2|0|0|0");
    assert_eq!(ask_again(&postgres, 1), "1|2|9|5|1|2|0|0|0", "the same answer");
    assert_eq!(ask(&postgres, 1), "3|0|9|5|1|2|1|0|0", "one that comes late is given nothing");
    let lock = "begin; select from headcount for update; select pg_sleep(600)";
    let holder = postgres.hold(lock);
    thread::scope(|scope| {
        let first = scope.spawn(|| ask(&postgres, 2));
        let waiting = "select count(*) from pg_locks where not granted";
        wait_until("the first to wait", || postgres.sql(waiting) == "1");
        let again = scope.spawn(|| ask_again(&postgres, 2));
        wait_until("both to wait", || postgres.sql(waiting) == "2");
        drop(holder);
        for answer in [first, again] {
            assert_eq!(answer.join().expect("psql ends well"), "3|2|9|5|1|2|0|0|0");
        }
    });
    postgres.sql("update headcount set epoch = 6, taken = 0, made = 'set'");
    assert_eq!(ask_again(&postgres, 2), "1|0|9|6|1|2|3|0|0", "an answer is of its epoch");
    postgres.sql("update headcount set epoch = 5, taken = 4");
    assert_eq!(postgres.counter("default"), Some((4, 9)));
}

/// Nor by a new connection, whose handshake would create a missing counter.
fn assert_not_begun_anew(postgres: &PostgresServer, daemon: &Daemon) {
    postgres.cut_sessions();
    let load = Load::start_gentle(daemon.address());
    load.wait_for_unavailable(100);
    assert_eq!(load.stop().numbers, [0; 0]);
}
