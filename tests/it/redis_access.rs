//! The ways into Redis: TCP and Unix socket, passwords and rights, databases and counters.

use redis::Value;

use crate::support::daemon::{Daemon, is_warning};
use crate::support::redis_server::{DURABLE, RedisServer, counter_key};

const PASSWORD: &str = "hunter2/@:%";
/// [`PASSWORD`] as it stands in a URL.
const PASSWORD_IN_URL: &str = "hunter2%2F%40%3A%25";

/// Each reactor finds the store again by itself: with one, ready means that every answer comes.
const ONE_THREAD: &str = "--threads=1";

/// The rights that docs/redis.md asks for. HELLO and AUTH need none.
const RIGHTS: &[&str] = &[
    "+select",
    "+info",
    "+script|load",
    "+evalsha",
    "+hmget",
    "+hget",
    "+hset",
    "+hdel",
    "+setrange",
    "+time",
    "+client|tracking",
    "+client|caching",
];

#[test]
fn a_counter_is_one_hash() {
    let redis = RedisServer::start(&[]);
    let daemon = Daemon::start_with_store(&redis.url(), &["--limit", "7"]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(redis.counter("default"), Some((1, 7)));
    let keys: Vec<String> = redis.command(&["KEYS", "*"]);
    assert_eq!(keys, ["headcount:{default}"]);
    let fields: Vec<String> = redis.command(&["HKEYS", "headcount:{default}"]);
    let (answers, mut fields): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| field.starts_with("a:"));
    fields.sort();
    let expected = ["epoch", "generation", "limit", "links", "made", "sale", "taken", "version"];
    assert_eq!(fields, expected);
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn a_unix_socket_will_do() {
    let redis = RedisServer::start(&[]);
    let path = redis.socket_path();
    let url = format!("redis+unix://{}", path.display());
    let daemon = Daemon::start_with_store(&url, &[]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(redis.counter("default"), Some((1, 100)));
}

#[test]
fn a_database_is_chosen_by_number() {
    let redis = RedisServer::start(&[]);
    let over_tcp = Daemon::start_with_store(&format!("{}/3", redis.url()), &[]);
    assert_eq!(over_tcp.client().get("/").number(), Some(1));
    let url = format!("redis+unix://{}?db=3", redis.socket_path().display());
    let over_socket = Daemon::start_with_store(&url, &[]);
    assert_eq!(over_socket.client().get("/").number(), Some(2));
    assert_eq!(redis.counter("default"), None);
    let info: String = redis.command(&["INFO", "keyspace"]);
    assert!(info.contains("db3:keys="), "{info}");
}

#[test]
fn a_password_lets_it_in_and_is_never_shown() {
    let redis = RedisServer::start(&["--requirepass", PASSWORD]);
    for user in ["", "default"] {
        let url = format!("redis://{user}:{PASSWORD_IN_URL}@127.0.0.1:{}", redis.port());
        let mut daemon = Daemon::start_with(&["--store", &url], &[("RUST_LOG", "trace")]);
        daemon.wait_until_ready();
        assert!(daemon.client().get("/").number().is_some());
        assert!(daemon.stop().success());
        daemon.log_to_the_end();
        assert_password_not_shown(&daemon);
    }
    assert_eq!(redis.counter("default"), Some((2, 100)));
}

#[test]
fn a_user_with_few_rights_is_enough() {
    let redis = RedisServer::start(&[]);
    let password = format!(">{PASSWORD}");
    let user = ["ACL", "SETUSER", "counter", "on", &password, "~headcount:*", "-@all"];
    let () = redis.command(&[&user, RIGHTS].concat());
    let url = format!("redis://counter:{PASSWORD_IN_URL}@127.0.0.1:{}/1", redis.port());
    let daemon = Daemon::start_with_store(&url, &["--limit", "2"]);
    let mut client = daemon.client();
    assert_eq!(client.get("/").number(), Some(1));
    assert_eq!(client.get("/status").json()["taken"], 1);
    let () = redis.command(&["SCRIPT", "FLUSH", "SYNC"]);
    assert_eq!(client.get("/").number(), Some(2));
    assert!(client.get("/").is_halted());
    let denied: Value = redis.command(&["ACL", "LOG"]);
    assert_eq!(denied, Value::Array(Vec::new()), "it tried more than it needs");
}

/// Whoever gave the rights of an earlier version is served as before.
#[test]
fn without_the_right_to_setrange_readiness_is_proved_by_reading() {
    let redis = RedisServer::start(&[]);
    let user = ["ACL", "SETUSER", "counter", "on", ">secret", "~headcount:*", "-@all"];
    let rights: Vec<&str> = RIGHTS.iter().copied().filter(|it| *it != "+setrange").collect();
    let () = redis.command(&[&user[..], &rights].concat());
    let url = format!("redis://counter:secret@127.0.0.1:{}", redis.port());
    let daemon = Daemon::start_with_store(&url, &[ONE_THREAD]);
    for _ in 0..2 {
        assert_eq!(daemon.client().get("/readyz").status, 200);
        std::thread::sleep(headcount::limits::WRITE_CHECK_INTERVAL); // What it knows grows old.
    }
    daemon.wait_for_log("that it only reads", |line| {
        line["msg"] == "readiness is proved by reading only"
    });
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn a_right_that_is_missing_is_named() {
    let redis = RedisServer::start(&[]);
    let user = ["ACL", "SETUSER", "counter", "on", ">secret", "~headcount:*", "-@all"];
    let () = redis.command(&user);
    let url = format!("redis://counter:secret@127.0.0.1:{}", redis.port());
    let daemon = Daemon::start(&["--store", &url, ONE_THREAD]);
    assert!(daemon.client().get("/").is_unavailable());
    daemon.wait_for_trouble(&["permission"]);
    let () = redis.command(&[&["ACL", "SETUSER", "counter"], RIGHTS].concat());
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn a_wrong_password_is_said_and_the_right_one_is_found_by_itself() {
    let redis = RedisServer::start(&[]);
    let () = redis.command(&["ACL", "SETUSER", "counter", "on", ">other", "~*", "+@all"]);
    let url = format!("redis://counter:{PASSWORD_IN_URL}@127.0.0.1:{}", redis.port());
    let arguments = ["--store", &url, ONE_THREAD];
    let mut daemon = Daemon::start_with(&arguments, &[("RUST_LOG", "trace")]);
    assert!(daemon.client().get("/").is_unavailable());
    assert_eq!(daemon.client().get("/readyz").status, 503);
    daemon.wait_for_trouble(&["authentication"]);
    let () = redis.command(&["ACL", "SETUSER", "counter", &format!(">{PASSWORD}")]);
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert!(daemon.stop().success());
    daemon.log_to_the_end();
    assert_password_not_shown(&daemon);
}

#[test]
fn a_missing_password_is_said() {
    let redis = RedisServer::start(&["--requirepass", PASSWORD]);
    let daemon = Daemon::start(&["--store", &redis.url()]);
    assert!(daemon.client().get("/").is_unavailable());
    daemon.wait_for_trouble(&["authentication"]);
}

#[test]
fn counters_of_different_names_do_not_touch() {
    let redis = RedisServer::start(&[]);
    let early = Daemon::start_with_store(&redis.url(), &["--counter", "early", "--limit", "2"]);
    let late = Daemon::start_with_store(&redis.url(), &["--counter", "late", "--limit", "3"]);
    let take = |daemon: &Daemon| daemon.client().get("/").number();
    assert_eq!([take(&early), take(&late), take(&early)], [Some(1), Some(1), Some(2)]);
    assert_eq!([take(&early), take(&late)], [None, Some(2)]);
    assert_eq!(redis.counter("early"), Some((2, 2)));
    assert_eq!(redis.counter("late"), Some((2, 3)));
    let exists: bool = redis.command(&["EXISTS", &counter_key("default")]);
    assert!(!exists);
}

#[test]
fn the_limit_in_redis_wins_over_another_one_and_the_log_warns() {
    let redis = RedisServer::start(&[]);
    let first = Daemon::start_with_store(&redis.url(), &["--limit", "2"]);
    assert_eq!(first.client().get("/").number(), Some(1));
    let second = Daemon::start_with_store(&redis.url(), &["--limit", "5"]);
    second.wait_for_log("a warning with both limits", |line| {
        let text = line.to_string();
        is_warning(line) && text.contains('2') && text.contains('5') && text.contains("limit")
    });
    let mut client = second.client();
    assert_eq!(client.get("/").number(), Some(2));
    assert_eq!(client.get("/").body, r#"{"Go":"away!","request_num":2}"#);
    assert_eq!(client.get("/status").json()["limit"], 2);
    assert_eq!(redis.counter("default"), Some((2, 2)));
}

#[test]
fn a_redis_that_may_lose_the_count_is_warned_of() {
    let warnings = |options: &[&str], words: &str| {
        let redis = RedisServer::start(options);
        let mut daemon = Daemon::start_with_store(&redis.url(), &["--threads", "2"]);
        assert!(daemon.stop().success());
        let lines = daemon.log_to_the_end();
        let warnings = lines.iter().filter(|line| is_warning(line));
        warnings.filter(|line| line.to_string().contains(words)).count()
    };
    let evicting = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    assert_eq!(warnings(&evicting, "may evict"), 1, "one a process, not one a reactor");
    assert_eq!(warnings(&["--appendonly", "no"], "append-only"), 1);
    assert_eq!(warnings(DURABLE, "Redis"), 0);
}

#[test]
fn a_count_outlives_the_program() {
    let redis = RedisServer::start(&[]);
    for number in 1..=3 {
        let mut daemon = Daemon::start_with_store(&redis.url(), &[]);
        assert_eq!(daemon.client().get("/").number(), Some(number));
        assert!(daemon.stop().success());
    }
}

fn assert_password_not_shown(daemon: &Daemon) {
    let output = daemon.output();
    for secret in [PASSWORD, PASSWORD_IN_URL, "hunter2"] {
        assert!(!output.contains(secret), "the password is in the output");
    }
}
