//! `wait=N`: what is held until the replicas have it, and what is not.

use super::*;
use crate::store::keys::Keys;

const TAKEN: &str = "*4\r\n:1\r\n:3\r\n:100\r\n:5\r\n";
const HALTED: &str = "*4\r\n:101\r\n:0\r\n:100\r\n:5\r\n";
/// A reset has begun another epoch.
const LATER: &str = "*5\r\n:1\r\n:0\r\n:100\r\n:6\r\n+reset\r\n";
/// The mark, and so many replicas.
const NONE: &str = ":0\r\n:0\r\n";
const ONE: &str = ":0\r\n:1\r\n";
const TWO: &str = ":0\r\n:2\r\n";
const CONFIRMED: &str = "+found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n";

/// A connection with `wait=1` that is past its handshake; its counter has 0 taken.
fn waiting() -> Redis {
    waiting_for_at_most(TIMEOUT)
}

/// The same with this timeout of a request.
fn waiting_for_at_most(timeout: Duration) -> Redis {
    let Ok(crate::config::StoreUrl::Redis(url)) =
        crate::config::StoreUrl::parse("redis://localhost?wait=1")
    else {
        panic!("the URL is good");
    };
    let mut redis = Redis::new(url, counters(), None, timeout, 7);
    start(&mut redis, LastGrant::default());
    redis.finish_requests(&mut Vec::new());
    let hello = format!("%0\r\n+x\r\n+x\r\n+info\r\n{ONE}+OK\r\n{CONFIRMED}{ONE}");
    assert_eq!(read(&mut redis, [hello.as_bytes()]), done());
    redis
}

fn request(redis: &mut Redis, sequence: u64, count: u64) -> String {
    let mut out = Vec::new();
    redis.write_request(
        FIRST,
        &Request { sequence, count, keys: Keys::NONE, seen: SEEN, confirm: 0 },
        &mut out,
    );
    redis.finish_requests(&mut out);
    String::from_utf8(out).expect("all of it is text")
}

fn granted(first: u64, granted: u64, epoch: u64) -> WireEvent {
    let grant = Grant { first, granted, limit: 100, epoch };
    WireEvent::Replied(FIRST, Answer::Granted(grant))
}

fn seen(redis: &Redis) -> (u64, u64) {
    let Position { epoch, taken } = redis.counters.get(FIRST).high_water.position();
    (epoch, taken)
}

#[test]
fn one_wait_follows_all_requests_of_a_wake_and_a_quarter_of_the_timeout_is_the_replicas() {
    let mut redis = waiting();
    let (mut out, mut later) = (Vec::new(), Vec::new());
    for sequence in 1..=2 {
        let request = Request { sequence, count: 1, keys: Keys::NONE, seen: SEEN, confirm: 0 };
        redis.write_request(FIRST, &request, &mut out);
    }
    redis.finish_requests(&mut out);
    let out = String::from_utf8(out).unwrap();
    let words: Vec<&str> = out.lines().filter(|line| !line.starts_with(['*', '$'])).collect();
    let end = ["HSET", "headcount:{default}:wait", "mark", "1", "WAIT", "1", "125"];
    assert_eq!(words[words.len() - end.len()..], end);
    assert_eq!(words.iter().filter(|word| **word == "WAIT").count(), 1);
    redis.finish_requests(&mut later);
    assert!(later.is_empty(), "nothing was written since");
    let all = format!("{TAKEN}{HALTED}{ONE}");
    let events = read(&mut redis, [all.as_bytes()]);
    assert_eq!(events, Ok(vec![granted(1, 3, 5), granted(101, 0, 5)]));
}

#[test]
fn the_replicas_have_a_millisecond_at_least_and_half_a_second_at_most() {
    for (timeout_ms, expected) in [(10, "$1\r\n2\r\n"), (1, "$1\r\n1\r\n"), (60_000, "500\r\n")] {
        let mut redis = waiting_for_at_most(Duration::from_millis(timeout_ms));
        let sent = request(&mut redis, 1, 1);
        assert!(sent.ends_with(expected), "{timeout_ms}: {sent}");
    }
}

#[test]
fn without_wait_the_replicas_are_not_asked() {
    let mut redis = asking();
    assert!(!request(&mut redis, 2, 1).contains("WAIT"));
    assert_eq!(read(&mut redis, [TAKEN.as_bytes()]), Ok(vec![granted(1, 3, 5)]));
}

/// In one piece, byte by byte, and in two pieces wherever they are cut.
#[test]
fn a_take_is_held_until_the_replicas_have_it_in_any_pieces() {
    let bytes = [TAKEN, TWO].concat();
    for at in 0..bytes.len() {
        let mut redis = waiting();
        request(&mut redis, 1, 3);
        let (before, after) = bytes.as_bytes().split_at(at);
        assert_eq!(read(&mut redis, [before]), Ok(vec![]), "cut at {at}");
        assert_eq!(seen(&redis), (5, 0), "cut at {at}");
        assert_eq!(read(&mut redis, [after]), Ok(vec![granted(1, 3, 5)]), "cut at {at}");
        assert_eq!(seen(&redis), (5, 3));
    }
    let mut redis = waiting();
    request(&mut redis, 1, 3);
    assert_eq!(read(&mut redis, bytes.as_bytes().chunks(1)), Ok(vec![granted(1, 3, 5)]));
}

#[test]
fn what_too_few_replicas_have_is_not_told_and_comes_again_on_the_next_connection() {
    let mut redis = waiting();
    let first = request(&mut redis, 1, 3);
    let bytes = [TAKEN, NONE].concat();
    assert_eq!(read(&mut redis, [bytes.as_bytes()]), Err(StoreError::Replicas));
    assert_eq!(seen(&redis), (5, 0));
    start(&mut redis, LastGrant::default());
    redis.finish_requests(&mut Vec::new());
    let hello = format!("%0\r\n+x\r\n+x\r\n{ONE}+OK\r\n{CONFIRMED}{ONE}");
    assert_eq!(read(&mut redis, [hello.as_bytes()]), done());
    assert_eq!(request(&mut redis, 1, 3), first);
    let bytes = [TAKEN, ONE].concat();
    assert_eq!(read(&mut redis, [bytes.as_bytes()]), Ok(vec![granted(1, 3, 5)]));
}

#[test]
fn a_connection_without_its_replicas_is_given_up_in_the_handshake() {
    let mut redis = waiting();
    start(&mut redis, LastGrant::default());
    let hello = format!("%0\r\n+x\r\n+x\r\n{NONE}+OK\r\n");
    assert_eq!(read(&mut redis, [hello.as_bytes()]), Err(StoreError::Replicas));
}

/// It is not confirmed, and what was read of it is not known.
#[test]
fn a_counter_that_the_replicas_do_not_have_is_not_confirmed() {
    let mut redis = waiting();
    start(&mut redis, LastGrant::default());
    redis.finish_requests(&mut Vec::new());
    let hello = format!("%0\r\n+x\r\n+x\r\n{ONE}+OK\r\n+found\r\n{LATER}{NONE}");
    assert_eq!(read(&mut redis, [hello.as_bytes()]), Err(StoreError::Replicas));
    assert_eq!(seen(&redis), (5, 0));
}

#[test]
fn a_peek_is_not_held_and_moves_nothing() {
    let mut redis = waiting();
    assert!(!request(&mut redis, 1, 0).contains("WAIT"));
    assert_eq!(read(&mut redis, [HALTED.as_bytes()]), Ok(vec![granted(101, 0, 5)]));
    assert_eq!(seen(&redis), (5, 0));
    redis.write_probe(FIRST, &mut Vec::new());
    let halted = Grant { first: 101, granted: 0, limit: 100, epoch: 5 };
    let probed = Probed { counter: FIRST, result: Ok(halted), is_tracked: true };
    let bytes = format!("+OK\r\n{HALTED}");
    assert_eq!(read(&mut redis, [bytes.as_bytes()]), Ok(vec![WireEvent::Probed(probed)]));
    assert_eq!(seen(&redis), (5, 0));
    assert!(!redis.may_cache(FIRST, halted), "the replicas may not have it");
    request(&mut redis, 2, 1);
    let bytes = [HALTED, ONE].concat();
    assert_eq!(read(&mut redis, [bytes.as_bytes()]), Ok(vec![granted(101, 0, 5)]));
    assert!(redis.may_cache(FIRST, halted), "they have it");
}

#[test]
fn a_peek_behind_a_take_keeps_its_place() {
    let mut redis = waiting();
    let mut out = Vec::new();
    for (sequence, count) in [(1, 3), (2, 0)] {
        let request = Request { sequence, count, keys: Keys::NONE, seen: SEEN, confirm: 0 };
        redis.write_request(FIRST, &request, &mut out);
    }
    redis.finish_requests(&mut out);
    let bytes = [TAKEN, HALTED].concat();
    assert_eq!(read(&mut redis, [bytes.as_bytes()]), Ok(vec![]));
    let events = read(&mut redis, [ONE.as_bytes()]);
    assert_eq!(events, Ok(vec![granted(1, 3, 5), granted(101, 0, 5)]));
}

/// Who hears of an epoch gives up what was of the one before: the reset must not be lost then.
#[test]
fn a_peek_that_tells_of_another_epoch_is_held_until_the_replicas_have_that() {
    let mut redis = waiting();
    assert!(!request(&mut redis, 1, 0).contains("WAIT"));
    assert_eq!(read(&mut redis, [LATER.as_bytes()]), Ok(vec![]));
    let mut out = Vec::new();
    redis.finish_requests(&mut out);
    assert!(out.windows(4).any(|word| word == b"WAIT"));
    assert_eq!(read(&mut redis, [ONE.as_bytes()]), Ok(vec![granted(1, 0, 6)]));
    assert_eq!(seen(&redis), (6, 0));
}

/// The message is not held, and so comes before the probe that it makes old.
#[test]
fn a_change_that_overtakes_a_held_probe_makes_it_untracked() {
    let mut redis = waiting();
    let mut out = Vec::new();
    let take = Request { sequence: 1, count: 1, keys: Keys::NONE, seen: SEEN, confirm: 0 };
    redis.write_request(FIRST, &take, &mut out);
    redis.write_probe(FIRST, &mut out);
    redis.finish_requests(&mut out);
    let changed = ">2\r\n+invalidate\r\n*1\r\n+headcount:{default}\r\n";
    let bytes = format!("{HALTED}+OK\r\n{HALTED}{changed}{ONE}");
    let halted = Grant { first: 101, granted: 0, limit: 100, epoch: 5 };
    let probed = Probed { counter: FIRST, result: Ok(halted), is_tracked: false };
    let expected =
        vec![WireEvent::Changed(Some(FIRST)), granted(101, 0, 5), WireEvent::Probed(probed)];
    assert_eq!(read(&mut redis, [bytes.as_bytes()]), Ok(expected));
}

#[test]
fn a_write_that_is_tried_is_tried_with_the_replicas() {
    for (replicas, expected) in
        [(ONE, Ok(vec![WireEvent::Written(Ok(()))])), (NONE, Err(StoreError::Replicas))]
    {
        let mut redis = waiting();
        let mut out = Vec::new();
        redis.write_check(FIRST, &mut out);
        redis.finish_requests(&mut out);
        assert_eq!(read(&mut redis, [b"-WRONGTYPE a hash\r\n".as_slice()]), Ok(vec![]));
        assert_eq!(read(&mut redis, [replicas.as_bytes()]), expected);
    }
}

#[test]
fn a_mark_or_a_wait_that_is_refused_says_why() {
    let rows = [
        ("-READONLY a replica\r\n", StoreError::ReadOnly),
        ("-OOM no memory\r\n", StoreError::OutOfMemory),
        ("-NOREPLICAS too few\r\n", StoreError::Replicas),
        (":0\r\n-NOPERM no\r\n", StoreError::Permission),
        (":0\r\n-ERR unknown command 'WAIT'\r\n", StoreError::Version),
        (":0\r\n:-1\r\n", StoreError::Protocol),
        (":0\r\n+OK\r\n", StoreError::Protocol),
        ("+OK\r\n", StoreError::Protocol),
    ];
    for (bytes, expected) in rows {
        let mut redis = waiting();
        request(&mut redis, 1, 3);
        let bytes = [TAKEN, bytes].concat();
        assert_eq!(read(&mut redis, [bytes.as_bytes()]), Err(expected), "{bytes}");
        assert_eq!(seen(&redis), (5, 0));
    }
}
