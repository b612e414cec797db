//! What no command can do: on `memory:`, without a store, and with a wrong password.

use std::time::{Duration, Instant};

use super::{command, refused};
use crate::support::daemon::run;
use crate::support::postgres_server::PostgresServer;
use crate::support::process::free_port;
use crate::support::redis_server::RedisServer;
use crate::support::store_server::KINDS;

const COMMANDS: [&[&str]; 5] = [
    &["create", "sale", "--limit", "5"],
    &["set", "sale", "--limit", "5"],
    &["set", "sale", "--taken", "5"],
    &["reset", "sale", "--yes"],
    &["status"],
];

/// How long a command may try: 5 s, and what a busy machine adds.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

#[test]
fn the_count_of_a_process_is_out_of_reach() {
    for words in COMMANDS {
        let line = refused("memory:", words);
        let start = format!("{}: memory: keeps its counts inside the serving process", words[0]);
        assert!(line.starts_with(&start), "{line}");
    }
}

#[test]
fn a_store_that_is_away_is_said_in_bounded_time() {
    for kind in KINDS {
        let url = kind.url(&format!("127.0.0.1:{}", free_port()));
        for words in COMMANDS {
            let before = Instant::now();
            let line = refused(&url, words);
            assert!(before.elapsed() < ENDS_WITHIN, "{:?}", before.elapsed());
            let start = format!("{}: not done: unreachable (", words[0]);
            assert!(line.starts_with(&start), "{line}");
        }
    }
}

#[test]
fn a_store_that_hangs_is_said_in_bounded_time() {
    for kind in KINDS {
        let server = kind.start();
        server.pause();
        let before = Instant::now();
        let line = refused(&server.url(), &["status"]);
        server.resume();
        assert!(before.elapsed() < ENDS_WITHIN, "{:?}", before.elapsed());
        assert!(line.starts_with("status: not done: timeout ("), "{line}");
    }
}

#[test]
fn a_wrong_password_is_said_and_not_shown() {
    let redis = RedisServer::start(&["--requirepass", "right"]);
    let postgres = PostgresServer::start_with("scram-sha-256", &[]);
    postgres.sql("create role shop login password 'right'");
    let urls = [
        format!("redis://:hunter2@127.0.0.1:{}", redis.port()),
        postgres.url_of("shop", "hunter2"),
    ];
    for url in urls {
        for words in COMMANDS {
            let finished = run(words, &[("HEADCOUNT_STORE", &url)]);
            assert_eq!((finished.code, finished.stderr.len()), (Some(1), 1), "{finished:?}");
            let line = finished.stderr.concat();
            assert!(line.contains("not done: authentication ("), "{line}");
            assert!(!format!("{finished:?}").contains("hunter2"), "{finished:?}");
        }
    }
}

#[test]
fn a_status_of_a_store_with_a_password_does_not_show_it() {
    let redis = RedisServer::start(&[]);
    let user = ["ACL", "SETUSER", "shop", "on", ">hunter2", "~*", "+@all"];
    let () = redis.command(&user);
    let url = format!("redis://shop:hunter2@127.0.0.1:{}", redis.port());
    for words in [&["status"][..], &["status", "sale"], &["create", "sale", "--limit", "5"]] {
        let finished = command(&url, words);
        assert!(!format!("{finished:?}").contains("hunter2"), "{finished:?}");
    }
}

/// A counter that was lost must not come back with the limit of a stranger, nor one that never was.
#[test]
fn a_limit_that_is_not_there_cannot_be_kept() {
    for kind in KINDS {
        let server = kind.start();
        for words in [&["set", "sale", "--taken", "5"][..], &["reset", "sale", "--yes"]] {
            let line = refused(&server.url(), words);
            let verb = words[0];
            let expected = format!(
                "{verb}: not done: the store holds no limit of counter sale: add --limit N"
            );
            assert_eq!(line, expected);
        }
        let finished = command(&server.url(), &["set", "sale", "--taken", "5", "--limit", "9"]);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
}
