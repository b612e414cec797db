//! A Redis that holds what no count is, or that has no room: what can be answered is answered.

use super::{GoAway, ONE_THREAD, Unavailable, reason, take, takes};
use crate::support::daemon::Daemon;
use crate::support::redis_server::{RedisServer, counter_key};
use crate::support::wait::wait_until;

#[test]
fn a_field_that_was_damaged_by_hand_is_named_and_no_reset_is_advised() {
    let damages =
        [("limit", "1,000"), ("taken", "-1"), ("taken", "ten"), ("limit", "9007199254740993")];
    for (field, value) in damages {
        let redis = RedisServer::start(&[]);
        let daemon = Daemon::start_with_store(&redis.url(), ONE_THREAD);
        let _: u64 = redis.command(&["HSET", &counter_key("default"), field, value]);
        assert_eq!(takes(&daemon, 3), [Unavailable; 3]);
        assert_eq!(reason(&daemon), "damaged", "with {field} {value}");
        let line = daemon.last_error(&["damaged"]).to_string();
        assert!(line.contains(field) && line.contains(value), "{line}");
        assert!(!line.contains("--reset"), "{line}");
    }
}

#[test]
fn a_counter_whose_damage_was_repaired_goes_on() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), ONE_THREAD);
    let set = |value| -> u64 { redis.command(&["HSET", &counter_key("default"), "limit", value]) };
    set("1,000");
    assert_eq!(take(&daemon), Unavailable);
    set("1000");
    assert_eq!(super::first_number(&daemon), 1);
}

/// A connection that was made anew must not need to write before it may read.
#[test]
fn a_redis_without_room_is_still_read_after_the_connection_was_lost() {
    let redis = RedisServer::start(&[]);
    let arguments = [ONE_THREAD, &["--limit", "3", "--store-timeout", "1000"]].concat();
    let daemon = Daemon::start_with_store(&redis.url(), &arguments);
    wait_until("the halt", || take(&daemon) == GoAway);
    let () = redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let () = redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let hellos = redis.calls("hello");
    let cut: u64 = redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(cut > 0, "the program has a connection to cut");
    wait_until("a new connection", || redis.calls("hello") > hellos);
    let status = daemon.client().get("/status");
    assert_eq!((status.status, &*status.body), (200, STATUS_HALTED), "{}", reason(&daemon));
    assert_eq!(takes(&daemon, 3), [GoAway; 3]);
}

const STATUS_HALTED: &str = r#"{"taken":3,"limit":3,"remaining":0,"halted":true}"#;
