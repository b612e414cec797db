//! A counter with the limit 0 is closed, until its limit is raised in the store.

use std::time::{Duration, Instant};

use super::set;
use crate::support::daemon::Daemon;
use crate::support::store_server::KINDS;
use crate::support::wait::wait_until;

const CLOSED: &str = r#"{"Go":"away!","request_num":0}"#;

/// Within 50 ms, and what a busy machine may add.
const SEEN_MAX: Duration = Duration::from_millis(50 + 2_000);

fn start(arguments: &[&str]) -> Daemon {
    Daemon::start(&[&["--threads", "2", "--counter", "shoes"], arguments].concat())
}

fn assert_closed(daemon: &Daemon) {
    let mut client = daemon.client();
    for _ in 0..3 {
        let answer = client.get("/take/sale");
        assert_eq!((answer.status, &*answer.body), (200, CLOSED));
    }
    assert_eq!(
        client.get("/status/sale").body,
        r#"{"taken":0,"limit":0,"remaining":0,"halted":true}"#
    );
    assert_eq!(client.get("/readyz/sale").status, 200, "it works: nothing is left of it");
    assert_eq!(client.get("/readyz").body, r#"{"status":"ready"}"#);
}

#[test]
fn in_memory_a_counter_with_the_limit_0_is_closed() {
    let daemon = start(&["--counter", "sale=0"]);
    assert_closed(&daemon);
    assert_eq!(daemon.client().get("/take/shoes").number(), Some(1));
    let by_default = Daemon::start(&["--limit", "0", "--halted-status", "410"]);
    let answer = by_default.client().get("/");
    assert_eq!((answer.status, &*answer.body), (410, CLOSED));
}

#[test]
fn a_raised_limit_opens_a_closed_counter() {
    for server in KINDS.map(|kind| kind.start()) {
        let url = server.url();
        // A heartbeat reads one counter a second, in turn: behind so many it comes too late.
        let others: Vec<String> = (0..20).map(|number| format!("other-{number}")).collect();
        let mut arguments = vec!["--store", &url];
        arguments.extend(others.iter().flat_map(|name| ["--counter", name]));
        arguments.extend(["--counter", "sale=0"]);
        let daemons = [(); 2].map(|()| start(&arguments));
        daemons.iter().for_each(Daemon::wait_until_ready);
        daemons.iter().for_each(assert_closed);
        assert_eq!(server.counter("sale"), Some((0, 0)));
        set(&server, "sale", "limit", "1000");
        let start = Instant::now();
        for daemon in &daemons {
            // On connections of their own, so that every reactor is met.
            wait_until("it to be open", || {
                (0..20).all(|_| daemon.client().get("/take/sale").number().is_some())
            });
        }
        assert!(start.elapsed() < SEEN_MAX, "{:?}", start.elapsed());
    }
}
