//! The least rights with which each command works, and what one says that lacks them.

use super::{refused, said};
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::RedisServer;

#[test]
fn a_user_of_redis_needs_few_rights() {
    let redis = RedisServer::start(&[]);
    said(&redis.url(), &["create", "sale", "--limit", "9"]);
    let url = format!("redis://shop:secret@127.0.0.1:{}", redis.port());
    // It is warned of the password on the command line, so the URL is in the environment.
    let run = |words: &[&str], rights: &str| {
        let user = ["ACL", "SETUSER", "shop", "reset", "on", ">secret", "~headcount:*", "-@all"];
        let rights: Vec<&str> = rights.split(' ').collect();
        let () = redis.command(&[user.as_slice(), &rights].concat());
        crate::support::daemon::run(words, &[("HEADCOUNT_STORE", &url)])
    };
    let rows: [(&[&str], &str); 6] = [
        (&["status", "sale"], "+hello +auth +hmget"),
        (&["status"], "+hello +auth +hmget +scan"),
        (&["create", "new", "--limit", "9"], "+hello +auth +script|load +hmget +eval +hset +time"),
        (&["set", "sale", "--limit", "8"], "+hello +auth +script|load +hmget +eval +hset"),
        (
            &["set", "sale", "--taken", "5"],
            "+hello +auth +script|load +hmget +eval +hset +hdel +time",
        ),
        (&["reset", "sale", "--yes"], "+hello +auth +script|load +hmget +eval +hset +hdel +time"),
    ];
    for (words, rights) in rows {
        let finished = run(words, rights);
        assert_eq!((finished.code, finished.stderr.len()), (Some(0), 0), "{words:?} {finished:?}");
    }
    let finished = run(&["status"], "+hello +auth +hmget");
    let line = finished.stderr.concat();
    assert!(line.contains("status: not done: permission (NOPERM"), "{line}");
    assert!(line.ends_with("that docs/redis.md lists"), "{line}");
}

#[test]
fn a_role_of_postgres_that_may_only_read_sees_the_status() {
    let postgres = PostgresServer::start();
    said(&postgres.url(), &["create", "sale", "--limit", "9"]);
    postgres.sql("create role shop login; grant select on headcount to shop");
    let url = postgres.url_of("shop", "");
    assert!(said(&url, &["status", "sale"]).contains("sale"));
    for words in [&["create", "new", "--limit", "9"][..], &["set", "sale", "--limit", "5"]] {
        let line = refused(&url, words);
        assert!(line.contains("not done: permission (ERROR 42501"), "{line}");
    }
    assert_eq!(postgres.counter("sale"), Some((0, 9)));
}
