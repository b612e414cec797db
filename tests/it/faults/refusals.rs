//! Redis that is there and says no.

use std::fs;

use super::{LIMIT, start, suffer};
use crate::support::daemon::run;
use crate::support::load::Load;
use crate::support::process::free_port;
use crate::support::redis_server::{RedisServer, counter_key};
use crate::support::wait::wait_until;

#[test]
fn out_of_memory_is_waited_out() {
    let redis = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let daemon = start(&redis.url());
    let set = |bytes| redis.command::<()>(&["CONFIG", "SET", "maxmemory", bytes]);
    suffer(&daemon, &["memory"], || set("1"), || set("0"));
}

#[test]
fn a_redis_that_became_a_replica_is_waited_out() {
    let redis = RedisServer::start(&[]);
    let daemon = start(&redis.url());
    let nobody = free_port().to_string();
    let follow = |host, port| redis.command::<()>(&["REPLICAOF", host, port]);
    let demote = || follow("127.0.0.1", &nobody);
    suffer(&daemon, &["readonly"], demote, || follow("NO", "ONE"));
}

#[test]
fn a_redis_that_cannot_save_its_snapshot_is_waited_out() {
    let redis = RedisServer::start(&["--save", "3600 1000000"]);
    let daemon = start(&redis.url());
    // A folder in the snapshot's place: not even root can rename a file over it.
    let snapshot = redis.folder_path().join("dump.rdb");
    let save = |status: &str| {
        let () = redis.command(&["BGSAVE"]);
        wait_until("the snapshot to end", || {
            let info: String = redis.command(&["INFO", "persistence"]);
            info.contains("rdb_bgsave_in_progress:0")
                && info.contains(&format!("rdb_last_bgsave_status:{status}"))
        });
    };
    let break_it = || {
        fs::create_dir(&snapshot).expect("no snapshot is there yet");
        save("err");
    };
    let repair_it = || {
        fs::remove_dir(&snapshot).expect("the folder is empty");
        save("ok");
    };
    suffer(&daemon, &["disk"], break_it, repair_it);
}

#[test]
fn a_key_of_another_type_is_not_touched() {
    let redis = RedisServer::start(&[]);
    let daemon = start(&redis.url());
    let key = counter_key("default");
    let break_it = || {
        let () = redis.command(&["RENAME", &key, "aside"]);
        let () = redis.command(&["SET", &key, "precious"]);
    };
    let repair_it = || {
        let value: String = redis.command(&["GET", &key]);
        assert_eq!(value, "precious");
        let () = redis.command(&["RENAME", "aside", &key]);
    };
    suffer(&daemon, &["type"], break_it, repair_it);
}

#[test]
fn a_counter_that_vanishes_is_never_begun_anew() {
    let redis = RedisServer::start(&[]);
    let daemon = start(&redis.url());
    let key = counter_key("default");
    let vanish = || redis.command::<()>(&["RENAME", &key, "aside"]);
    let return_it = || {
        // Not by a new connection either, whose handshake would create a missing counter.
        let _: u64 = redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        let load = Load::start_gentle(daemon.address());
        load.wait_for_unavailable(100);
        assert_eq!(load.stop().numbers, [0; 0]);
        assert_eq!(redis.counter("default"), None, "it was begun anew");
        let () = redis.command(&["RENAME", "aside", &key]);
    };
    suffer(&daemon, &["missing"], vanish, return_it);
}

#[test]
fn a_redis_that_restarts_without_its_data_is_not_begun_anew() {
    let mut redis = RedisServer::start(&[]);
    let daemon = start(&redis.url());
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(50);
    redis.kill();
    load.wait_for_unavailable(20);
    redis.restart();
    load.wait_for_unavailable(300);
    daemon.wait_for_trouble(&["missing"]);
    let last = load.tally().numbers.iter().copied().max().unwrap_or_default();
    assert_eq!(redis.counter("default"), None, "it was begun anew");
    // The operator goes on above what clients have seen.
    let (taken, limit) = ((last + 1_000).to_string(), LIMIT.to_string());
    let set = ["set", "default", "--taken", &taken, "--limit", &limit];
    let store = ["--store", &redis.url()];
    assert_eq!(run(&[set.as_slice(), &store].concat(), &[]).code, Some(0));
    load.wait_for_numbers(50);
    super::assert_sound(&load.stop());
}

#[test]
fn a_counter_with_nonsense_in_it_is_not_guessed_at() {
    let redis = RedisServer::start(&[]);
    let daemon = start(&redis.url());
    let key = counter_key("default");
    for (field, nonsense) in [("taken", "many"), ("limit", "none")] {
        let value: String = redis.command(&["HGET", &key, field]);
        let set = |value: &str| {
            let _: u64 = redis.command(&["HSET", &key, field, value]);
        };
        // What was taken meanwhile is taken: it comes back well ahead.
        let value: u64 = value.parse().expect("the program wrote a number");
        let restored = if field == "taken" { value + 10_000 } else { value };
        let restored = restored.to_string();
        suffer(&daemon, &["damaged"], || set(nonsense), || set(&restored));
    }
}

/// Past 2^53 the script's numbers have gaps, and would repeat.
#[test]
fn what_is_no_count_is_not_counted_up_from() {
    let redis = RedisServer::start(&[]);
    let daemon = start(&redis.url());
    assert_eq!(daemon.client().get("/").number(), Some(1));
    let key = counter_key("default");
    let absurd = [
        ("-1", "100"),
        ("1.5", "100"),
        ("1", "inf"),
        ("1", "nan"),
        ("1", "1e3"),
        ("9007199254740990", "9007199254741092"),
    ];
    for (taken, limit) in absurd {
        let _: u64 = redis.command(&["HSET", &key, "taken", taken, "limit", limit]);
        for _ in 0..3 {
            let answer = daemon.client().get("/");
            assert!(answer.is_unavailable(), "{taken} of {limit}: {answer:?}");
        }
        let kept: String = redis.command(&["HGET", &key, "taken"]);
        assert_eq!(kept, taken);
    }
}
