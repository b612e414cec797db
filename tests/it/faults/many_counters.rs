//! Faults of one counter, or of many, beside others that are well.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, run};
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::RedisServer;

/// An operator's transaction locks twenty counters: the others must go on.
#[test]
fn many_locked_counters_do_not_fail_another() {
    let postgres = PostgresServer::start();
    let url = postgres.url();
    let mut arguments = vec!["--store".to_owned(), url, "--threads".to_owned(), "1".to_owned()];
    arguments.extend(["--counter".to_owned(), "zz=1000".to_owned()]);
    for number in 0..20 {
        arguments.extend(["--counter".to_owned(), format!("locked{number}=1000")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let daemon = Daemon::start(&arguments);
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/take/zz").status, 200);
    let _session = postgres.hold(
        "begin; select from headcount where name like 'locked%' for update; select pg_sleep(20)",
    );
    // One wake: one client of each.
    let mut clients: Vec<_> = (0..20).map(|_| daemon.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let head = format!("GET /take/locked{number} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send(head.as_bytes());
    }
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let start = Instant::now();
        let status = daemon.client().get("/take/zz").status;
        statuses.push((status, start.elapsed().as_millis()));
    }
    assert!(statuses.iter().all(|(status, _)| *status == 200), "{statuses:?}");
}

/// A limit is set while a reset waits for the row: the reset runs behind it, and keeps the limit.
/// The reset must wait less than its statement timeout: else it is run anew, and reads anew.
#[test]
fn a_reset_does_not_undo_a_limit_that_was_set_before_it() {
    let postgres = PostgresServer::start();
    let url = postgres.url();
    for _ in 0..10 {
        postgres.sql("drop table if exists headcount, headcount_answer");
        let done = run(&["create", "sale", "--limit", "100", "--store", &url], &[]);
        assert_eq!(done.code, Some(0), "{done:?}");
        // As limit.sql does.
        let session = postgres.hold(
            "begin; update headcount set max = greatest(5, taken), token = 'other' \
             where name = 'sale'; select pg_sleep(0.8); commit; select pg_sleep(0)",
        );
        let done = run(&["reset", "sale", "--yes", "--store", &url], &[]);
        drop(session);
        assert_eq!(postgres.counter("sale"), Some((0, 5)), "{done:?}");
    }
}

/// The name of a counter in the store is shown on a terminal.
#[test]
fn odd_names_are_escaped_in_a_status() {
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    let epoch = "5";
    let key = "headcount:{evil\x1b[31m\nname\u{202e}}";
    let fields = [
        "version", "2", "taken", "1", "limit", "9", "epoch", epoch, "made", "created", "sale", "5",
    ];
    let words: Vec<&str> = ["HSET", key].into_iter().chain(fields).collect();
    let _: i64 = redis.command(&words);
    let done = run(&["status", "--store", &url], &[]);
    let out = format!("{done:?}");
    let shown = done.stdout.join("\n") + &done.stderr.join("\n");
    assert!(!shown.contains('\x1b') && !shown.contains('\u{202e}'), "{out}");
    let done = run(&["status", "--json", "--store", &url], &[]);
    let shown = done.stdout.join("\n") + &done.stderr.join("\n");
    assert!(!shown.contains('\x1b'), "{done:?}");
}

/// What one counter of two is given while another process takes from it without a rest.
/// Once it has waited too long it is tried with NOWAIT alone, and never comes to its turn.
#[test]
fn a_counter_that_is_alone_is_not_starved_by_another_process() {
    use crate::support::load::{Load, Plan};
    let postgres = PostgresServer::start();
    let url = postgres.url();
    let counters = ["--counter", "shoes=1000000", "--counter", "hats=1000"];
    let mut arguments = vec!["--store", url.as_str(), "--threads", "1"];
    arguments.extend(counters);
    let (busy, other) = (Daemon::start(&arguments), Daemon::start(&arguments));
    busy.wait_until_ready();
    other.wait_until_ready();
    // Both wait for more than 50 ms once: only the second is asked then, and so is alone.
    let session = postgres
        .hold("begin; select from headcount where name = 'shoes' for update; select pg_sleep(9)");
    let _ = other.client().get("/take/shoes");
    drop(session);
    let addresses = &[busy.address()];
    let load = Load::start(&Plan {
        addresses,
        connections: 32,
        depth: 1,
        requests: u64::MAX,
        pause: Duration::ZERO,
    });
    load.wait_for_numbers(200);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let status = other.client().get("/take/shoes").status;
        statuses.push((status, start.elapsed().as_millis()));
    }
    let tally = load.stop();
    let failed = statuses.iter().filter(|(status, _)| *status != 200).count();
    assert_eq!(failed, 0, "{statuses:?}; the other had {}", tally.numbers.len());
}

/// A take of a counter that is refused, pipelined behind another's: refused at once.
#[test]
fn a_pipelined_take_of_a_refused_counter_is_refused_at_once() {
    let redis = RedisServer::start(&[]);
    let _: i64 = redis.command(&["RPUSH", "headcount:{hats}", "x"]);
    let url = redis.url();
    let arguments = ["--store", &url, "--threads", "1", "--store-timeout", "30s"];
    let arguments = [&arguments[..], &["--counter", "shoes", "--counter", "hats"]].concat();
    let daemon = Daemon::start(&arguments);
    daemon.wait_until_ready();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let mut client = daemon.client();
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /take/hats HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.receive().status, 200);
        let start = Instant::now();
        assert_eq!(client.receive().status, 503);
        waits.push(start.elapsed().as_millis());
        thread::sleep(Duration::from_millis(30));
    }
    assert!(waits.iter().all(|wait| *wait < 15_000), "none waited for its timeout: {waits:?}");
}

/// Errors included: a cache could keep a 404 of a counter that is served a moment later (RFC 9110,
/// section 15.1).
#[test]
fn every_answer_says_no_store() {
    let daemon = Daemon::start(&["--threads", "1"]);
    let mut without = Vec::new();
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/take/soon"),
        ("GET", "/nowhere"),
        ("DELETE", "/"),
        ("OPTIONS", "/"),
        ("FOO", "/"),
        ("GET", "/a#b"),
    ] {
        let answer = daemon.client().request(method, target);
        if answer.field("cache-control") != Some("no-store") {
            without.push((method, target, answer.status));
        }
    }
    assert!(without.is_empty(), "{without:?}");
}

/// The line of a number handed out names its counter (DESIGN 1, Logs).
#[test]
fn the_line_of_a_number_names_its_counter() {
    let daemon = Daemon::start(&["--counter", "shoes", "--counter", "hats"]);
    assert_eq!(daemon.client().get("/take/hats").number(), Some(1));
    let line = daemon.wait_for_log("number taken", |line| line["msg"] == "number taken");
    assert_eq!(line["counter"], "hats", "{line}");
}

/// One row is damaged by hand (a table without our checks): the counter is refused, and the others
/// go on.
#[test]
fn a_damaged_row_does_not_end_the_connection() {
    let postgres = PostgresServer::start();
    let url = postgres.url();
    let arguments = ["--store", &url, "--threads", "1", "--counter", "shoes", "--counter", "hats"];
    let mut daemon = Daemon::start(&arguments);
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/take/hats").number(), Some(1));
    postgres.sql("update headcount set epoch = -5 where name = 'hats'");
    assert_eq!(daemon.client().get("/take/hats").status, 503);
    assert_eq!(daemon.client().get("/take/shoes").status, 200, "while it runs");
    daemon.stop();
    let daemon = Daemon::start(&arguments);
    thread::sleep(Duration::from_secs(1));
    let statuses: Vec<u16> = (0..6).map(|_| daemon.client().get("/take/shoes").status).collect();
    assert_eq!(statuses, [200; 6], "after a start");
}

/// The same with a damaged hash in Redis.
#[test]
fn a_damaged_hash_does_not_end_the_connection() {
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    let arguments = ["--store", &url, "--threads", "1", "--counter", "shoes", "--counter", "hats"];
    let daemon = Daemon::start(&arguments);
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/take/hats").number(), Some(1));
    let key = "headcount:{hats}";
    let rows: [&[&str]; 7] = [
        &["HSET", key, "epoch", "0"],
        &["HSET", key, "floor", "9007199254740993 1"],
        &["HSET", key, "taken", "9007199254740991", "limit", "9007199254740991"],
        &["HSET", key, "links", "x", "swept", "y"],
        &["HSET", key, "made", "\u{0}"],
        &["HSET", key, "version", "3\r\n-ERR"],
        &["HSET", key, "limit", "9007199254740992"],
    ];
    for row in rows {
        let _ = redis.try_command(row);
        let hats = daemon.client().get("/take/hats").status;
        for _ in 0..3 {
            let shoes = daemon.client().get("/take/shoes").status;
            assert_eq!(shoes, 200, "{row:?}: hats {hats}");
        }
        let _ = redis.try_command(&["HSET", key, "version", "2", "taken", "1", "limit", "100"]);
        let _ = redis.try_command(&["HDEL", key, "floor", "links", "swept"]);
        let _ = redis.try_command(&["HSET", key, "made", "created"]);
    }
}
