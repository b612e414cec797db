//! What a file keeps over the life of a process, and how several reactors share it.

use std::fs;

use serde_json::json;

use super::start;
use crate::support::daemon::Daemon;
use crate::support::http_client::{Answer, HttpClient};
use crate::support::load::{Load, Plan};
use crate::support::process::Folder;
use crate::support::store_file::StoreFile;
use crate::support::wait::wait_until;

fn take_with_key(client: &mut HttpClient, target: &str, key: &str) -> Answer {
    let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\n\r\n");
    client.send(head.as_bytes());
    client.receive()
}

#[test]
fn counts_and_keys_are_there_again_after_a_stop() {
    let file = StoreFile::create();
    let arguments = ["--counter", "shoes=5", "--counter", "hats=2"];
    let mut first = start(&file, &arguments);
    let mut client = first.client();
    assert_eq!(take_with_key(&mut client, "/", "a").number(), Some(1));
    assert_eq!(client.get("/").number(), Some(2));
    assert_eq!(client.get("/take/hats").number(), Some(1));
    drop(client);
    assert!(first.stop().success());
    let second = start(&file, &arguments);
    let mut client = second.client();
    let again = take_with_key(&mut client, "/", "a");
    assert_eq!((again.number(), again.field("Idempotent-Replayed")), (Some(1), Some("true")));
    assert_eq!(take_with_key(&mut client, "/", "b").number(), Some(3));
    assert_eq!(client.get("/take/hats").number(), Some(2));
    assert!(client.get("/take/hats").is_halted());
    assert_eq!(client.get("/status").json()["taken"], 3);
}

#[test]
fn a_ticket_names_the_same_epoch_after_a_stop() {
    let (file, folder) = (StoreFile::create(), Folder::create());
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("the folder can be written");
    let secret = secret.to_str().expect("its name is text");
    let tickets: Vec<String> = (0..2)
        .map(|_| {
            let daemon = start(&file, &["--ticket-secret-file", secret, "--ticket-ttl", "0"]);
            let answer = take_with_key(&mut daemon.client(), "/", "k").json();
            let ticket = answer["ticket"].as_str().expect("it has a ticket");
            ticket.split('.').nth(1).expect("it has claims").to_owned()
        })
        .collect();
    let claims = tickets.iter().map(|claims| crate::tickets::decoded(claims)["jti"].clone());
    let claims: Vec<_> = claims.collect();
    assert_eq!(claims[0], claims[1]);
}

#[test]
fn reactors_share_the_file_and_hand_out_each_number_once() {
    const LIMIT: u64 = 2_000;
    let file = StoreFile::create();
    let daemon = start(&file, &["--limit", "2000", "--threads", "4"]);
    let plan = Plan {
        addresses: &[daemon.address()],
        connections: 32,
        depth: 2,
        requests: LIMIT + 500,
        pause: std::time::Duration::ZERO,
    };
    let tally = Load::start(&plan).finish();
    tally.assert_sound(LIMIT);
    assert_eq!((tally.numbers.len() as u64, tally.halted), (LIMIT, 500));
}

#[test]
fn takes_that_come_together_are_one_commit() {
    let file = StoreFile::create();
    let arguments = ["--admin-listen", "127.0.0.1:0", "--limit", "1000", "--threads", "1"];
    let daemon = start(&file, &arguments);
    let admin = admin_address(&daemon);
    let before = commits(admin);
    let mut client = daemon.client();
    client.send(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50));
    for number in 1..=50 {
        assert_eq!(client.receive().number(), Some(number));
    }
    assert_eq!(commits(admin) - before, 1);
}

#[test]
fn a_halted_counter_costs_the_disk_nothing() {
    let file = StoreFile::create();
    let daemon = start(&file, &["--admin-listen", "127.0.0.1:0", "--limit", "1"]);
    let (admin, mut client) = (admin_address(&daemon), daemon.client());
    assert_eq!(client.get("/").number(), Some(1));
    let (before, length) = (commits(admin), file.path().metadata().expect("it is there").len());
    (0..20).for_each(|_| assert!(client.get("/").is_halted()));
    assert_eq!(take_with_key(&mut client, "/", "k").status, 200);
    assert_eq!(commits(admin), before);
    assert_eq!(file.path().metadata().expect("it is there").len(), length);
}

#[test]
fn a_counter_that_the_file_does_not_have_is_created_or_refused() {
    let file = StoreFile::create();
    let daemon = start(&file, &["--counter", "shoes=3"]);
    daemon.wait_for_log("the warning", |line| {
        line["msg"] == "counter created: the store had none" && line["counter"] == "shoes"
    });
    drop(daemon);
    let never = ["--create", "never", "--counter", "shoes=3", "--counter", "hats=3"];
    let daemon = Daemon::start_with_any_store(&file.url(), &never);
    let line = daemon.last_error(&["missing"]);
    assert_eq!((&line["msg"], &line["counter"]), (&json!("counter refused"), &json!("hats")));
    let mut client = daemon.client();
    assert!(client.get("/take/hats").is_unavailable());
    assert_eq!(client.get("/take/shoes").number(), Some(1));
    let ready = client.get("/readyz");
    assert_eq!((ready.status, &ready.json()["refused"]), (200, &json!({"hats": "missing"})));
    assert_eq!(client.get("/readyz/hats").status, 503);
}

#[test]
fn an_operator_sees_how_the_file_was_found() {
    let file = StoreFile::create();
    for is_new in [true, false] {
        let daemon = start(&file, &[]);
        let line = daemon.wait_for_log("the file", |line| line["msg"] == "file opened");
        assert_eq!(line["is_new"], is_new);
        wait_until("it to be ready", || daemon.client().get("/livez").status == 200);
    }
}

fn admin_address(daemon: &Daemon) -> std::net::SocketAddr {
    let line = daemon.wait_for_log("its address", |line| line["msg"] == "admin listening");
    line["address"].as_str().and_then(|it| it.parse().ok()).expect("it is an address")
}

/// Commits until now.
fn commits(admin: std::net::SocketAddr) -> u64 {
    let mut client = HttpClient::connect(admin);
    client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let text = client.receive().body;
    let line = text.lines().find_map(|it| it.strip_prefix("headcount_store_requests_total "));
    line.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no such metric: {text}"))
}
