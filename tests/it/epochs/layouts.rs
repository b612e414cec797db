//! What a start finds in its store: nothing, a counter, or one that version 0.1 has made.

use serde_json::Value;

use super::{ONE_THREAD, lines_with, numbers, on_each_store, takes};
use crate::support::daemon::Daemon;
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::counter_key;
use crate::support::store_server::StoreServer;

/// The tables of version 0.1.
const TABLES_OF_0_1: &str = "
create table if not exists headcount (
  name text primary key,
  taken bigint not null check (taken >= 0),
  max bigint not null,
  generation bigint not null default extract(epoch from clock_timestamp()) * 1000000,
  check (taken <= max)
);
create table if not exists headcount_answer (
  link bigint primary key,
  sequence bigint not null default 0,
  first bigint,
  granted bigint,
  max bigint,
  generation bigint,
  at timestamptz not null default now()
);
insert into headcount (name, taken, max) values ('default', 7, 50);
insert into headcount_answer (link, sequence, first, granted, max, generation)
  values (1, 1, 7, 1, 50, 5);
";

fn make_with_0_1(server: &StoreServer) {
    match server {
        StoreServer::Redis(redis) => {
            let key = counter_key("default");
            let fields = ["taken", "7", "limit", "50", "generation", "1790000000000000"];
            let _: u64 = redis.command(&[&["HSET", &key], fields.as_slice()].concat());
            let answer = format!("{key}:link:0000000000000001:1");
            let () = redis.command(&["SET", &answer, "1 7 1 50 1790000000000000", "PX", "60000"]);
        }
        StoreServer::Postgres(postgres) => drop(postgres.sql(TABLES_OF_0_1)),
    }
}

#[test]
fn a_counter_of_version_0_1_is_migrated_and_goes_on() {
    on_each_store(|kind| {
        let server = kind.start();
        make_with_0_1(&server);
        let daemons = [(); 2].map(|()| Daemon::start_with_store(&server.url(), ONE_THREAD));
        assert_eq!(takes(&daemons[0], 2), numbers(8..=9));
        assert_eq!(takes(&daemons[1], 1), numbers(10..=10));
        assert_eq!(server.counter("default"), Some((10, 50)));
        assert!(server.has_epoch(), "the layout is still that of 0.1");
        assert!(server.epoch() > 0);
    });
}

#[test]
fn a_role_that_may_not_migrate_is_told_the_sql_that_does() {
    let postgres = PostgresServer::start();
    postgres.sql(TABLES_OF_0_1);
    postgres.sql(
        "create role counter login; grant select, update on headcount to counter; \
         grant select, insert, update, delete on headcount_answer to counter",
    );
    let url = postgres.url_of("counter", "");
    let daemon = Daemon::start(&["--store", &url, "--threads", "1"]);
    let line = daemon.last_error(&["permission"]);
    let words = line["detail"].as_str().expect("the store's words");
    let (_, sql) = words.split_once("to be run by one who may: ").expect("what to run");
    postgres.sql(sql);
    daemon.wait_until_ready();
    assert_eq!(takes(&daemon, 1), numbers(8..=8));
}

/// The tables as they were before there were keys.
const TABLES_WITHOUT_KEYS: &str = "
create table headcount (
  name text primary key,
  taken bigint not null check (taken >= 0),
  max bigint not null,
  epoch bigint not null default extract(epoch from now()) * 1000000,
  made text not null default 'created' check (made in ('created', 'reset', 'set')),
  sale bigint not null default extract(epoch from now()) * 1000000,
  floor_epoch bigint not null default 0,
  floor_taken bigint not null default 0,
  token text,
  version integer not null default 2,
  check (taken <= max)
);
create table headcount_answer (
  link bigint,
  counter text,
  sequence bigint not null default 0,
  first bigint,
  granted bigint,
  epoch bigint,
  at timestamptz not null default now(),
  primary key (link, counter)
);
insert into headcount (name, taken, max) values ('default', 7, 50);
";

#[test]
fn tables_without_keys_get_them_from_their_owner_or_by_the_sql_in_the_log() {
    let of_owner = PostgresServer::start();
    of_owner.sql(TABLES_WITHOUT_KEYS);
    let daemon = Daemon::start_with_store(&of_owner.url(), ONE_THREAD);
    assert_eq!(takes(&daemon, 1), numbers(8..=8));
    assert_eq!(of_owner.sql("select count(*) from headcount_key"), "0");

    let of_another = PostgresServer::start();
    of_another.sql(TABLES_WITHOUT_KEYS);
    of_another.sql("create role counter login");
    let url = of_another.url_of("counter", "");
    let daemon = Daemon::start(&["--store", &url, "--threads", "1"]);
    let line = daemon.last_error(&["permission"]);
    let words = line["detail"].as_str().expect("the store's words");
    let (_, sql) = words.split_once("to be run by one who may: ").expect("what to run");
    of_another.sql(sql);
    daemon.wait_until_ready();
    assert_eq!(takes(&daemon, 1), numbers(8..=8));
    let sale = of_another.sql("select name, taken from headcount");
    assert_eq!(sale, "default|8");
}

#[test]
fn a_creation_is_warned_of_and_a_counter_that_is_found_is_not() {
    on_each_store(|kind| {
        let server = kind.start();
        let of = |words: &str, daemon: &Daemon| -> Vec<String> {
            let lines = lines_with(daemon, words);
            let lines = lines.iter().filter(|line| line["counter"] == "default");
            lines.filter_map(|line| line["level"].as_str().map(str::to_owned)).collect()
        };
        let mut creator = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert!(creator.stop().success());
        assert_eq!(of("created", &creator), ["WARN"], "{:?}", messages(&creator));
        let mut finder = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert!(finder.stop().success());
        assert_eq!(of("found", &finder), ["INFO"], "{:?}", messages(&finder));
        assert!(of("created", &finder).is_empty(), "{:?}", messages(&finder));
    });
}

fn messages(daemon: &Daemon) -> Vec<Value> {
    daemon.log_to_the_end().iter().map(|line| line["msg"].clone()).collect()
}
