//! The limit of open files is reached: clients wait or are told, and the store keeps its own.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{LIMIT, LIVEZ, SERVED_WITHIN, connect_impatient};
use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::redis_server::{DURABLE, RedisServer};
use crate::support::wait::{PATIENCE, wait_until};

#[test]
fn clients_never_take_the_descriptors_that_the_store_needs() {
    const OPEN_FILES: u64 = 64;
    const CONNECTIONS: usize = 100;
    let mut redis = RedisServer::start(DURABLE);
    let arguments = ["--store", &redis.url(), "--limit", LIMIT, "--threads", "2"];
    let daemon = Daemon::start_with_open_files(OPEN_FILES, &arguments);
    let line = daemon.wait_for_log("the bound of clients", |line| line["open_files"] == OPEN_FILES);
    let clients_max = line["clients_max"].as_u64().expect("a count");
    daemon.wait_until_ready();
    let (mut within, past) = crowd(&daemon, CONNECTIONS);
    assert!((1..=clients_max).contains(&(within.len() as u64)), "{} are in", within.len());
    assert_eq!(within.len() + past, CONNECTIONS);
    let is_knocking = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Not for ever: a check that fails below waits for the end of this.
            let start = Instant::now();
            while is_knocking.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
                drop(HttpClient::try_connect(daemon.address()));
                thread::sleep(Duration::from_millis(1));
            }
        });
        for _ in 0..2 {
            redis.kill();
            wait_until("the store to be missed", || within[0].get("/").is_unavailable());
            redis.restart();
            for client in &mut within {
                wait_until("numbers again", || client.get("/").number().is_some());
            }
        }
        is_knocking.store(false, Ordering::Relaxed);
    });
    drop(within);
    wait_until("a place", || crowd(&daemon, 1).0.len() == 1);
    daemon.wait_until_ready();
}

/// As when others on the machine have them all: those who knock wait in the kernel's queue.
#[test]
fn accepting_rests_while_there_are_no_descriptors_and_goes_on_by_itself() {
    const ROOM: u64 = 10;
    let mut redis = RedisServer::start(DURABLE);
    let daemon = Daemon::start_with_store(&redis.url(), &["--limit", LIMIT, "--threads", "2"]);
    let mut early = daemon.client();
    assert!(early.get("/").number().is_some());
    let vitals = daemon.vitals();
    vitals.limit_open_files(vitals.open_files() + ROOM);
    let mut knocking: Vec<_> = (0..50).map(|_| connect_impatient(&daemon)).collect();
    for stream in &mut knocking {
        stream.write_all(LIVEZ).expect("the kernel holds it until it is accepted");
    }
    daemon.wait_for_log("that accept paused: out of file descriptors or memory", is_rest);
    let (start, processor_time) = (Instant::now(), vitals.processor_time());
    while start.elapsed() < Duration::from_secs(1) {
        let asked = Instant::now();
        assert!(early.get("/").number().is_some());
        assert!(asked.elapsed() < SERVED_WITHIN, "it waited {:?}", asked.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    let spent = vitals.processor_time() - processor_time;
    assert!(spent < start.elapsed() / 4, "it spent {spent:?} on waiting for descriptors");
    redis.kill();
    wait_until("the store to be missed", || early.get("/").is_unavailable());
    redis.restart();
    // Each that leaves with its answer lets another one in.
    wait_until("everyone who knocked to be served", || {
        knocking.retain_mut(|stream| !is_answered(stream));
        knocking.is_empty()
    });
    wait_until("numbers again", || early.get("/").number().is_some());
    daemon.wait_until_ready();
}

fn is_rest(line: &Value) -> bool {
    line["msg"].as_str().is_some_and(|message| {
        message.starts_with("accept paused: out of file descriptors or memory")
    })
}

/// Whether the answer has come. Whoever has none yet was not let in.
fn is_answered(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 15];
    match stream.read(&mut answer) {
        Ok(_) => answer == *b"HTTP/1.1 200 OK" || panic!("{}", answer.escape_ascii()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error} instead of an answer"),
    }
}

/// So many connections at once: those who are served, and how many were told that it is full.
fn crowd(daemon: &Daemon, connections: usize) -> (Vec<HttpClient>, usize) {
    let mut past = 0;
    let within = (0..connections).filter_map(|_| {
        let mut client = daemon.client();
        // One who is turned away may be gone before it has asked.
        let _ = client.try_send(LIVEZ);
        let answer = client.receive();
        past += usize::from(answer.status == 503);
        (answer.status == 200).then_some(client)
    });
    (within.collect(), past)
}
