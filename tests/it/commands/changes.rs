//! `create`, `set` and `reset`: what was, what is, and what is refused.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::Expected::{Refused, Said};
use super::{check, lose_default, refused, said};
use crate::support::redis_server::{RedisServer, counter_key};
use crate::support::store_server::{KINDS, StoreServer};

#[test]
fn each_change_says_what_was_and_what_is() {
    check(
        |_| {},
        &[
            (&["create", "sale", "--limit", "500"], Said("counter sale created: 0 of 500 taken")),
            (
                &["create", "sale", "--limit", "500"],
                Said("counter sale is already there: 0 of 500 taken"),
            ),
            (
                &["create", "sale", "--limit", "600"],
                Refused(
                    "create: not done: counter sale is there with limit 500, not 600 (0 taken); to \
                     change it: headcount set sale --limit 600",
                ),
            ),
            (
                &["set", "sale", "--taken", "7"],
                Said("counter sale set: 0 of 500 taken before, 7 of 500 now"),
            ),
            (
                &["set", "sale", "--limit", "50"],
                Said("counter sale: limit 500 before, 50 now; 7 taken"),
            ),
            (
                &["set", "sale", "--limit", "5"],
                Said(
                    "counter sale: limit 50 before, 7 now; 7 taken; 5 is below what is taken, so \
                     it is closed at 7",
                ),
            ),
            (
                &["set", "sale", "--taken", "9", "--limit", "20"],
                Said("counter sale set: 7 of 7 taken before, 9 of 20 now"),
            ),
        ],
    );
}

#[test]
fn a_reset_keeps_the_limit_or_names_it() {
    check(
        |server| drop(said(&server.url(), &["set", "sale", "--taken", "9", "--limit", "20"])),
        &[
            (
                &["reset", "sale", "--yes"],
                Said("counter sale reset: 9 of 20 taken before, 0 of 20 now"),
            ),
            (
                &["reset", "sale", "--yes", "--limit", "0"],
                Said("counter sale reset: 0 of 20 taken before, 0 of 0 now"),
            ),
            (
                &["create", "sale", "--limit", "0"],
                Said("counter sale is already there: 0 of 0 taken"),
            ),
        ],
    );
}

#[test]
fn a_set_of_the_count_that_would_repeat_numbers_or_pass_the_limit_is_refused() {
    check(
        |server| drop(said(&server.url(), &["set", "sale", "--taken", "7", "--limit", "7"])),
        &[
            (
                &["set", "sale", "--taken", "9"],
                Refused("set: not done: --taken 9: the limit is 7; raise it with --limit"),
            ),
            (
                &["set", "sale", "--taken", "6"],
                Refused(
                    "set: not done: --taken 6: 7 are taken already, and would be handed out again",
                ),
            ),
        ],
    );
}

#[test]
fn a_change_of_a_counter_that_is_not_there_says_how_to_create_it() {
    const NO_COUNTER: &str = "set: not done: there is no counter sale: headcount create sale \
        --limit N creates it";
    check(
        |_| {},
        &[
            (&["set", "sale", "--limit", "5"], Refused(NO_COUNTER)),
            (&["create", "other", "--limit", "5"], Said("counter other created: 0 of 5 taken")),
            (&["set", "sale", "--limit", "5"], Refused(NO_COUNTER)),
            (
                &["set", "sale", "--taken", "3", "--limit", "5"],
                Said("counter sale set: no count before, 3 of 5 now"),
            ),
            (
                &["reset", "third", "--limit", "5", "--yes"],
                Said("counter third reset: no count before, 0 of 5 now"),
            ),
        ],
    );
}

/// A create must not end the refusal of what was lost; a set of the count and a reset do.
#[test]
fn a_counter_that_was_lost_is_not_created() {
    const LOST: &str = "counter default was lost after 3 were taken: go on with headcount set \
        default --taken N, or begin at 1 with headcount reset default";
    for kind in KINDS {
        let server = kind.start();
        said(&server.url(), &["create", "other", "--limit", "9"]);
        lose_default(&server);
        for (verb, words) in [
            ("create", &["create", "default", "--limit", "9"]),
            ("set", &["set", "default", "--limit", "9"]),
        ] {
            let line = refused(&server.url(), words);
            assert_eq!(line, format!("{verb}: not done: {LOST}"), "{kind:?}");
        }
        let line = refused(&server.url(), &["set", "default", "--taken", "2", "--limit", "9"]);
        assert!(line.contains("--taken 2: 3 are taken already"), "{line}");
        let line = said(&server.url(), &["set", "default", "--taken", "3", "--limit", "9"]);
        assert_eq!(line, "counter default set: no count before, 3 of 9 now");
        said(&server.url(), &["create", "default", "--limit", "9"]);
    }
}

/// Created anew by somebody's start: it is there, and refused by those who knew the one before.
#[test]
fn a_counter_that_is_behind_its_floor_is_not_said_to_be_created() {
    for kind in KINDS {
        let server = kind.start();
        said(&server.url(), &["create", "default", "--limit", "9"]);
        match &server {
            StoreServer::Redis(redis) => {
                let _: u64 = redis.command(&["HSET", &counter_key("default"), "floor", "5 3"]);
            }
            StoreServer::Postgres(postgres) => {
                postgres.sql("update headcount set floor_epoch = 5, floor_taken = 3");
            }
        }
        let line = refused(&server.url(), &["create", "default", "--limit", "9"]);
        assert!(line.contains("was lost after 3 were taken"), "{line}");
        let epoch = server.epoch();
        said(&server.url(), &["set", "default", "--limit", "11"]);
        let line = refused(&server.url(), &["create", "default", "--limit", "11"]);
        assert!(line.contains("was lost"), "a limit does not end it: {line}");
        assert_eq!((server.epoch(), server.made().as_str()), (epoch, "created"));
    }
}

#[test]
fn a_change_of_what_cannot_be_read_leaves_it_as_it_is() {
    let redis = RedisServer::start(&[]);
    let fields = ["taken", "ten", "limit", "9", "epoch", "5", "made", "reset", "version", "2"];
    let _: u64 = redis.command(&[&["HSET", &counter_key("bad")], fields.as_slice()].concat());
    let () = redis.command(&["SET", &counter_key("text"), "x"]);
    let _: u64 = redis.command(&["HSET", &counter_key("late"), "version", "3", "taken", "1"]);
    let rows: [(&[&str], &str); 6] = [
        (&["create", "bad", "--limit", "9"], "cannot be read: see headcount status bad"),
        (&["set", "bad", "--limit", "9"], r#"the field taken holds "ten""#),
        (&["create", "text", "--limit", "9"], "WRONGTYPE"),
        (&["set", "text", "--limit", "9"], "WRONGTYPE"),
        (&["create", "late", "--limit", "9"], "another version of headcount"),
        (&["set", "late", "--limit", "9"], "another version of headcount"),
    ];
    for (words, expected) in rows {
        let line = refused(&redis.url(), words);
        assert!(line.contains(expected) && line.contains("not done"), "{words:?}: {line}");
    }
    let taken: String = redis.command(&["HGET", &counter_key("bad"), "taken"]);
    let count: u64 = redis.command(&["HLEN", &counter_key("bad")]);
    assert_eq!((taken.as_str(), count), ("ten", 5));
}

/// Without `--yes` it asks on a terminal, and the tests have none.
#[test]
fn a_reset_that_cannot_ask_is_not_done() {
    check(
        |server| drop(said(&server.url(), &["set", "sale", "--taken", "5", "--limit", "9"])),
        &[
            (
                &["reset", "sale"],
                Refused(
                    "reset: not done: stdin is no terminal to ask on; to reset without being \
                     asked, add --yes",
                ),
            ),
            (
                &["create", "sale", "--limit", "9"],
                Said("counter sale is already there: 5 of 9 taken"),
            ),
        ],
    );
}

/// On a terminal it asks, shows what is there, and does nothing unless the name is typed.
#[test]
fn a_reset_asks_on_a_terminal() {
    let server = KINDS[0].start();
    said(&server.url(), &["set", "default", "--taken", "5", "--limit", "9"]);
    let ask = |answer: &str| answer_on_a_terminal(&server.url(), answer, || {});
    let refused = ask("yes\n");
    let question = "Reset counter default: 5 of 9 taken. All numbers will be handed out again. \
        Type the name to go on:";
    assert!(refused.contains(question), "{refused}");
    assert!(refused.contains("headcount: reset: not done: the name was not typed"), "{refused}");
    assert!(refused.contains("exit 1") && server.counter("default") == Some((5, 9)), "{refused}");
    let done = ask("default\n");
    assert!(done.contains("counter default reset: 5 of 9 taken before, 0 of 9 now"), "{done}");
    assert!(done.contains("exit 0") && server.counter("default") == Some((0, 9)), "{done}");
}

/// What was shown is what is reset: not what somebody else has begun since.
#[test]
fn a_reset_is_of_the_epoch_that_was_shown() {
    for kind in KINDS {
        let server = kind.start();
        said(&server.url(), &["set", "default", "--taken", "5", "--limit", "9"]);
        let line = answer_on_a_terminal(&server.url(), "default\n", || {
            said(&server.url(), &["set", "default", "--taken", "7"]);
        });
        let words = "reset: not done: the counter was changed by somebody else meanwhile";
        assert!(line.contains(words) && line.contains("exit 1"), "{kind:?}: {line}");
        assert_eq!(server.counter("default"), Some((7, 9)));
    }
}

/// Runs a reset of `default` on a terminal, and answers its question after `meanwhile`. Gives all
/// that it said.
fn answer_on_a_terminal(url: &str, answer: &str, meanwhile: impl FnOnce()) -> String {
    let program = env!("CARGO_BIN_EXE_headcount");
    let line = format!("{program} reset default --store {url}; echo exit $?");
    // util-linux, for a terminal.
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = terminal.spawn().expect("these tests need script of util-linux");
    let mut stdin = terminal.stdin.take().expect("it is piped");
    let mut stdout = terminal.stdout.take().expect("it is piped");
    let (mut said, mut buffer) = (Vec::new(), [0; 256]);
    while !said.ends_with(b"to go on: ") {
        let count = stdout.read(&mut buffer).expect("it speaks");
        assert!(count > 0, "it did not ask: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..count]);
    }
    meanwhile();
    stdin.write_all(answer.as_bytes()).expect("it reads");
    stdout.read_to_end(&mut said).expect("it ends");
    terminal.wait().expect("it ends");
    String::from_utf8_lossy(&said).replace('\r', "")
}
