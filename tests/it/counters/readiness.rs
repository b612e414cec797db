//! `/readyz` of a process with several counters, though nobody takes from any of them: whether the
//! store takes writes.

use super::{arguments, names};
use crate::support::daemon::Daemon;
use crate::support::postgres_server::PostgresServer;
use crate::support::process::free_port;
use crate::support::redis_server::RedisServer;
use crate::support::wait::wait_until;

const READY: &str = r#"{"status":"ready"}"#;

/// With a short store timeout: while there is no connection `/readyz` waits for it.
fn start(url: &str) -> Daemon {
    let timeout = ["--store-timeout", "300"];
    Daemon::start_with_store(url, &[&arguments(&names(), "1000", "2")[..], &timeout].concat())
}

/// Waits until every reactor says so, of the process and of one of its counters.
fn wait_until_it_is(daemon: &Daemon, status: u16, body: &str) {
    for path in ["/readyz", "/readyz/hats"] {
        wait_until(&format!("{path}: {status} {body}"), || {
            (0..20).all(|_| {
                let answer = daemon.client().get(path);
                answer.status == status && answer.body == body
            })
        });
    }
}

fn wait_until_unready(daemon: &Daemon, reason: &str) {
    wait_until_it_is(daemon, 503, &format!(r#"{{"error":"{reason}"}}"#));
    let answer = daemon.client().get("/readyz");
    assert_eq!(answer.field("Cache-Control"), Some("no-store"));
    assert_eq!(answer.field("Retry-After"), Some("1"));
    assert_eq!(daemon.client().get("/livez").status, 200, "it is not the process");
}

#[test]
fn in_memory_a_process_is_ready() {
    let daemon = Daemon::start(&arguments(&names(), "1", "2"));
    wait_until_it_is(&daemon, 200, READY);
    assert_eq!(daemon.client().get("/take/hats").number(), Some(1));
    assert!(daemon.client().get("/take/hats").is_halted());
    wait_until_it_is(&daemon, 200, READY);
    assert_eq!(daemon.client().get("/readyz/hats").status, 200);
}

#[test]
fn a_redis_out_of_memory_makes_it_unready_though_it_can_be_read() {
    let redis = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let daemon = start(&redis.url());
    let () = redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    wait_until_unready(&daemon, "memory");
    wait_until("a read", || daemon.client().get("/status/hats").status == 200);
    let () = redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    wait_until_it_is(&daemon, 200, READY);
    wait_until("a number", || daemon.client().get("/take/hats").number().is_some());
}

#[test]
fn a_redis_that_became_a_replica_makes_it_unready() {
    let redis = RedisServer::start(&[]);
    let daemon = start(&redis.url());
    let () = redis.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    wait_until_unready(&daemon, "readonly");
    let () = redis.command(&["REPLICAOF", "NO", "ONE"]);
    wait_until_it_is(&daemon, 200, READY);
    wait_until("a number", || daemon.client().get("/take/hats").number().is_some());
}

#[test]
fn a_postgres_that_only_reads_makes_it_unready() {
    let postgres = PostgresServer::start();
    let daemon = start(&postgres.url());
    postgres.sql("alter system set default_transaction_read_only = on; select pg_reload_conf()");
    wait_until_unready(&daemon, "readonly");
    postgres.sql(
        "set default_transaction_read_only = off; \
         alter system reset default_transaction_read_only; select pg_reload_conf()",
    );
    wait_until_it_is(&daemon, 200, READY);
    wait_until("a number", || daemon.client().get("/take/hats").number().is_some());
}

/// A request that has begun is still answered; so the process is asked with one whose last bytes
/// come once it has said that it stops.
#[test]
fn a_process_that_is_stopping_says_that_it_is_draining() {
    let mut daemon = Daemon::start(&arguments(&names(), "1000", "1"));
    let begin = |target: &str| {
        let mut client = daemon.client();
        client.get("/livez"); // It is accepted, and so will not be lost with the listener.
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n").as_bytes());
        client
    };
    let mut clients = ["/readyz", "/readyz/hats", "/take/hats"].map(begin);
    // Whatever was sent before has been read once a later connection is answered.
    assert_eq!(daemon.client().get("/livez").status, 200);
    daemon.signal("TERM");
    daemon.wait_for_log("that it stops", |line| {
        line["msg"].as_str().is_some_and(|msg| msg.contains("stop") || msg.contains("drain"))
    });
    wait_until("the listener to be closed", || {
        std::net::TcpStream::connect(daemon.address()).is_err()
    });
    clients.iter_mut().for_each(|client| client.send(b"\r\n"));
    let [ready, of_counter, take] = clients.each_mut().map(|client| client.receive());
    assert_eq!((ready.status, &*ready.body), (503, r#"{"error":"draining"}"#));
    assert_eq!(of_counter.status, 200, "{of_counter:?}");
    assert_eq!(take.number(), Some(1), "takes are still served");
    assert_eq!(take.field("Connection"), Some("close"));
    assert_eq!(daemon.wait_for_exit().code(), Some(0));
}
