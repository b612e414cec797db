//! The scripts of Redis, by themselves: what is asked again takes nothing more, and what is kept of
//! it is bounded.

mod keys;

use redis::Value;

use crate::support::redis_server::{RedisServer, counter_key};

const TAKE: &str = include_str!("../../../src/store/redis/take.lua");
const HANDSHAKE: &str = include_str!("../../../src/store/redis/confirm.lua");

struct Counter(RedisServer);

impl Counter {
    fn create() -> Counter {
        let counter = Counter(RedisServer::start(&[]));
        counter
            .set(&["version", "2", "taken", "0", "limit", "10", "epoch", "5", "made", "created"]);
        counter
    }

    fn set(&self, fields: &[&str]) {
        let key = counter_key("default");
        let _: u64 = self.0.command(&[&["HSET", &key], fields].concat());
    }

    fn field(&self, name: &str) -> Option<String> {
        self.0.command(&["HGET", &counter_key("default"), name])
    }

    fn taken(&self) -> u64 {
        self.0.counter("default").expect("it was created").0
    }

    /// First and granted, or the code of the error, for link 1 that has seen epoch 5.
    fn ask(&self, sequence: u64, count: u64) -> Result<(i64, i64), String> {
        self.ask_as(1, sequence, count, (5, 0))
    }

    fn ask_as(
        &self,
        link: u64,
        sequence: u64,
        count: u64,
        seen: (u64, u64),
    ) -> Result<(i64, i64), String> {
        let place = |sequence: u64| format!("a:{link:016x}:{}", sequence % 2);
        let words = [count, sequence].map(|number| number.to_string());
        let places = [place(sequence), place(sequence + 1)];
        let seen = [seen.0, seen.1, 0].map(|number| number.to_string());
        let arguments: Vec<&str> =
            words.iter().chain(&places).chain(&seen).map(String::as_str).collect();
        match self.eval(TAKE, &arguments) {
            Value::Array(parts) => match parts.as_slice() {
                [Value::Int(first), Value::Int(granted), ..] => Ok((*first, *granted)),
                parts => panic!("{parts:?}"),
            },
            Value::ServerError(error) => Err(error.code().to_owned()),
            value => panic!("{value:?}"),
        }
    }

    /// A handshake that drops what is silent for so long, of a link that was granted nothing.
    fn shake_hands(&self, kept_s: u64) {
        let _ = self.eval(HANDSHAKE, &["0", "10", &kept_s.to_string(), "a:0:0", "0", "0"]);
    }

    fn eval(&self, script: &str, arguments: &[&str]) -> Value {
        let key = counter_key("default");
        let words = [&["EVAL", script, "1", &key], arguments].concat();
        self.0.try_command(&words).expect("redis answers")
    }
}

#[test]
fn an_ask_that_comes_again_takes_nothing_more_however_often() {
    let counter = Counter::create();
    for _ in 0..3 {
        assert_eq!(counter.ask(1, 3), Ok((1, 3)));
        assert_eq!(counter.taken(), 3);
    }
    // The last numbers, after which there is none left.
    for _ in 0..3 {
        assert_eq!(counter.ask(3, 9), Ok((4, 7)));
        assert_eq!(counter.taken(), 10);
    }
    assert_eq!(counter.ask(5, 1), Ok((11, 0)));
}

#[test]
fn an_ask_that_is_read_late_takes_nothing_and_the_later_answer_is_kept() {
    for (later, count) in [(3, 2), (3, 9), (2, 2)] {
        let counter = Counter::create();
        assert_eq!(counter.ask(1, 3), Ok((1, 3)));
        let answer = counter.ask(later, count);
        let taken = counter.taken();
        let again = counter.ask(1, 3);
        // In the place of an even number's answer the one of number 1 is still there.
        let expected = if later % 2 == 0 { (1, 3) } else { (taken as i64 + 1, 0) };
        assert_eq!(again, Ok(expected), "{later}");
        assert_eq!(counter.taken(), taken);
        assert_eq!(counter.ask(later, count), answer);
        assert_eq!(counter.taken(), taken);
    }
}

/// Its numbers would be lower than those of the later one, whose answer is still to come.
#[test]
fn an_ask_that_was_granted_nothing_is_granted_nothing_again_once_a_later_one_was_granted() {
    let counter = Counter::create();
    counter.set(&["taken", "10"]);
    assert_eq!(counter.ask(4, 1), Ok((11, 0)));
    counter.set(&["limit", "20"]);
    assert_eq!(counter.ask(5, 2), Ok((11, 2)));
    assert_eq!(counter.ask(4, 1), Ok((13, 0)));
    assert_eq!(counter.ask(5, 2), Ok((11, 2)));
    assert_eq!(counter.ask(6, 1), Ok((13, 1)));
}

#[test]
fn an_answer_is_of_its_epoch_and_within_the_limit() {
    let counter = Counter::create();
    assert_eq!(counter.ask(1, 3), Ok((1, 3)));
    counter.set(&["limit", "2"]);
    assert_eq!(counter.ask(1, 3), Ok((1, 2)), "3 is past the limit now");
    counter.set(&["limit", "10", "taken", "0", "epoch", "6", "made", "set"]);
    assert_eq!(counter.ask(1, 3), Ok((1, 0)), "an ask runs in its epoch alone");
    assert_eq!(counter.taken(), 0);
    assert_eq!(counter.ask_as(1, 3, 2, (6, 0)), Ok((1, 2)));
}

#[test]
fn who_has_seen_more_writes_the_floor_and_nobody_takes_below_it() {
    let counter = Counter::create();
    assert_eq!(counter.ask_as(1, 1, 1, (5, 0)), Ok((1, 1)));
    assert_eq!(counter.ask_as(2, 0, 0, (5, 7)), Err("BACKWARDS".to_owned()), "a peek will do");
    assert_eq!(counter.field("floor").as_deref(), Some("5 7"));
    assert_eq!(counter.ask_as(3, 0, 0, (5, 6)), Err("BACKWARDS".to_owned()));
    assert_eq!(counter.field("floor").as_deref(), Some("5 7"), "it only rises");
    for seen in [(0, 0), (5, 0), (5, 1)] {
        assert_eq!(counter.ask_as(4, 2, 1, seen), Err("BACKWARDS".to_owned()));
    }
    counter.set(&["epoch", "6"]);
    for seen in [(0, 0), (5, 0), (6, 1)] {
        assert_eq!(counter.ask_as(4, 2, 1, seen), Err("RECREATED".to_owned()));
    }
    counter.set(&["made", "reset"]);
    assert_eq!(counter.ask_as(4, 2, 1, (6, 1)), Ok((2, 1)));
}

/// A counter that is gone keeps what was seen of it, so that no start begins it anew.
#[test]
fn a_counter_that_is_gone_has_a_floor_once_somebody_looked_for_it() {
    let counter = Counter::create();
    let _: u64 = counter.0.command(&["DEL", &counter_key("default")]);
    assert_eq!(counter.ask_as(1, 0, 0, (0, 0)), Err("MISSING".to_owned()));
    assert_eq!(counter.field("floor"), None, "who has seen nothing knows nothing");
    assert_eq!(counter.ask_as(1, 0, 0, (5, 3)), Err("MISSING".to_owned()));
    assert_eq!(counter.field("floor").as_deref(), Some("5 3"));
    let _ = counter.eval(HANDSHAKE, &["1", "10", "60", "a:0:0", "0", "0"]);
    assert_eq!(counter.field("taken"), None, "it was begun anew");
}

#[test]
fn answers_of_links_that_are_silent_for_a_day_are_dropped_by_a_handshake() {
    let counter = Counter::create();
    for link in [1, 2] {
        assert!(counter.ask_as(link, 1, 1, (5, 0)).is_ok());
        assert!(counter.ask_as(link, 2, 1, (5, 0)).is_ok());
    }
    let listed = || counter.field("links").map(|links| links.len() / 17);
    counter.shake_hands(0);
    assert_eq!(listed(), Some(2));
    for place in [0, 1] {
        counter.set(&[&format!("a:{:016x}:{place}", 1), "1 1 1 5 1000"]);
    }
    counter.shake_hands(0);
    assert_eq!(listed(), Some(1));
    assert_eq!(counter.field("a:0000000000000001:1"), None);
    assert!(counter.field("a:0000000000000002:1").is_some());
    assert_eq!(counter.ask_as(1, 3, 1, (5, 0)), Ok((5, 1)), "a silent link may speak again");
    assert_eq!(listed(), Some(2));
}

/// A minute is as long as a request may be sent again.
#[test]
fn answers_of_many_links_are_kept_for_a_minute() {
    let counter = Counter::create();
    let now: (u64, u64) = counter.0.command(&["TIME"]);
    let links: String = (0..2_049).map(|link| format!("{link:016x} ")).collect();
    let answer = |ago_s: u64| format!("1 1 1 5 {}", now.0 - ago_s);
    counter.set(&["links", &links, &format!("a:{:016x}:0", 1), &answer(50)]);
    counter.set(&[&format!("a:{:016x}:0", 2), &answer(100)]);
    counter.shake_hands(60);
    assert!(counter.field("a:0000000000000001:0").is_some());
    assert_eq!(counter.field("a:0000000000000002:0"), None);
    assert_eq!(counter.field("links").map(|links| links.len()), Some(17));
}

/// Its connection has outlived a failover, and others have taken its numbers since.
#[test]
fn a_link_with_unclaimed_numbers_is_told_that_the_answer_to_them_is_gone() {
    let counter = Counter::create();
    assert!(counter.ask(3, 2).is_ok());
    let confirm = |sequence: &str| {
        let places = ["a:0000000000000001:0", "a:0000000000000001:1"];
        let peek = ["0", "0", places[0], places[1], "5", "2", sequence];
        match counter.eval(TAKE, &peek) {
            Value::Array(_) => "confirmed".to_owned(),
            Value::ServerError(error) => error.code().to_owned(),
            value => panic!("{value:?}"),
        }
    };
    assert_eq!([confirm("0"), confirm("3")], ["confirmed", "confirmed"]);
    assert_eq!(confirm("4"), "UNCONFIRMED");
    counter.set(&["a:0000000000000001:1", "1 1 1 5 1000", "taken", "9"]);
    assert_eq!(confirm("3"), "UNCONFIRMED");
}

/// Thousands of answers take Redis milliseconds to look through, and a failover brings thousands
/// of handshakes.
#[test]
fn answers_are_looked_through_once_a_minute_however_many_handshakes_there_are() {
    let counter = Counter::create();
    assert!(counter.ask_as(1, 1, 1, (5, 0)).is_ok());
    counter.shake_hands(60);
    counter.set(&["a:0000000000000001:1", "1 1 1 5 1000"]);
    counter.shake_hands(60);
    assert!(counter.field("a:0000000000000001:1").is_some(), "it was looked at again");
    counter.set(&["swept", "1000"]);
    counter.shake_hands(60);
    assert_eq!(counter.field("a:0000000000000001:1"), None);
}

#[test]
fn a_link_learns_that_its_last_answer_is_lost() {
    let counter = Counter::create();
    assert!(counter.ask(3, 1).is_ok());
    let shake_hands = |sequence: &str, epoch: &str| {
        let last = ["0", "10", "60", "a:0000000000000001:1", sequence, epoch];
        match counter.eval(HANDSHAKE, &last) {
            Value::BulkString(text) => String::from_utf8(text).expect("text"),
            value => panic!("{value:?}"),
        }
    };
    assert_eq!(shake_hands("0", "0"), "found");
    assert_eq!(shake_hands("3", "5"), "found");
    assert_eq!(shake_hands("1", "5"), "found", "it is that of a later request");
    for (sequence, epoch) in [("5", "5"), ("3", "6")] {
        assert_eq!(shake_hands(sequence, epoch), "lost");
    }
}

#[test]
fn a_list_of_links_that_is_full_grants_nothing_to_one_more() {
    let counter = Counter::create();
    counter.set(&["links", &"0123456789abcdef ".repeat(4_096)]);
    assert_eq!(counter.ask(1, 1), Err("LINKS".to_owned()));
    assert_eq!(counter.taken(), 0);
    counter.shake_hands(60);
    assert_eq!(counter.ask(1, 1), Ok((1, 1)));
}
