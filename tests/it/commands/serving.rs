//! Changes while a process serves the counter: it follows, says so, and serves on.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::said;
use crate::support::daemon::Daemon;
use crate::support::load::Load;
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::wait_until;

/// How long a process may take to say what was changed.
const SAID_WITHIN: Duration = Duration::from_secs(2);

/// A process on a store of its own, with all of a limit of 3 taken.
fn start(server: &StoreServer) -> Daemon {
    let arguments = ["--threads", "1", "--limit", "3"];
    let daemon = Daemon::start_with_store(&server.url(), &arguments);
    wait_until("the halt", || daemon.client().get("/").is_halted());
    daemon
}

/// Runs a command, and gives the line of the process that takes note of it. Clients ask all the
/// time: a store that does not tell of changes is asked for them.
fn line_after(daemon: &Daemon, server: &StoreServer, words: &[&str], msg: &str) -> Value {
    let before = Instant::now();
    said(&server.url(), words);
    wait_until(msg, || {
        let status = daemon.client().get("/status").status;
        status == 200 && daemon.output().contains(&format!("\"msg\":\"{msg}\""))
    });
    let line = daemon.wait_for_log(msg, |line| line["msg"] == msg);
    assert!(before.elapsed() < SAID_WITHIN, "{msg} after {:?}", before.elapsed());
    assert_eq!(line["counter"], "default", "{line}");
    line
}

#[test]
fn a_limit_that_is_raised_or_lowered_is_followed_in_the_same_epoch() {
    for kind in KINDS {
        let server = kind.start();
        let daemon = start(&server);
        let epoch = server.epoch();
        let set = ["set", "default", "--limit", "5"];
        let line = line_after(&daemon, &server, &set, "limit changed");
        assert_eq!((&line["limit"], &line["limit_before"]), (&5.into(), &3.into()), "{line}");
        wait_until("the next number", || daemon.client().get("/").number() == Some(4));
        assert_eq!(daemon.client().get("/").number(), Some(5));
        assert!(daemon.client().get("/").is_halted());
        said(&server.url(), &["set", "default", "--limit", "1"]);
        wait_until("the lowered limit", || {
            server.counter("default") == Some((5, 5)) && daemon.client().get("/").is_halted()
        });
        assert_eq!(server.epoch(), epoch);
    }
}

/// Nobody asks the process anything: a store that tells of changes tells of this one.
#[test]
fn a_redis_tells_of_a_changed_limit() {
    let server = KINDS[0].start();
    let daemon = start(&server);
    said(&server.url(), &["set", "default", "--limit", "4"]);
    let line = daemon.wait_for_log("the change", |line| line["msg"] == "limit changed");
    assert_eq!((&line["counter"], &line["limit"]), (&"default".into(), &4.into()), "{line}");
}

#[test]
fn a_set_and_a_reset_are_followed_into_their_epochs() {
    for kind in KINDS {
        let server = kind.start();
        let daemon = start(&server);
        let set = ["set", "default", "--taken", "7", "--limit", "9"];
        let line = line_after(&daemon, &server, &set, "count set");
        assert_eq!((&line["taken"], &line["taken_before"]), (&7.into(), &3.into()), "{line}");
        wait_until("the next number", || daemon.client().get("/").number() == Some(8));
        let reset = ["reset", "default", "--yes"];
        let line = line_after(&daemon, &server, &reset, "counter reset");
        assert_eq!((&line["taken"], &line["limit"]), (&0.into(), &9.into()), "{line}");
        wait_until("a new beginning", || daemon.client().get("/").number() == Some(1));
    }
}

/// `--create never` waits for it.
#[test]
fn a_process_serves_a_counter_that_is_created_for_it() {
    for kind in KINDS {
        let server = kind.start();
        said(&server.url(), &["create", "other", "--limit", "1"]);
        let arguments = ["--store", &server.url(), "--create", "never", "--threads", "1"];
        let daemon = Daemon::start(&arguments);
        daemon.last_error(&["missing"]);
        said(&server.url(), &["create", "default", "--limit", "2"]);
        wait_until("the first number", || daemon.client().get("/").number() == Some(1));
    }
}

/// While takes are under way: the store never holds more taken than the limit.
#[test]
fn a_limit_below_what_is_taken_closes_at_what_is_taken_under_load() {
    for kind in KINDS {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), &["--limit", "1000000"]);
        let load = Load::start_gentle(daemon.address());
        load.wait_for_numbers(50);
        said(&server.url(), &["set", "default", "--limit", "1"]);
        let (taken, limit) = server.counter("default").expect("it is there");
        assert!(taken >= 50 && limit == taken, "{kind:?}: {taken} of {limit}");
        wait_until("the halt", || daemon.client().get("/").is_halted());
        load.stop().assert_sound(limit);
        assert_eq!(server.counter("default"), Some((taken, limit)), "{kind:?}");
    }
}
