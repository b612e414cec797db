//! Requests with keys, and what they are answered with.

use super::*;
use crate::limits::{KEY_BYTES_MAX, KEYS_PER_BATCH_MAX};
use crate::store::keys::{Key, KeyedNumber};

fn keys(names: &[&str]) -> Keys {
    names.iter().map(|name| Key::new(name.as_bytes()).expect("it is a key")).collect()
}

fn request(count: u64, names: &[&str]) -> Request {
    Request { sequence: 1, count, keys: keys(names), seen: SEEN, confirm: 0 }
}

fn written(redis: &mut Redis, request: Request) -> String {
    let mut out = Vec::new();
    redis.write_request(FIRST, &request, &mut out);
    redis.finish_requests(&mut out);
    String::from_utf8(out).expect("all of it is text")
}

/// A connection that has sent a request for two keys and three others.
fn asking_for_keys() -> Redis {
    let mut redis = handshake();
    assert_eq!(read(&mut redis, [HANDSHAKE_DONE]), done());
    written(&mut redis, request(3, &["a", "b"]));
    redis
}

/// A number that a key has already, of the epoch 5.
fn replayed(number: u64) -> KeyedNumber {
    KeyedNumber::Replayed { number, epoch: 5 }
}

/// The counter's first and granted, the epoch 5, and what each key has got.
fn granted(first: u64, granted: u64, keyed: &[KeyedNumber]) -> Result<WireEvent, StoreError> {
    let grant = Grant { first, granted, limit: 100, epoch: 5 };
    Ok(WireEvent::Replied(FIRST, Answer::GrantedToKeys(grant, keyed.into())))
}

#[test]
fn keys_stand_behind_the_words_of_a_request_without_them() {
    let mut redis = redis();
    let without = written(&mut redis, request(3, &[]));
    let with = written(&mut redis, request(3, &["abc", "!~"]));
    let rest = without.strip_prefix("*11\r\n").expect("four words, and seven of the script");
    assert_eq!(with, format!("*13\r\n{rest}$3\r\nabc\r\n$2\r\n!~\r\n"));
    assert_eq!(written(&mut redis, request(3, &[])), without);
    let longest = "k".repeat(KEY_BYTES_MAX);
    let most = written(&mut redis, request(0, &[longest.as_str(); KEYS_PER_BATCH_MAX]));
    assert!(most.starts_with("*267\r\n$7\r\nEVALSHA\r\n"), "{}", &most[..20]);
    assert_eq!(most.matches(&format!("$255\r\n{longest}\r\n")).count(), KEYS_PER_BATCH_MAX);
}

#[test]
fn an_answer_to_keys_is_understood_in_any_pieces() {
    use KeyedNumber::{Granted, NoneLeft};
    let of_another = KeyedNumber::Replayed { number: 7, epoch: 4 };
    let not_redis = || Err(StoreError::Protocol);
    let refused = |error, detail: &str| {
        let fault = Fault { error, detail: detail.to_owned() };
        Ok(WireEvent::Replied(FIRST, Answer::Refused(fault)))
    };
    let plain = |grant| Ok(WireEvent::Replied(FIRST, Answer::Granted(grant)));
    let later = Grant { first: 8, granted: 0, limit: 100, epoch: 6 };
    let rows = [
        (":3\r\n:3\r\n:100\r\n:5\r\n:1\r\n:2", granted(3, 3, &[Granted(1), Granted(2)])),
        (":9\r\n:0\r\n:100\r\n:5\r\n:-7\r\n:8", granted(9, 0, &[replayed(7), Granted(8)])),
        (":101\r\n:0\r\n:100\r\n:5\r\n:-7\r\n:0", granted(101, 0, &[replayed(7), NoneLeft])),
        // The limit was lowered; another took it behind a first run.
        (":200\r\n:0\r\n:100\r\n:5\r\n:-150\r\n:0", granted(200, 0, &[replayed(150), NoneLeft])),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n:-12", granted(9, 0, &[Granted(8), replayed(12)])),
        (":9\r\n:0\r\n:100\r\n:5\r\n$3\r\n7 4\r\n:8", granted(9, 0, &[of_another, Granted(8)])),
        (":8\r\n:0\r\n:100\r\n:6\r\n$3\r\nset", plain(later)),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n:8", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n:7", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n:9", not_redis()),
        (":99\r\n:9\r\n:100\r\n:5\r\n:8\r\n:9", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n+reset", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n_", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n$3\r\n7 -", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:8\r\n$18\r\n9007199254740992 4", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:-9007199254740992\r\n:0", not_redis()),
        (":9\r\n:0\r\n:100\r\n:5\r\n:-9223372036854775808\r\n:0", not_redis()),
        (":9\r\n:0\r\n:100\r\n:-5\r\n:8\r\n:0", not_redis()),
    ];
    for (parts, expected) in rows {
        let count = parts.split("\r\n").filter(|line| !line.starts_with('$')).count();
        let bytes = format!("*{count}\r\n{parts}\r\n");
        check(parts, asking_for_keys, bytes.as_bytes(), &expected);
    }
    let full = b"-OOM no room\r\n";
    check("OOM", asking_for_keys, full, &refused(StoreError::OutOfMemory, "OOM no room"));
    let gone = b"-NOSCRIPT No matching script.\r\n";
    check("no script", asking_for_keys, gone, &Err(StoreError::Connecting));
}

#[test]
fn more_numbers_than_a_request_has_keys_at_the_most_are_no_answer() {
    let answer = |keys: usize| {
        let numbers = ":-1\r\n".repeat(keys);
        format!("*{}\r\n:9\r\n:0\r\n:100\r\n:5\r\n{numbers}", 4 + keys)
    };
    let most = answer(KEYS_PER_BATCH_MAX);
    let keyed = [replayed(1); KEYS_PER_BATCH_MAX];
    check("the most", asking_for_keys, most.as_bytes(), &granted(9, 0, &keyed));
    let more = answer(KEYS_PER_BATCH_MAX + 1);
    check("one more", asking_for_keys, more.as_bytes(), &Err(StoreError::Protocol));
}

#[test]
fn what_keys_have_taken_is_seen_and_what_they_are_replayed_is_not() {
    let mut redis = asking_for_keys();
    assert!(read(&mut redis, [&b"*6\r\n:3\r\n:3\r\n:100\r\n:5\r\n:1\r\n:2\r\n"[..]]).is_ok());
    let seen = |redis: &Redis| redis.counters.get(FIRST).high_water.position();
    assert_eq!(seen(&redis), Position { epoch: 5, taken: 5 });
    written(&mut redis, request(0, &["a"]));
    assert!(read(&mut redis, [&b"*5\r\n:6\r\n:0\r\n:100\r\n:5\r\n:-1\r\n"[..]]).is_ok());
    assert_eq!(seen(&redis), Position { epoch: 5, taken: 5 });
}

/// The number that it replays may be one that no replica has yet.
#[test]
fn what_is_only_replayed_waits_for_the_replicas_too() {
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost?wait=1") else {
        panic!("the URL is good");
    };
    let mut redis = Redis::new(url, counters(), None, TIMEOUT, 7);
    start(&mut redis, LastGrant::default());
    redis.finish_requests(&mut Vec::new());
    let hello = b"%0\r\n+x\r\n+x\r\n+info\r\n:0\r\n:1\r\n+OK\r\n\
        +found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n:0\r\n:1\r\n";
    assert_eq!(read(&mut redis, [&hello[..]]), done());
    assert!(written(&mut redis, request(0, &["a"])).contains("$4\r\nWAIT\r\n"));
    let replay = b"*5\r\n:9\r\n:0\r\n:100\r\n:5\r\n:-1\r\n";
    assert_eq!(read(&mut redis, [&replay[..]]), Ok(vec![]));
    let expected = granted(9, 0, &[replayed(1)]).map(|event| vec![event]);
    assert_eq!(read(&mut redis, [&b":0\r\n:1\r\n"[..]]), expected);
}
