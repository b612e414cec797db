//! Resets that are not done: they say why, and leave the counter as it was.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::{Number, ONE_THREAD, Unavailable, numbers, on_each_store, reset, take, takes};
use crate::support::daemon::{Daemon, Finished};
use crate::support::redis_server::{RedisServer, counter_key};

/// The line of stderr of a reset that was not done.
fn refusal(finished: &Finished) -> &str {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(finished.stderr.len(), 1, "{finished:?}");
    let line = finished.stderr[0].as_str();
    assert!(!line.contains("may still"), "it is not in doubt: {line}");
    line
}

#[test]
fn a_counter_of_a_later_version_is_left_alone() {
    on_each_store(|kind| {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert_eq!(takes(&daemon, 3), numbers(1..=3));
        server.set("version", 3);
        for arguments in [&[][..], &["--taken", "7"]] {
            let finished = reset(&server.url(), arguments);
            assert!(refusal(&finished).contains("another version"), "{finished:?}");
        }
        assert_eq!(take(&daemon), Unavailable);
        daemon.last_error(&["layout"]);
        assert_eq!(server.counter("default"), Some((3, 100)));
        server.set("version", 2);
        assert_eq!(take(&daemon), Number(4));
    });
}

/// It may be more than is asked for.
#[test]
fn a_count_that_cannot_be_read_is_not_taken_for_nothing() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), ONE_THREAD);
    assert_eq!(takes(&daemon, 3), numbers(1..=3));
    let set = |field: &str, value: &str| -> u64 {
        redis.command(&["HSET", &counter_key("default"), field, value])
    };
    set("taken", "ten");
    let finished = reset(&redis.url(), &["--taken", "1"]);
    assert!(refusal(&finished).contains(r#"the field taken holds "ten""#), "{finished:?}");
    set("taken", "3");
    set("limit", "1,000");
    for arguments in [&[][..], &["--taken", "7"]] {
        let finished = reset(&redis.url(), arguments);
        assert!(refusal(&finished).contains(r#"the field limit holds "1,000""#), "{finished:?}");
    }
    let finished = reset(&redis.url(), &["--taken", "3", "--limit", "1000"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(take(&daemon), Number(4));
}

#[test]
fn a_right_that_is_missing_is_said_and_the_one_to_unlink_is_not_needed() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), ONE_THREAD);
    assert_eq!(takes(&daemon, 3), numbers(1..=3));
    let rights = ["+hello", "+auth", "+script|load", "+evalsha", "+hmget", "+hget", "+hset"];
    let user =
        ["ACL", "SETUSER", "shop", "on", ">secret", "~headcount:*", "-@all", "+hdel", "+time"];
    let () = redis.command(&[&user, rights.as_slice()].concat());
    let url = format!("redis://shop:secret@127.0.0.1:{}", redis.port());
    let finished = reset(&url, &["--limit", "9"]);
    assert!(refusal(&finished).contains("not done: permission"), "{finished:?}");
    assert_eq!(redis.counter("default"), Some((3, 100)));
    let () = redis.command(&["ACL", "SETUSER", "shop", "+eval"]);
    let floor = format!("{} 9", 1_u64 << 52);
    let _: u64 = redis.command(&["HSET", &counter_key("default"), "floor", &floor]);
    let finished = reset(&url, &["--limit", "9"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(take(&daemon), Number(1));
}

/// What a store says may be meant for the terminal of whoever reads it.
#[test]
fn words_of_a_store_reach_no_terminal_unescaped() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1_024]);
            let _ = stream.write_all(b"%0\r\n-ERR \x1b[31mred\x07\r\n");
        }
    });
    let finished = reset(&format!("redis://{address}"), &["--limit", "9"]);
    let line = refusal(&finished);
    assert!(line.contains("[31mred") && !line.contains(['\x1b', '\x07']), "{line:?}");
}
