//! What `/readyz` makes of faults: it is 200 if takes work, and becomes so by itself.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, run};
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::RedisServer;

fn ready_within(daemon: &Daemon, time: Duration) -> String {
    let start = Instant::now();
    loop {
        let answer = daemon.client().get("/readyz");
        let body = format!("{} {:?}", answer.status, answer.json());
        if answer.status == 200 || start.elapsed() > time {
            return body;
        }
        thread::sleep(Duration::from_millis(250));
    }
}

/// A take finds the row gone; the operator resets the counter; nobody takes, since the process is
/// out of service for its /readyz.
#[test]
fn readyz_recovers_by_itself_from_a_missing_row() {
    let postgres = PostgresServer::start();
    let daemon = Daemon::start(&["--store", &postgres.url(), "--threads", "1"]);
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/").number(), Some(1));
    postgres.sql("delete from headcount");
    assert_eq!(daemon.client().get("/").status, 503);
    assert_eq!(daemon.client().get("/readyz").status, 503);
    let url = postgres.url();
    let done = run(&["reset", "default", "--yes", "--limit", "100", "--store", &url], &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let body = ready_within(&daemon, Duration::from_secs(5));
    assert!(body.starts_with("200"), "{body}");
}

/// Many counters are missing, one is there.
fn many_missing(url: &str, create: impl FnOnce()) {
    create();
    let mut arguments = vec!["--store".to_owned(), url.to_owned()];
    arguments
        .extend(["--create", "never", "--threads", "1", "--counter", "sale"].map(String::from));
    for number in 0..999 {
        arguments.extend(["--counter".to_owned(), format!("gone{number}")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let daemon = Daemon::start(&arguments);
    let start = Instant::now();
    while daemon.client().get("/").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    let mut bodies = Vec::new();
    for _ in 0..10 {
        let answer = daemon.client().get("/readyz");
        bodies.push(answer.status);
        thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(bodies[5..], [200; 5], "{bodies:?}");
}

#[test]
fn readyz_with_many_missing_counters_postgres() {
    let postgres = PostgresServer::start();
    let url = postgres.url();
    many_missing(&url, || {
        let done = run(&["create", "sale", "--limit", "50", "--store", &url], &[]);
        assert_eq!(done.code, Some(0), "{done:?}");
    });
}

#[test]
fn readyz_with_many_missing_counters_redis() {
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    many_missing(&url, || {
        let done = run(&["create", "sale", "--limit", "50", "--store", &url], &[]);
        assert_eq!(done.code, Some(0), "{done:?}");
    });
}

/// Pipelined behind a take, on memory: the answer is there at once.
#[test]
fn readyz_pipelined_behind_a_take_is_answered() {
    let daemon = Daemon::start(&["--threads", "1"]);
    let mut client = daemon.client();
    let start = Instant::now();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.receive().status, 200);
    let answer = client.receive();
    assert_eq!(answer.status, 200, "{:?} after {:?}", answer.json(), start.elapsed());
}

/// The user may not touch the key of the counter.
#[test]
fn readyz_is_not_200_while_takes_are_forbidden() {
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    let done = run(&["create", "default", "--limit", "50", "--store", &url], &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let _: String =
        redis.command(&["ACL", "SETUSER", "app", "on", ">pw", "~headcount:{other}", "+@all"]);
    let address = url.trim_start_matches("redis://").to_owned();
    let url = format!("redis://app:pw@{address}");
    let daemon = Daemon::start_with(&["--threads", "1"], &[("HEADCOUNT_STORE", &url)]);
    thread::sleep(Duration::from_secs(1));
    let take = daemon.client().get("/").status;
    let ready = daemon.client().get("/readyz");
    assert_eq!((take, ready.status), (503, 503), "{:?}", ready.json());
}

/// A trigger refuses to write one counter: the process stays ready, for the other is well.
#[test]
fn a_counter_with_an_error_of_its_own_does_not_make_the_process_unready() {
    let postgres = PostgresServer::start();
    let url = postgres.url();
    let arguments = ["--store", &url, "--threads", "1", "--counter", "shoes", "--counter", "hats"];
    let daemon = Daemon::start(&arguments);
    daemon.wait_until_ready();
    postgres.sql(
        "create function refuse() returns trigger language plpgsql as \
         $$ begin raise exception 'not this one'; end $$; \
         create trigger refuse before update on headcount for each row \
         when (new.name = 'hats') execute function refuse()",
    );
    let mut seen = Vec::new();
    for _ in 0..5 {
        let hats = daemon.client().get("/take/hats").status;
        let ready = daemon.client().get("/readyz");
        let shoes = daemon.client().get("/take/shoes").status;
        seen.push((hats, ready.status, ready.json().to_string(), shoes));
    }
    assert!(seen.iter().all(|(_, ready, _, _)| *ready == 200), "{seen:?}");
}

/// A master is demoted, as by a failover without CLIENT KILL, and its address (a proxy here) leads
/// to the new one from then on. Nobody takes, for /readyz is 503: it must become 200 by itself.
#[test]
fn readyz_finds_the_new_primary_by_itself() {
    use crate::support::proxy::{Fault, Proxy};
    use crate::support::store_server::Kind;
    let options = ["--repl-diskless-sync-delay", "0"];
    let (old, new) = (RedisServer::start(&options), RedisServer::start(&options));
    let proxy = Proxy::start(Kind::Redis, old.port(), Fault::None);
    let daemon = Daemon::start(&["--store", &proxy.url(), "--threads", "1"]);
    daemon.wait_until_ready();
    let port = new.port().to_string();
    let _: String = new.command(&["REPLICAOF", "127.0.0.1", &old.port().to_string()]);
    crate::support::wait::wait_until("the replica", || new.counter("default").is_some());
    let _: String = new.command(&["REPLICAOF", "NO", "ONE"]);
    let _: String = old.command(&["REPLICAOF", "127.0.0.1", &port]);
    proxy.lead_to(new.port());
    thread::sleep(Duration::from_millis(1_500)); // The last write is no proof any more.
    let body = ready_within(&daemon, Duration::from_secs(8));
    let taken = daemon.client().get("/").status;
    let after = ready_within(&daemon, Duration::from_secs(5));
    assert!(body.starts_with("200"), "{body}; then a take: {taken}, and behind it {after}");
}
