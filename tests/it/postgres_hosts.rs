//! A PostgreSQL with several hosts: the one that may be written to is found, and found again.

use std::collections::BTreeSet;

use crate::support::daemon::{Daemon, run};
use crate::support::postgres_server::PostgresServer;
use crate::support::process::free_port;
use crate::support::wait::{wait_for, wait_until};

fn url(ports: &[u16]) -> String {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("postgres://{}", hosts.join(","))
}

#[test]
fn a_host_where_nobody_listens_is_passed_over() {
    let postgres = PostgresServer::start();
    let daemon = Daemon::start_with_store(&url(&[free_port(), postgres.port()]), &[]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(postgres.counter("default"), Some((1, 100)));
}

#[test]
fn a_host_that_may_not_be_written_to_is_passed_over() {
    let reading = PostgresServer::start_with("trust", &["default_transaction_read_only=on"]);
    let writing = PostgresServer::start();
    let daemon = Daemon::start_with_store(&url(&[reading.port(), writing.port()]), &[]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(writing.counter("default"), Some((1, 100)));
}

/// What a command says, if it went well.
fn said(url: &str, words: &[&str]) -> Vec<String> {
    let finished = run(&[words, &["--store", url]].concat(), &[]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(0), 0), "{words:?}: {finished:?}");
    finished.stdout
}

#[test]
fn the_commands_pass_over_a_standby_too() {
    let primary = PostgresServer::start();
    let standby = primary.start_standby();
    let url = url(&[standby.port(), primary.port()]);
    let made = said(&url, &["create", "sale", "--limit", "5"]);
    assert_eq!(made, ["counter sale created: 0 of 5 taken"]);
    let status = said(&url, &["status", "sale", "--json"]).concat();
    assert!(status.starts_with(r#"{"counter":"sale","taken":0,"limit":5,"#), "{status}");
    let reset = said(&url, &["reset", "sale", "--limit", "7", "--yes"]);
    assert_eq!(reset, ["counter sale reset: 0 of 5 taken before, 0 of 7 now"]);
    assert_eq!(primary.counter("sale"), Some((0, 7)));
}

#[test]
fn a_command_ends_when_all_hosts_are_read_only() {
    let reading = [(); 2]
        .map(|()| PostgresServer::start_with("trust", &["default_transaction_read_only=on"]));
    let url = url(&reading.each_ref().map(PostgresServer::port));
    let finished = run(&["create", "sale", "--limit", "5", "--store", &url], &[]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let place = format!("create: not done: readonly (127.0.0.1:{}: ", reading[1].port());
    assert!(finished.stderr.concat().contains(&place), "the last one was asked: {finished:?}");
}

#[test]
fn a_host_that_refuses_the_password_is_not_passed_over() {
    let refusing = PostgresServer::start_with("scram-sha-256", &[]);
    let trusting = PostgresServer::start();
    let daemon = Daemon::start(&["--store", &url(&[refusing.port(), trusting.port()])]);
    let line = daemon.last_error(&["authentication"]);
    let place = format!("127.0.0.1:{}: ", refusing.port());
    assert!(line["detail"].as_str().is_some_and(|it| it.starts_with(&place)), "{line}");
    assert!(daemon.client().get("/").is_unavailable());
    assert_eq!(trusting.sql("select to_regclass('headcount')"), "");
}

/// Each commit is on both before it is acknowledged, so nothing is lost with the primary.
#[test]
fn a_synchronous_standby_that_is_promoted_goes_on_with_the_count() {
    let mut primary = PostgresServer::start();
    let standby = primary.start_standby();
    primary.sql("alter system set synchronous_standby_names = 'standby'");
    primary.sql("select pg_reload_conf()");
    wait_until("the standby to be synchronous", || {
        primary.sql("select sync_state from pg_stat_replication") == "sync"
    });
    let url = url(&[primary.port(), standby.port()]);
    let daemon = Daemon::start_with_store(&url, &["--limit", "1000"]);
    let mut numbers = BTreeSet::new();
    let mut take = |count: u32| {
        for _ in 0..count {
            let number = wait_for("a number", || daemon.client().get("/").number());
            assert!(numbers.insert(number), "{number} came twice");
        }
        numbers.len() as u64
    };
    assert_eq!(take(50), 50);
    primary.kill();
    daemon.wait_for_trouble(&["unreachable", "readonly"]);
    standby.sql("select pg_promote()");
    assert_eq!(take(50), 100);
    assert_eq!(standby.counter("default"), Some((100, 1000)), "no gap, and none twice");
}
