//! Keys in the script of a take: each has one number, however often the request comes.

use redis::Value;

use super::{Counter, HANDSHAKE, TAKE};
use crate::support::redis_server::counter_key;

/// Of an answer: first and granted of those without keys, and one number for each key: `n` is new,
/// `-n` is replayed, of this epoch or another one of the sale, `0` is none.
type Taken = (i64, i64, Vec<i64>);

const CHANGE: &str = include_str!("../../../../src/store/redis/change.lua");

impl Counter {
    /// Takes for these keys and `count` others, for link 1 that has seen epoch 5.
    fn take(&self, sequence: u64, count: u64, keys: &[&str]) -> Result<Taken, String> {
        self.take_as(1, sequence, count, keys, 5)
    }

    fn take_as(
        &self,
        link: u64,
        sequence: u64,
        count: u64,
        keys: &[&str],
        epoch: u64,
    ) -> Result<Taken, String> {
        match self.answer(link, sequence, count, keys, epoch) {
            Value::Array(parts) => match parts.as_slice() {
                [
                    Value::Int(first),
                    Value::Int(granted),
                    Value::Int(_),
                    Value::Int(_),
                    rest @ ..,
                ] => Ok((*first, *granted, rest.iter().map(number).collect())),
                parts => panic!("{parts:?}"),
            },
            Value::ServerError(error) => Err(error.code().to_owned()),
            value => panic!("{value:?}"),
        }
    }

    fn answer(&self, link: u64, sequence: u64, count: u64, keys: &[&str], epoch: u64) -> Value {
        let place = |sequence: u64| format!("a:{link:016x}:{}", sequence % 2);
        let numbers = [count, sequence].map(|number| number.to_string());
        let places = [place(sequence), place(sequence + 1)];
        let seen = [epoch, 0, 0].map(|number| number.to_string());
        let words = numbers.iter().chain(&places).chain(&seen).map(String::as_str);
        self.eval(TAKE, &words.chain(keys.iter().copied()).collect::<Vec<_>>())
    }

    fn number_of(&self, key: &str) -> Option<String> {
        self.field(&format!("k:{key}"))
    }

    /// As `headcount set --taken` and `headcount reset` do it; gives the epoch that it has begun.
    fn change(&self, limit: &str, taken: &str) -> u64 {
        let epoch = self.field("epoch").expect("it has one");
        let changed = self.eval(CHANGE, &["token", &epoch, limit, taken, "10"]);
        assert!(matches!(changed, Value::Array(_)), "{changed:?}");
        self.set(&["token", "-"]);
        self.field("epoch").and_then(|epoch| epoch.parse().ok()).expect("it has one")
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::BulkString(text) => {
            let text = String::from_utf8_lossy(text);
            let (number, _) = text.split_once(' ').expect("a number and its epoch");
            -number.parse::<i64>().expect("a number")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_are_served_in_their_order_before_the_others_and_keep_their_numbers() {
    let counter = Counter::create();
    counter.set(&["sale", "5"]);
    assert_eq!(counter.take(1, 2, &["a", "b", "a"]), Ok((3, 2, vec![1, 2, -1])));
    assert_eq!((counter.taken(), counter.number_of("b").as_deref()), (4, Some("2")));
    assert_eq!(counter.take(2, 0, &["b", "c"]), Ok((6, 0, vec![-2, 5])));
    assert_eq!(counter.take(3, 1, &["c", "a"]), Ok((6, 1, vec![-5, -1])));
    assert_eq!(counter.take_as(2, 1, 0, &["a"], 5), Ok((7, 0, vec![-1])), "another link");
    assert_eq!(counter.taken(), 6);
}

#[test]
fn a_key_gets_its_number_whatever_the_limit_is_and_no_other_gets_one_past_it() {
    let counter = Counter::create();
    counter.set(&["limit", "2"]);
    assert_eq!(counter.take(1, 1, &["a", "b", "c"]), Ok((3, 0, vec![1, 2, 0])));
    assert_eq!(counter.number_of("c"), None);
    assert_eq!(counter.take(2, 3, &["c", "a"]), Ok((3, 0, vec![0, -1])));
    counter.set(&["limit", "1"]);
    assert_eq!(counter.take(3, 1, &["b", "c"]), Ok((3, 0, vec![-2, 0])));
    counter.set(&["limit", "4"]);
    assert_eq!(counter.take(4, 5, &["c", "c"]), Ok((4, 1, vec![3, -3])));
    assert_eq!(counter.taken(), 4);
}

/// The answer is what the first run was to say: nobody has been told that these are replays.
#[test]
fn a_request_that_comes_again_finds_what_it_granted_and_takes_nothing_more() {
    let counter = Counter::create();
    assert_eq!(counter.take_as(2, 1, 1, &["old"], 5), Ok((2, 1, vec![1])));
    for _ in 0..3 {
        let answer = counter.take(1, 2, &["a", "old", "b", "a"]);
        assert_eq!(answer, Ok((5, 2, vec![3, -1, 4, -3])));
        assert_eq!(counter.taken(), 6);
    }
    // A lowered limit takes numbers from those without a key alone.
    counter.set(&["limit", "3"]);
    assert_eq!(counter.take(1, 2, &["a", "old", "b", "a"]), Ok((5, 0, vec![3, -1, 4, -3])));
}

#[test]
fn a_request_for_keys_alone_that_comes_again_finds_their_numbers() {
    for keys in [vec!["a"], vec!["a", "b"]] {
        let counter = Counter::create();
        let granted = keys.len() as i64;
        for _ in 0..2 {
            assert_eq!(counter.take(1, 0, &keys), Ok((granted + 1, 0, (1..=granted).collect())));
            assert_eq!(counter.taken(), keys.len() as u64);
        }
        let replayed = (1..=granted).map(|number| -number).collect();
        assert_eq!(counter.take(2, 0, &keys), Ok((granted + 1, 0, replayed)));
    }
}

/// With the numbers that others took meanwhile, and with a limit that has room again.
#[test]
fn a_request_that_comes_again_gets_nothing_for_keys_that_its_first_run_had_nothing_for() {
    let counter = Counter::create();
    counter.set(&["limit", "2"]);
    for _ in 0..2 {
        assert_eq!(counter.take(1, 1, &["a", "b", "c", "d"]), Ok((3, 0, vec![1, 2, 0, 0])));
    }
    counter.set(&["limit", "9"]);
    assert_eq!(counter.take_as(2, 1, 0, &["d"], 5), Ok((4, 0, vec![3])));
    assert_eq!(counter.take(1, 1, &["a", "b", "c", "d"]), Ok((3, 0, vec![1, 2, 0, -3])));
    assert_eq!((counter.taken(), counter.number_of("c")), (3, None));
}

/// It is all the same whether it has run: nothing was granted.
#[test]
fn a_request_that_granted_nothing_runs_when_it_comes_again() {
    let counter = Counter::create();
    counter.set(&["limit", "1"]);
    assert_eq!(counter.take_as(2, 1, 0, &["old"], 5), Ok((2, 0, vec![1])));
    assert_eq!(counter.take(1, 1, &["a", "old"]), Ok((2, 0, vec![0, -1])));
    assert_eq!(counter.field("a:0000000000000001:1"), None);
    counter.set(&["limit", "9"]);
    assert_eq!(counter.take(1, 1, &["a", "old"]), Ok((3, 1, vec![2, -1])));
    assert_eq!(counter.take(1, 1, &["a", "old"]), Ok((3, 1, vec![2, -1])));
}

/// A later one of its link was granted something: its numbers are higher, and so stay.
#[test]
fn a_request_that_granted_nothing_grants_nothing_behind_a_later_one_and_still_replays() {
    let counter = Counter::create();
    counter.set(&["taken", "10"]);
    assert_eq!(counter.take(4, 1, &["a", "b"]), Ok((11, 0, vec![0, 0])));
    counter.set(&["limit", "20"]);
    assert_eq!(counter.take(5, 0, &["b"]), Ok((12, 0, vec![11])));
    assert_eq!(counter.take(4, 1, &["a", "b"]), Ok((12, 0, vec![0, -11])));
    assert_eq!(counter.take(5, 0, &["b"]), Ok((12, 0, vec![11])));
    assert_eq!(counter.take(6, 0, &["a", "b"]), Ok((13, 0, vec![12, -11])));
}

/// The keys know their numbers without it. Whoever asked is told that they are replays.
#[test]
fn keys_have_their_numbers_where_the_answer_was_dropped() {
    let counter = Counter::create();
    assert_eq!(counter.take(1, 0, &["a", "b"]), Ok((3, 0, vec![1, 2])));
    let key = counter_key("default");
    let _: u64 = counter.0.command(&["HDEL", &key, "a:0000000000000001:1", "links"]);
    assert_eq!(counter.take(1, 0, &["a", "b"]), Ok((3, 0, vec![-1, -2])));
    assert_eq!(counter.taken(), 2);
}

#[test]
fn in_another_epoch_than_was_seen_keys_get_nothing_and_are_replayed_nothing() {
    let counter = Counter::create();
    assert_eq!(counter.take(1, 0, &["a"]), Ok((2, 0, vec![1])));
    let (set, reset) = ("7", "");
    for (taken, made) in [(set, "set"), (reset, "reset")] {
        let later = counter.change("", taken);
        for sequence in [1, 3] {
            let Value::Array(parts) = counter.answer(1, sequence, 1, &["a", "b"], 5) else {
                panic!("it was refused")
            };
            let [_, Value::Int(0), _, Value::Int(epoch), how] = parts.as_slice() else {
                panic!("{parts:?}")
            };
            assert_eq!(*epoch, later.cast_signed());
            assert_eq!(*how, Value::BulkString(made.into()));
        }
        assert_eq!(counter.number_of("b"), None);
    }
}

#[test]
fn a_set_keeps_the_keys_and_a_reset_drops_them() {
    let counter = Counter::create();
    counter.set(&["sale", "5"]);
    assert_eq!(counter.take(1, 0, &["a"]), Ok((2, 0, vec![1])));
    let later = counter.change("", "7");
    assert_eq!(counter.take_as(1, 2, 0, &["a", "b"], later), Ok((9, 0, vec![-1, 8])));
    // Each is of the epoch in which it was granted.
    let b = format!("8 {later}");
    assert_eq!(counter.number_of("b"), Some(b.clone()));
    let Value::Array(parts) = counter.answer(1, 3, 0, &["a", "b"], later) else {
        panic!("it is granted");
    };
    assert_eq!(parts[4..], [Value::BulkString(b"1 5".to_vec()), Value::Int(-8)]);
    let last = counter.change("", "9");
    let Value::Array(parts) = counter.answer(1, 4, 0, &["b"], last) else {
        panic!("it is granted");
    };
    assert_eq!(parts[4..], [Value::BulkString(b.into_bytes())]);
    let later = counter.change("", "");
    assert_eq!(counter.number_of("a"), None);
    assert_eq!(counter.take_as(1, 5, 0, &["b", "a"], later), Ok((3, 0, vec![1, 2])));
}

/// A user without the right to UNLINK leaves the fields of the last sale where they are.
#[test]
fn keys_that_a_reset_could_not_drop_serve_nobody() {
    let counter = Counter::create();
    counter.set(&["sale", "5"]);
    assert_eq!(counter.take(1, 0, &["a", "b"]), Ok((3, 0, vec![1, 2])));
    counter.set(&["taken", "0", "epoch", "6", "sale", "6", "made", "reset"]);
    for expected in [vec![1, 2], vec![-1, -2]] {
        assert_eq!(counter.take_as(2, 1, 0, &["b", "a"], 6).map(|it| it.2), Ok(expected.clone()));
        // Neither the list of links nor the answer is of the last sale.
        assert_eq!(counter.number_of("a").as_deref(), Some("1"));
        let key = counter_key("default");
        let _: u64 = counter.0.command(&["HDEL", &key, "a:0000000000000002:1"]);
    }
    assert_eq!(counter.taken(), 2);
}

#[test]
fn the_most_keys_of_the_most_bytes_are_all_or_none_written() {
    let counter = Counter::create();
    counter.set(&["limit", "1000"]);
    let names: Vec<String> = (0..256).map(|number| format!("{number:k>255}")).collect();
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let maxmemory = |bytes: &str| {
        let _: String = counter.0.command(&["CONFIG", "SET", "maxmemory", bytes]);
    };
    maxmemory("1");
    assert_eq!(counter.take(1, 3, &keys), Err("OOM".to_owned()));
    assert_eq!((counter.taken(), counter.number_of(keys[0])), (0, None));
    maxmemory("0");
    for _ in 0..2 {
        assert_eq!(counter.take(1, 3, &keys), Ok((257, 3, (1..=256).collect())));
        assert_eq!(counter.taken(), 259);
    }
}

/// What is no number is none, and none is what a key is answered with that has none.
#[test]
fn a_key_whose_number_cannot_be_read_gets_another() {
    let counter = Counter::create();
    counter.set(&["taken", "3", "k:a", "x", "k:b", "0", "k:c", "-1", "k:d", ""]);
    let answer = counter.take(1, 0, &["a", "b", "c", "d"]);
    assert_eq!(answer, Ok((8, 0, vec![4, 5, 6, 7])));
}

/// An older headcount on the same counter reads them too, when it looks for links that are silent.
#[test]
fn answers_to_keys_end_in_the_time_and_have_the_epoch_in_its_place() {
    let counter = Counter::create();
    assert_eq!(counter.take(1, 1, &["a", "b"]), Ok((3, 1, vec![1, 2])));
    counter.shake_hands(60);
    let answer = counter.field("a:0000000000000001:1").expect("it is not old");
    let words: Vec<u64> = answer.split(' ').map(|it| it.parse().expect("a number")).collect();
    let now: (u64, u64) = counter.0.command(&["TIME"]);
    let [1, 3, 1, 5, 2, time] = words[..] else { panic!("{answer}") };
    assert!((now.0 - 60..=now.0).contains(&time), "{answer}");
    let last = ["0", "10", "60", "a:0000000000000001:1", "1", "5"];
    assert_eq!(counter.eval(HANDSHAKE, &last), Value::BulkString("found".into()));
}

#[test]
fn a_replay_alone_writes_nothing() {
    let counter = Counter::create();
    assert_eq!(counter.take(1, 0, &["a"]), Ok((2, 0, vec![1])));
    let before = counter.field("links");
    assert_eq!(counter.take_as(2, 1, 0, &["a", "a"], 5), Ok((2, 0, vec![-1, -1])));
    assert_eq!(counter.field("a:0000000000000002:1"), None);
    assert_eq!(counter.field("links"), before);
}
