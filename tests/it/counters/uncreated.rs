//! `--create never`: a counter that the store does not have is refused, and nothing is created.

use super::{reason, set};
use crate::support::daemon::Daemon;
use crate::support::redis_server::counter_key;
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::wait_until;

const COUNTERS: &[&str] = &["--threads", "2", "--counter", "shoes=7", "--counter", "hats=7"];
const NEVER: &[&str] = &["--create", "never"];

/// Whether the store has anything of this counter.
fn is_there(server: &StoreServer, name: &str) -> bool {
    match server {
        StoreServer::Redis(redis) => redis.command::<u64>(&["EXISTS", &counter_key(name)]) == 1,
        StoreServer::Postgres(postgres) => {
            let there = "select to_regclass('headcount') is not null";
            postgres.sql(there) == "t" && server.counter(name).is_some()
        }
    }
}

#[test]
fn a_counter_that_is_not_created_is_missing_until_somebody_does() {
    for server in KINDS.map(|kind| kind.start()) {
        let url = server.url();
        // The table of PostgreSQL, and one of the two counters.
        let first = Daemon::start_with_store(&url, &["--counter", "shoes=7"]);
        assert_eq!(first.client().get("/").number(), Some(1));
        let daemon = Daemon::start_with_store(&url, &[COUNTERS, NEVER].concat());
        assert_eq!(daemon.client().get("/take/shoes").number(), Some(2));
        for _ in 0..10 {
            assert!(daemon.client().get("/take/hats").is_unavailable());
            assert_eq!(daemon.client().get("/status/hats").status, 503);
            assert_eq!(reason(&daemon, "hats"), "missing");
        }
        assert_eq!(daemon.client().get("/readyz").status, 200);
        daemon.wait_for_trouble(&["missing"]);
        assert!(!is_there(&server, "hats"), "it was created");
        // Now by a process that may, with a limit of its own.
        let arguments = ["--create", "missing", "--counter", "hats=9"];
        let creating = Daemon::start_with_store(&url, &arguments);
        assert_eq!(creating.client().get("/take/hats").number(), Some(1));
        wait_until("it to be served", || daemon.client().get("/take/hats").number().is_some());
        wait_until("every reactor to serve it", || {
            (0..20).all(|_| reason(&daemon, "hats").is_empty())
        });
        set(&server, "hats", "limit", "1000");
        assert_eq!(daemon.client().get("/status/hats").json()["taken"], 2);
    }
}

#[test]
fn a_process_whose_counters_are_all_missing_is_not_ready() {
    for server in KINDS.map(|kind| kind.start()) {
        let url = server.url();
        let daemon = Daemon::start(
            &[&["--store", &url, "--store-timeout", "200"], COUNTERS, NEVER].concat(),
        );
        let is_missing = |name| reason(&daemon, name) == "missing";
        // On PostgreSQL the table itself is missing.
        wait_until("both to be missing", || is_missing("shoes") && is_missing("hats"));
        wait_until("the process to say so", || {
            let mut client = daemon.client();
            ["shoes", "hats"].iter().for_each(|name| drop(client.get(&format!("/take/{name}"))));
            let answer = client.get("/readyz");
            answer.status == 503 && answer.json()["error"] == "missing"
        });
        assert!(!is_there(&server, "shoes") && !is_there(&server, "hats"));
    }
}
