//! What the admin listener tells, and what the public one does not.

use serde_json::{Value, json};

use super::Admin;
use crate::support::daemon::Daemon;
use crate::support::redis_server::RedisServer;
use crate::support::store_server::KINDS;
use crate::support::wait::wait_until;

const COUNTERS: &[&str] = &["--counter", "shoes=2", "--counter", "hats=0"];

/// The counters of a list, each as `name state`.
fn states(list: &Value) -> Vec<String> {
    let counters = list["counters"].as_array().expect("a list of counters");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let state =
        |counter: &Value| format!("{} {}", text(&counter["counter"]), text(&counter["state"]));
    counters.iter().map(state).collect()
}

#[test]
fn the_list_says_what_each_counter_holds_and_its_state() {
    let servers = KINDS.map(|kind| kind.start());
    let urls = servers.iter().map(|server| server.url()).chain(["memory:".to_owned()]);
    for url in urls {
        let admin = Admin::start_to_read(&url, COUNTERS);
        assert_eq!(states(&admin.get("/counters").json()), ["shoes open", "hats closed"]);
        for number in [1, 2] {
            assert_eq!(admin.daemon.client().get("/take/shoes").number(), Some(number), "{url}");
        }
        let list = admin.get("/counters").json();
        assert_eq!(states(&list), ["shoes halted", "hats closed"], "{url}");
        assert_eq!(list["changes"], false);
        assert_eq!(list["draining"], false);
        assert_eq!(list["store"], json!({"state": "up"}));
        let shoes = &list["counters"][0];
        assert_eq!((&shoes["taken"], &shoes["limit"]), (&json!(2), &json!(2)), "{url}");
        assert_eq!((&shoes["remaining"], &shoes["halted"]), (&json!(0), &json!(true)));
        assert_eq!(&shoes["made"], "created", "{url}");
        assert_eq!(admin.get("/counters/shoes").json(), *shoes);
    }
}

#[test]
fn what_another_process_has_done_is_seen_at_once() {
    for kind in KINDS {
        let server = kind.start();
        let admin = Admin::start_to_read(&server.url(), &["--counter", "shoes=9"]);
        let other = Daemon::start_with_store(&server.url(), &["--counter", "shoes=9"]);
        for taken in 1..=5_u64 {
            assert_eq!(other.client().get("/").number(), Some(taken));
            assert_eq!(admin.get("/counters/shoes").json()["taken"], taken, "{kind:?}");
        }
    }
}

#[test]
fn a_refused_counter_and_a_store_that_is_away_are_said_with_their_reasons() {
    let redis = RedisServer::start(&[]);
    let () = redis.command(&["SET", "headcount:{hats}", "no counter"]);
    let arguments = ["--counter", "shoes=2", "--counter", "hats=2", "--store-timeout", "300"];
    let admin = Admin::start_to_read(&redis.url(), &arguments);
    wait_until("the reason", || admin.get("/counters/hats").json()["reason"] == "type");
    let hats = json!({"counter": "hats", "state": "refused", "reason": "type"});
    assert_eq!(admin.get("/counters/hats").json(), hats);
    assert_eq!(admin.get("/counters/shoes").json()["state"], "open");
    let port = redis.port();
    drop(redis);
    wait_until("the absence", || admin.get("/counters").json()["store"]["state"] == "away");
    let list = admin.get("/counters").json();
    assert_eq!(list["counters"].as_array().map(Vec::len), Some(2));
    let _back = RedisServer::start_on(port, &[]);
    wait_until("the return", || {
        let list = admin.get("/counters").json();
        list["store"] == json!({"state": "up"}) && list["counters"][1]["state"] == "open"
    });
}

#[test]
fn each_listener_has_only_its_own_paths() {
    let admin = Admin::start_to_read("memory:", &["--counter", "shoes=2"]);
    for path in ["/counters", "/counters/shoes", "/metrics"] {
        let answer = admin.daemon.client().get(path);
        assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"error":"not found"}"#));
    }
    assert_eq!(admin.daemon.client().request("PUT", "/take/shoes").status, 405);
    for path in ["/take/shoes", "/status", "/status/shoes", "/readyz/shoes", "/nowhere"] {
        assert_eq!(admin.get(path).status, 404, "{path}");
    }
    assert_eq!(admin.daemon.taken(), 0);
    for path in ["/livez", "/readyz"] {
        assert_eq!(admin.get(path).status, 200, "{path}");
    }
}

#[test]
fn the_page_comes_from_the_program_and_may_load_nothing_else() {
    let admin = Admin::start_to_read("memory:", &[]);
    let page = admin.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    let policy = page.field("Content-Security-Policy").expect("the page has a policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.body.len() <= 16 * 1024, "{} bytes", page.body.len());
    assert_eq!(admin.ask("HEAD /", "", "").status, 200);
}

#[test]
fn a_thousand_counters_are_listed() {
    let names: Vec<String> = (0..1_000).map(|index| format!("counter-{index}=5")).collect();
    let arguments: Vec<&str> = names.iter().flat_map(|name| ["--counter", name]).collect();
    let servers = KINDS.map(|kind| kind.start());
    for server in &servers {
        let admin = Admin::start_to_read(&server.url(), &arguments);
        wait_until("all of them", || {
            let list = admin.get("/counters").json();
            let counters = list["counters"].as_array().expect("a list of counters");
            assert_eq!(counters.len(), 1_000);
            counters.iter().all(|counter| counter["state"] == "open")
        });
    }
}

#[test]
fn a_counter_that_cannot_be_read_now_is_refused_for_that_reason_and_keeps_its_numbers() {
    for kind in KINDS {
        let server = kind.start();
        let arguments = ["--counter", "shoes=2", "--store-timeout", "300"];
        let admin = Admin::start_to_read(&server.url(), &arguments);
        wait_until("a first reading", || admin.get("/counters/shoes").json()["state"] == "open");
        server.pause();
        let shoes = admin.get("/counters/shoes").json();
        assert_eq!((&shoes["state"], &shoes["limit"]), (&json!("refused"), &json!(2)), "{kind:?}");
        assert_eq!(&shoes["reason"], "timeout", "{kind:?}");
        server.resume();
        wait_until("a reading", || admin.get("/counters/shoes").json()["state"] == "open");
    }
}

#[test]
fn the_admin_listener_has_open_files_of_its_own() {
    let clients_max = |arguments: &[&str]| {
        let daemon = Daemon::start_with_open_files(400, arguments);
        let line = daemon.wait_for_log("the bound", |line| line["clients_max"].is_u64());
        line["clients_max"].as_u64().expect("it is a number")
    };
    let without = clients_max(&[]);
    let with = clients_max(&["--admin-listen", "127.0.0.1:0"]);
    assert!(with + 64 < without, "{with} of {without}");
}
