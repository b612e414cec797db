//! A count that goes backwards, or is gone: nothing is handed out again, and a reset is followed.

use crate::support::daemon::{Daemon, run};
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::wait_until;

/// One reactor, so that the first answer tells of what every later one will.
const ONE_THREAD: &[&str] = &["--threads", "1"];

fn take(daemon: &Daemon, count: u64) -> Vec<Option<u64>> {
    (0..count).map(|_| daemon.client().get("/").number()).collect()
}

fn reset(server: &StoreServer, limit: &str) {
    let url = server.url();
    let arguments = ["reset", "default", "--yes", "--store", &url, "--limit", limit];
    let output = run(&arguments, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn an_older_count_is_refused_until_the_newer_is_back() {
    for server in KINDS.map(|kind| kind.start()) {
        let daemon = Daemon::start_with_store(&server.url(), &["--threads", "2"]);
        take(&daemon, 20);
        server.set("taken", 5);
        for _ in 0..10 {
            assert!(daemon.client().get("/").is_unavailable());
        }
        daemon.wait_for_trouble(&["backwards"]);
        assert_eq!(server.counter("default"), Some((5, 100)), "nothing is taken meanwhile");
        server.set("taken", 30);
        wait_until("service again", || daemon.client().get("/").number().is_some());
        assert!(daemon.client().get("/").number() > Some(31));
    }
}

#[test]
fn a_reset_is_followed_by_every_running_process() {
    for server in KINDS.map(|kind| kind.start()) {
        let daemons = [(); 2].map(|()| Daemon::start_with_store(&server.url(), ONE_THREAD));
        for daemon in &daemons {
            take(daemon, 10);
        }
        reset(&server, "7");
        assert_eq!(take(&daemons[0], 2), [Some(1), Some(2)]);
        assert_eq!(take(&daemons[1], 2), [Some(3), Some(4)]);
        assert_eq!(daemons[0].taken(), 4);
        assert_eq!(server.counter("default"), Some((4, 7)));
    }
}

#[test]
fn a_counter_that_is_gone_comes_back_by_a_reset_and_not_by_itself() {
    for server in KINDS.map(|kind| kind.start()) {
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        take(&daemon, 3);
        server.delete_counter();
        assert!(daemon.client().get("/").is_unavailable());
        daemon.wait_for_trouble(&["missing"]);
        reset(&server, "50");
        assert_eq!(take(&daemon, 2), [Some(1), Some(2)]);
    }
}

#[test]
fn a_backup_from_before_a_reset_is_refused() {
    for server in KINDS.map(|kind| kind.start()) {
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        take(&daemon, 3);
        let backup = server.epoch();
        reset(&server, "50");
        assert_eq!(take(&daemon, 1), [Some(1)]);
        server.set_epoch(backup);
        server.set("taken", 40);
        assert!(daemon.client().get("/").is_unavailable());
        daemon.wait_for_trouble(&["backwards"]);
    }
}

/// A counter that a reset creates begins like any other.
#[test]
fn a_reset_creates_what_is_missing() {
    for server in KINDS.map(|kind| kind.start()) {
        reset(&server, "3");
        assert_eq!(server.counter("default"), Some((0, 3)));
        reset(&server, "4");
        assert_eq!(server.counter("default"), Some((0, 4)));
    }
}

#[test]
fn a_reset_that_cannot_be_done_says_why() {
    let memory = run(&["reset", "default", "--yes"], &[]);
    assert_eq!(memory.code, Some(1));
    assert!(memory.stderr.concat().contains("memory:"), "{memory:?}");
}
