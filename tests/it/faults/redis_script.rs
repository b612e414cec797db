//! The script that takes, by itself: what is asked again takes nothing more.

use redis::Value;

use crate::support::redis_server::{RedisServer, counter_key};

const TAKE: &str = include_str!("../../../src/store/take.lua");

struct Counter(RedisServer);

impl Counter {
    fn create() -> Counter {
        let counter = Counter(RedisServer::start(&[]));
        counter.set(&["taken", "0", "limit", "10", "generation", "5"]);
        counter
    }

    fn set(&self, fields: &[&str]) {
        let key = counter_key("default");
        let _: u64 = self.0.command(&[&["HSET", &key], fields].concat());
    }

    fn taken(&self) -> u64 {
        self.0.counter("default").expect("it was created").0
    }

    /// First and granted, or the code of the error.
    fn ask(&self, sequence: u64, count: u64) -> Result<(i64, i64), String> {
        let (key, count, sequence) = (counter_key("default"), count.to_string(), sequence);
        let place = format!("{key}:link:1:0");
        let arguments = ["EVAL", TAKE, "2", &key, &place, &count, &sequence.to_string()];
        let words = [&arguments[..], &["60000", "0", "0"]].concat();
        match self.0.try_command(&words).expect("redis answers") {
            Value::Array(parts) => match parts.as_slice() {
                [Value::Int(first), Value::Int(granted), ..] => Ok((*first, *granted)),
                parts => panic!("{parts:?}"),
            },
            Value::ServerError(error) => Err(error.code().to_owned()),
            value => panic!("{value:?}"),
        }
    }
}

#[test]
fn an_ask_that_comes_again_takes_nothing_more_however_often() {
    let counter = Counter::create();
    for _ in 0..3 {
        assert_eq!(counter.ask(1, 3), Ok((1, 3)));
        assert_eq!(counter.taken(), 3);
    }
    // The last numbers, after which there is none to put back.
    for _ in 0..3 {
        assert_eq!(counter.ask(3, 9), Ok((4, 7)));
        assert_eq!(counter.taken(), 10);
    }
    assert_eq!(counter.ask(5, 1), Ok((11, 0)));
}

#[test]
fn an_ask_that_is_read_late_takes_nothing_and_the_later_answer_is_kept() {
    for last in [2, 9] {
        let counter = Counter::create();
        assert_eq!(counter.ask(1, 3), Ok((1, 3)));
        let answer = counter.ask(3, last);
        let taken = counter.taken();
        assert_eq!(counter.ask(1, 3), Err("STALE".to_owned()));
        assert_eq!(counter.taken(), taken);
        assert_eq!(counter.ask(3, last), answer);
        assert_eq!(counter.taken(), taken);
    }
}

#[test]
fn what_was_answered_before_a_reset_is_asked_for_anew_after_it() {
    let counter = Counter::create();
    assert_eq!(counter.ask(1, 3), Ok((1, 3)));
    counter.set(&["taken", "0", "generation", "6"]);
    assert_eq!(counter.ask(1, 2), Ok((1, 2)));
    assert_eq!(counter.ask(1, 2), Ok((1, 2)));
    assert_eq!(counter.taken(), 2);
}

#[test]
fn a_place_that_holds_no_answer_of_ours_is_written_over_or_refused() {
    let counter = Counter::create();
    let place = format!("{}:link:1:0", counter_key("default"));
    let () = counter.0.command(&["SET", &place, ""]);
    assert_eq!(counter.ask(1, 3), Ok((1, 3)));
    let _: u64 = counter.0.command(&["DEL", &place]);
    let _: u64 = counter.0.command(&["RPUSH", &place, "x"]);
    assert_eq!(counter.ask(2, 1), Err("WRONGTYPE".to_owned()));
    assert_eq!(counter.taken(), 3, "what is refused takes nothing");
}
