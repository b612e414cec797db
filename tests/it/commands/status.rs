//! `status`: as text, as JSON, of one and of all.

use serde_json::{Value, json};

use super::{command, lose_default, refused, said};
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::{RedisServer, counter_key};
use crate::support::store_server::{KINDS, StoreServer};

fn fill(url: &str) {
    said(url, &["set", "shoes", "--taken", "7", "--limit", "100"]);
    said(url, &["create", "Hats", "--limit", "0"]);
    said(url, &["set", "a.b_c-1", "--taken", "5", "--limit", "5"]);
}

#[test]
fn a_table_is_for_people() {
    for kind in KINDS {
        let server = kind.start();
        let nothing = said(&server.url(), &["status"]);
        assert!(nothing.starts_with("no counters in "), "{nothing}");
        fill(&server.url());
        let lines = command(&server.url(), &["status"]).stdout;
        let cells: Vec<Vec<&str>> =
            lines.iter().map(|line| line.split_whitespace().collect()).collect();
        let head = ["NAME", "TAKEN", "LIMIT", "REMAINING", "STATE", "EPOCH", "MADE"];
        assert_eq!(cells[0], head, "{kind:?}");
        let rows = [
            ["Hats", "0", "0", "0", "closed", "created"],
            ["a.b_c-1", "5", "5", "0", "halted", "set"],
            ["shoes", "7", "100", "93", "open", "set"],
        ];
        assert_eq!(cells.len(), rows.len() + 1, "{lines:?}");
        for (cells, expected) in cells[1..].iter().zip(rows) {
            assert_eq!((&cells[..5], cells[6]), (&expected[..5], expected[5]), "{kind:?}");
        }
        let one = command(&server.url(), &["status", "shoes"]).stdout;
        assert_eq!(one.len(), 2, "{one:?}");
    }
}

#[test]
fn json_is_for_programs_an_object_a_line() {
    for kind in KINDS {
        let server = kind.start();
        assert_eq!(said(&server.url(), &["status", "--json"]), "");
        fill(&server.url());
        let lines = command(&server.url(), &["status", "--json"]).stdout;
        let lines: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
        let names: Vec<&Value> = lines.iter().map(|line| &line["counter"]).collect();
        assert_eq!(names, ["Hats", "a.b_c-1", "shoes"]);
        let mut shoes = lines[2].clone();
        let epoch = shoes["epoch"].take();
        assert!(epoch.as_u64().is_some_and(|epoch| epoch > 0), "{epoch}");
        let expected = json!({ "counter": "shoes", "taken": 7, "limit": 100, "remaining": 93,
            "state": "open", "epoch": null, "made": "set" });
        assert_eq!(shoes, expected);
    }
}

#[test]
fn a_counter_that_is_not_there_is_an_error() {
    for kind in KINDS {
        let server = kind.start();
        for _ in 0..2 {
            let line = refused(&server.url(), &["status", "shoes"]);
            assert!(line.starts_with("status: there is no counter shoes in "), "{line}");
            said(&server.url(), &["create", "other", "--limit", "5"]);
        }
    }
}

#[test]
fn what_was_lost_is_listed_with_its_reason_and_stays_as_it_is() {
    for kind in KINDS {
        let server = kind.start();
        fill(&server.url());
        lose_default(&server);
        let finished = command(&server.url(), &["status", "default", "--json"]);
        assert_eq!((finished.code, finished.stdout.len()), (Some(1), 1), "{finished:?}");
        let line: Value = serde_json::from_str(&finished.stdout[0]).expect("it is JSON");
        assert_eq!((&line["state"], &line["reason"]), (&json!("refused"), &json!("missing")));
        let again = command(&server.url(), &["status", "default", "--json"]);
        assert_eq!(again.stdout, finished.stdout);
    }
}

/// Each with its reason, and none stops the others.
#[test]
fn counters_of_a_redis_that_cannot_be_read_are_listed() {
    let redis = RedisServer::start(&[]);
    let set = |name: &str, fields: &[&str]| {
        let _: u64 = redis.command(&[&["HSET", &counter_key(name)], fields].concat());
    };
    fill(&redis.url());
    set("bad", &["version", "2", "taken", "a\"\u{1b}[31m\\", "limit", "1"]);
    set("bent", &["version", "2", "taken", "1", "limit", "1", "epoch", "5", "made", "up"]);
    set("late", &["version", "3", "taken", "1"]);
    set("old", &["taken", "1", "limit", "5", "generation", "5"]);
    set("behind", &["version", "2", "taken", "1", "limit", "9", "epoch", "5", "made", "reset"]);
    set("behind", &["floor", "6 3"]);
    let () = redis.command(&["SET", &counter_key("text"), "x"]);
    let () = redis.command(&["SET", &counter_key("no name"), "x"]);
    let () = redis.command(&["SET", "headcount:other", "x"]);
    let finished = command(&redis.url(), &["status", "--json"]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(1), 1), "{finished:?}");
    let said = "headcount: status: 6 of 9 cannot be taken from: bad and 5 more";
    assert_eq!(finished.stderr[0], said);
    let lines: Vec<Value> =
        finished.stdout.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let reasons: Vec<(&str, &str)> = lines
        .iter()
        .filter_map(|line| Some((line["counter"].as_str()?, line["reason"].as_str()?)))
        .collect();
    let expected = [
        ("bad", "damaged"),
        ("behind", "backwards"),
        ("bent", "damaged"),
        ("late", "layout"),
        ("old", "layout"),
        ("text", "type"),
    ];
    assert_eq!((lines.len(), reasons.as_slice()), (9, expected.as_slice()));
    let table = command(&redis.url(), &["status"]);
    assert_eq!((table.code, table.stdout.len()), (Some(1), 10), "{table:?}");
    assert!(!format!("{finished:?}{table:?}").contains('\u{1b}'), "{table:?}");
}

#[test]
fn a_table_of_version_0_1_is_said_to_be_one_and_left_alone() {
    let postgres = PostgresServer::start();
    postgres.sql("create table headcount (name text, taken bigint, max bigint, generation bigint)");
    for words in [&["status"][..], &["status", "default"], &["set", "default", "--limit", "5"]] {
        let line = refused(&postgres.url(), words);
        assert!(line.contains("layout"), "{line}");
    }
    assert!(postgres.has_column("generation"), "it was migrated");
}

/// More than a page of them, in a database with other keys.
#[test]
fn all_counters_are_found_among_many() {
    const COUNT: usize = 1_200;
    for kind in KINDS {
        let server = kind.start();
        said(&server.url(), &["create", "0", "--limit", "1"]);
        match &server {
            StoreServer::Redis(redis) => {
                let script = "for i = 1, ARGV[1] do local key = 'headcount:{c' .. i .. '}' \
                    redis.call('COPY', KEYS[1], key) redis.call('SET', 'other' .. i, i) end";
                let count = COUNT.to_string();
                let () = redis.command(&["EVAL", script, "1", &counter_key("0"), &count]);
            }
            StoreServer::Postgres(postgres) => drop(postgres.sql(&format!(
                "insert into headcount (name, taken, max) \
                 select 'c' || i, 0, 1 from generate_series(1, {COUNT}) as i; \
                 insert into headcount (name, taken, max) values ('no name', 0, 1)"
            ))),
        }
        let lines = command(&server.url(), &["status", "--json"]);
        assert_eq!((lines.code, lines.stdout.len()), (Some(0), COUNT + 1), "{:?}", lines.stderr);
        assert!(lines.stdout.is_sorted(), "{kind:?}");
    }
}
