//! Changes by those who know the token: in every store, and followed by every process.

use serde_json::json;

use super::Admin;
use crate::support::daemon::{Daemon, run};
use crate::support::store_file::StoreFile;
use crate::support::store_server::KINDS;
use crate::support::wait::wait_until;

const NOT_CONFIRMED: &str = "change at the admin listener not confirmed";
const CHANGED: &str = "counter changed at the admin listener";

/// A program on each store, and what the store is called.
fn each_store(check: impl Fn(&Admin, &str)) {
    let servers = KINDS.map(|kind| kind.start());
    let file = StoreFile::create();
    let others = ["memory:".to_owned(), file.url()];
    let urls = servers.iter().map(|server| server.url()).chain(others);
    for url in urls {
        check(&Admin::start(&url, &["--counter", "shoes=5", "--counter", "hats=5"]), &url);
    }
}

#[test]
fn a_limit_is_raised_and_closed_at_what_is_taken() {
    each_store(|admin, url| {
        for _ in 0..3 {
            assert!(admin.daemon.client().get("/").number().is_some());
        }
        let answer = admin.change("PUT /counters/shoes", r#"{"limit":9}"#);
        let expected = json!({"counter": "shoes", "before": {"taken": 3, "limit": 5},
            "after": {"taken": 3, "limit": 9}});
        assert_eq!((answer.status, answer.json()), (200, expected), "{url}");
        assert_eq!(admin.get("/counters/shoes").json()["limit"], 9, "{url}");
        let line = admin.daemon.wait_for_log("the change", |line| line["msg"] == CHANGED);
        assert_eq!((&line["counter"], &line["change"]), (&json!("shoes"), &json!("set")));
        assert_eq!((&line["limit_before"], &line["limit"]), (&json!(5), &json!(9)));
        assert!(line["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")));
        let closed = admin.change("PUT /counters/shoes", r#"{"limit":0}"#);
        assert_eq!(closed.json()["after"], json!({"taken": 3, "limit": 3}), "{url}");
        wait_until("the halt", || admin.daemon.client().get("/").is_halted());
        let hats = admin.get("/counters/hats").json();
        assert_eq!((&hats["taken"], &hats["limit"]), (&json!(0), &json!(5)), "{url}");
    });
}

#[test]
fn a_raised_limit_is_known_to_every_thread_of_the_process() {
    let file = StoreFile::create();
    let admin = Admin::start(&file.url(), &["--counter", "shoes=1", "--threads", "4"]);
    // Of many connections each thread has some, and each of them has seen the halt.
    let mut clients: Vec<_> = (0..32).map(|_| admin.daemon.client()).collect();
    clients.iter_mut().for_each(|client| drop(client.get("/")));
    assert!(clients.iter_mut().all(|client| client.get("/").is_halted()));
    assert_eq!(admin.change("PUT /counters/shoes", r#"{"limit":1000}"#).status, 200);
    for client in &mut clients {
        wait_until("a number", || client.get("/").number().is_some());
    }
}

#[test]
fn a_count_is_set_and_begins_an_epoch() {
    each_store(|admin, url| {
        let epoch = admin.epoch("shoes");
        let answer = admin.change("PUT /counters/shoes", r#"{"taken":4}"#);
        assert_eq!(answer.json()["after"], json!({"taken": 4, "limit": 5}), "{url}");
        assert_eq!(admin.daemon.client().get("/").number(), Some(5), "{url}");
        let answer = admin.change("PUT /counters/shoes", r#"{"taken":7,"limit":8}"#);
        assert_eq!(answer.json()["after"], json!({"taken": 7, "limit": 8}), "{url}");
        // A thread that has not heard of it yet says that the last number is taken.
        wait_until("number 8", || admin.daemon.client().get("/").number() == Some(8));
        assert!(admin.epoch("shoes") > epoch);
        assert_eq!(admin.get("/counters/shoes").json()["made"], "set", "{url}");
        let again = admin.change("PUT /counters/shoes", r#"{"taken":7}"#);
        assert_eq!(again.status, 409, "{url}: {again:?}");
        assert!(again.body.contains("8 are taken already"), "{url}: {again:?}");
        let refused = admin.change("PUT /counters/shoes", r#"{"taken":9}"#);
        assert_eq!(refused.status, 409, "{url}: {refused:?}");
        assert!(refused.body.contains("the limit is 8"), "{url}: {refused:?}");
    });
}

#[test]
fn a_reset_runs_in_the_epoch_that_was_shown_and_no_other() {
    each_store(|admin, url| {
        let epoch = admin.epoch("shoes");
        for number in 1..=5 {
            assert_eq!(admin.daemon.client().get("/").number(), Some(number), "{url}");
        }
        assert!(admin.daemon.client().get("/").is_halted());
        let body = format!(r#"{{"epoch":{epoch},"limit":7}}"#);
        let answer = admin.change("POST /counters/shoes/reset", &body);
        let expected = json!({"counter": "shoes", "before": {"taken": 5, "limit": 5},
            "after": {"taken": 0, "limit": 7}});
        assert_eq!((answer.status, answer.json()), (200, expected), "{url}");
        wait_until("number 1", || admin.daemon.client().get("/").number() == Some(1));
        let again = admin.change("POST /counters/shoes/reset", &body);
        let now = admin.epoch("shoes");
        assert_eq!((again.status, &again.json()["epoch"]), (409, &json!(now)), "{url}: {again:?}");
        wait_until("number 2", || admin.daemon.client().get("/").number() == Some(2));
        assert_eq!(admin.get("/counters/shoes").json()["made"], "reset", "{url}");
        let resets = "\nheadcount_counter_resets_total{counter=\"shoes\"} 1\n";
        assert!(admin.get("/metrics").body.contains(resets), "{url}");
    });
}

#[test]
fn other_processes_follow_and_log_what_they_see() {
    for kind in KINDS {
        let server = kind.start();
        let admin = Admin::start(&server.url(), &["--counter", "shoes=1"]);
        let other = Daemon::start_with_store(&server.url(), &["--counter", "shoes=1"]);
        assert_eq!(other.client().get("/").number(), Some(1));
        assert!(other.client().get("/").is_halted());
        assert_eq!(admin.change("PUT /counters/shoes", r#"{"limit":2}"#).status, 200);
        wait_until("the second number", || other.client().get("/").number() == Some(2));
        let line = other.wait_for_log("the limit", |line| line["msg"] == "limit changed");
        assert_eq!((&line["limit_before"], &line["limit"]), (&json!(1), &json!(2)), "{kind:?}");
    }
}

#[test]
fn a_counter_that_the_store_does_not_have_is_not_made() {
    for kind in KINDS {
        let server = kind.start();
        let arguments = ["--counter", "shoes=5", "--create", "never"];
        let admin = Admin::start(&server.url(), &arguments);
        for body in [r#"{"limit":9}"#, r#"{"taken":1}"#, r#"{"taken":1,"limit":9}"#] {
            let answer = admin.change("PUT /counters/shoes", body);
            assert_eq!(answer.status, 404, "{kind:?} {body}: {answer:?}");
        }
        assert_eq!(admin.change("POST /counters/shoes/reset", r#"{"epoch":1}"#).status, 404);
        let made = run(&["create", "shoes", "--limit", "5", "--store", &server.url()], &[]);
        assert_eq!(made.stdout, ["counter shoes created: 0 of 5 taken"], "{kind:?}: {made:?}");
    }
}

#[test]
fn a_change_of_a_store_that_is_away_is_not_said_to_be_done() {
    for kind in KINDS {
        let server = kind.start();
        let admin = Admin::start(&server.url(), &["--counter", "shoes=5"]);
        server.pause();
        let answer = admin.change("PUT /counters/shoes", r#"{"limit":9}"#);
        assert_eq!(answer.status, 503, "{kind:?}: {answer:?}");
        assert_eq!(admin.get("/livez").status, 200, "it answers others meanwhile");
    }
}

#[test]
fn a_change_under_way_when_the_process_stops_is_answered_and_logged() {
    for kind in KINDS {
        let server = kind.start();
        let mut admin = Admin::start(&server.url(), &["--counter", "shoes=5"]);
        wait_until("the counter", || admin.get("/counters/shoes").json()["state"] == "open");
        server.pause();
        let body = r#"{"limit":9}"#;
        let mut client = admin.send("PUT /counters/shoes", body);
        // It has been read by then: the two are served by one thread, in this order.
        assert_eq!(admin.get("/livez").status, 200);
        admin.daemon.signal("TERM");
        let answer = client.receive();
        assert_eq!(answer.status, 503, "{kind:?}: {answer:?}");
        assert!(answer.body.contains("may still happen"), "{kind:?}: {answer:?}");
        assert!(admin.daemon.wait_for_exit().success(), "{kind:?}");
        let log = admin.daemon.log_to_the_end();
        let line = log.iter().find(|line| line["msg"] == NOT_CONFIRMED);
        assert_eq!(line.map(|line| &line["counter"]), Some(&json!("shoes")), "{kind:?}");
    }
}

#[test]
fn a_change_whose_client_left_is_done_before_the_process_ends() {
    for kind in KINDS {
        let server = kind.start();
        let mut admin = Admin::start(&server.url(), &["--counter", "shoes=5"]);
        wait_until("the counter", || admin.get("/counters/shoes").json()["state"] == "open");
        server.pause();
        drop(admin.send("PUT /counters/shoes", r#"{"limit":9}"#));
        assert_eq!(admin.get("/livez").status, 200);
        admin.daemon.signal("TERM");
        server.resume();
        assert!(admin.daemon.wait_for_exit().success(), "{kind:?}");
        assert_eq!(server.counter("shoes"), Some((0, 9)), "{kind:?}");
    }
}
