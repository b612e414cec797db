//! Byte tables: each row is read whole, byte by byte, and with more behind it.

use super::*;
use crate::config::{Endpoint, StoreUrl};
use crate::counter::Grant;
use crate::limits::REPLY_BYTES_MAX;
use crate::store::error::{Fault, StoreError};
use crate::store::high_water::Position;
use crate::store::keys::Keys;
use crate::store::request::{Answer, LastGrant, Probed, WireEvent};

const HANDSHAKE_DONE: &[u8] =
    b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nrole\r\n$6\r\nmaster\r\n\
    $40\r\n0123456789012345678901234567890123456789\r\n+hash\r\n$0\r\n\r\n+OK\r\n\
    +found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n";

const FIRST: CounterId = CounterId::FIRST;
const TIMEOUT: Duration = Duration::from_millis(500);
const SEEN: Position = Position { epoch: 5, taken: 0 };

fn counters() -> Arc<Counters> {
    Arc::new(Counters::new([("default", 100)].into_iter(), true))
}

fn redis() -> Redis {
    let endpoint = Endpoint::Tcp { host: "localhost".to_owned(), port: 6379 };
    let (user, password, tls, sentinels, seeds) = (None, None, None, None, Vec::new());
    let url = RedisUrl { endpoint, user, password, database: 0, tls, sentinels, seeds, wait: 0 };
    Redis::new(url, counters(), None, TIMEOUT, 7)
}

/// A connection whose whole handshake is sent, and nothing received.
fn handshake() -> Redis {
    let mut redis = redis();
    start(&mut redis, LastGrant::default());
    redis
}

/// The bytes of a handshake that confirms the counter.
fn start(redis: &mut Redis, last: LastGrant) -> Vec<u8> {
    let mut out = Vec::new();
    redis.start_handshake(&mut out);
    redis.write_confirm(FIRST, last, &mut out);
    out
}

/// What a handshake that went well has come to.
fn done() -> Result<Vec<WireEvent>, StoreError> {
    Ok(vec![WireEvent::HandshakeDone, WireEvent::Confirmed(FIRST, Ok(()))])
}

/// A connection that was past its handshake and has sent one request.
fn asking() -> Redis {
    let mut redis = handshake();
    assert_eq!(read(&mut redis, [HANDSHAKE_DONE]), done());
    redis.write_request(
        FIRST,
        &Request { sequence: 1, count: 3, keys: Keys::NONE, seen: SEEN, confirm: 0 },
        &mut Vec::new(),
    );
    redis
}

/// The events of the bytes, or the error they end in.
fn read<'a>(
    redis: &mut Redis,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<WireEvent>, StoreError> {
    let mut events = Vec::new();
    for piece in pieces {
        redis.receive(piece);
        while let Some(event) = redis.next(&mut Vec::new()).map_err(|fault| fault.error)? {
            events.push(event);
        }
    }
    Ok(events)
}

fn check(name: &str, begin: fn() -> Redis, bytes: &[u8], expected: &Result<WireEvent, StoreError>) {
    let whole = read(&mut begin(), [bytes]);
    assert_eq!(first(whole), *expected, "{name}, whole");
    let by_byte = read(&mut begin(), bytes.chunks(1));
    assert_eq!(first(by_byte), *expected, "{name}, byte by byte");
    // A push is out of band, and so may stand behind anything.
    let trailing = [bytes, b">2\r\n+other\r\n:1\r\n"].concat();
    let trailing = read(&mut begin(), [trailing.as_slice()]);
    assert_eq!(first(trailing), *expected, "{name}, with a push behind");
    let (start, rest) = bytes.split_at(bytes.len() / 2);
    let halves = read(&mut begin(), [start, rest]);
    assert_eq!(first(halves), *expected, "{name}, in halves");
}

fn first(events: Result<Vec<WireEvent>, StoreError>) -> Result<WireEvent, StoreError> {
    let mut events = events?;
    if events.len() > 1 && events[0] == WireEvent::HandshakeDone {
        events.remove(0);
    }
    assert_eq!(events.len(), 1, "{events:?}");
    Ok(events.remove(0))
}

#[test]
fn an_answer_is_understood_in_any_pieces() {
    let granted = |first, granted, limit| {
        let grant = Grant { first, granted, limit, epoch: 5 };
        Ok(WireEvent::Replied(FIRST, Answer::Granted(grant)))
    };
    let not_redis = || Err(StoreError::Protocol);
    let rows: Vec<(&str, &[u8], Result<WireEvent, StoreError>)> = vec![
        ("a grant", b"*4\r\n:1\r\n:3\r\n:100\r\n:5\r\n", granted(1, 3, 100)),
        (
            "a grant in bulk strings",
            b"*4\r\n$1\r\n1\r\n$1\r\n3\r\n$3\r\n100\r\n$1\r\n5\r\n",
            granted(1, 3, 100),
        ),
        ("a part", b"*4\r\n:99\r\n:2\r\n:100\r\n:5\r\n", granted(99, 2, 100)),
        ("nothing left", b"*4\r\n:101\r\n:0\r\n:100\r\n:5\r\n", granted(101, 0, 100)),
        ("a limit that was lowered", b"*4\r\n:101\r\n:0\r\n:5\r\n:5\r\n", granted(101, 0, 5)),
        ("a push before it", b">1\r\n+x\r\n*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n", granted(1, 1, 9)),
        ("past the limit", b"*4\r\n:100\r\n:2\r\n:100\r\n:5\r\n", not_redis()),
        ("a number 0", b"*4\r\n:0\r\n:1\r\n:100\r\n:5\r\n", not_redis()),
        ("a negative number", b"*4\r\n:-1\r\n:1\r\n:100\r\n:5\r\n", not_redis()),
        (
            "an overflow",
            b"*4\r\n:9223372036854775807\r\n:9223372036854775807\r\n:1\r\n:5\r\n",
            not_redis(),
        ),
        ("too few parts", b"*3\r\n:1\r\n:1\r\n:1\r\n", not_redis()),
        ("another epoch", b"*5\r\n:1\r\n:0\r\n:9\r\n:5\r\n+reset\r\n", granted(1, 0, 9)),
        ("no such beginning", b"*5\r\n:1\r\n:0\r\n:9\r\n:5\r\n:1\r\n", not_redis()),
        ("too many parts", b"*6\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", not_redis()),
        ("a nil", b"_\r\n", not_redis()),
        ("a status", b"+OK\r\n", not_redis()),
        ("no script", b"-NOSCRIPT No matching script.\r\n", Err(StoreError::Connecting)),
    ];
    for (name, bytes, expected) in rows {
        check(name, asking, bytes, &expected);
    }
}

#[test]
fn an_error_refuses_the_ask_and_says_what_to_make_of_it() {
    let rows: [(&str, StoreError); 16] = [
        ("LOADING Redis is loading the dataset in memory", StoreError::Loading),
        ("READONLY You can't write against a read only replica.", StoreError::ReadOnly),
        ("OOM command not allowed when used memory > 'maxmemory'.", StoreError::OutOfMemory),
        ("MISCONF Redis is configured to save RDB snapshots", StoreError::Disk),
        ("NOAUTH Authentication required.", StoreError::Authentication),
        ("WRONGPASS invalid username-password pair", StoreError::Authentication),
        ("NOPERM this user has no permissions", StoreError::Permission),
        ("WRONGTYPE Operation against a key", StoreError::Type),
        ("MISSING the counter has no fields", StoreError::Missing),
        ("BACKWARDS 1 taken in epoch 5 (created), 2 in epoch 5 were seen", StoreError::Backwards),
        ("RECREATED 1 taken in epoch 6 (created), 2 in epoch 5 were seen", StoreError::Recreated),
        ("DAMAGED the field limit holds \"1,000\": expected an integer", StoreError::Damaged),
        ("LAYOUT the field version is not 2", StoreError::Layout),
        ("ERR unknown command 'EVALSHA'", StoreError::Version),
        ("ERR max number of clients reached", StoreError::Connections),
        ("NEVERHEARD of it", StoreError::Refused),
    ];
    for (detail, error) in rows {
        let fault = Fault { error, detail: detail.to_owned() };
        let expected = Ok(WireEvent::Replied(FIRST, Answer::Refused(fault)));
        check(detail, asking, format!("-{detail}\r\n").as_bytes(), &expected);
        check(detail, handshake, format!("-{detail}\r\n").as_bytes(), &Err(error));
    }
}

#[test]
fn a_handshake_is_understood_in_any_pieces() {
    let confirmed = |result| Ok(WireEvent::Confirmed(FIRST, result));
    check("all well", handshake, HANDSHAKE_DONE, &confirmed(Ok(())));
    let replica = b"%1\r\n$4\r\nrole\r\n$7\r\nreplica\r\n";
    check("a replica", handshake, replica, &Err(StoreError::ReadOnly));
    check("a list", handshake, b"*0\r\n", &Err(StoreError::Protocol));
    let rows = [
        ("no fields", "+found\r\n-", StoreError::Missing, "MISSING gone"),
        ("no room to create it", "-", StoreError::OutOfMemory, "OOM no memory"),
        ("an older count", "+found\r\n-", StoreError::Backwards, "BACKWARDS 1 taken"),
        ("another type", "-", StoreError::Type, "WRONGTYPE a string"),
    ];
    for (name, before, error, detail) in rows {
        let read = if before == "-" { "-MISSING gone\r\n" } else { "" };
        let bytes = format!("%0\r\n+x\r\n+x\r\n+info\r\n+OK\r\n{before}{detail}\r\n{read}");
        let fault = Fault { error, detail: detail.to_owned() };
        check(name, handshake, bytes.as_bytes(), &confirmed(Err(fault)));
    }
}

#[test]
fn a_probe_and_a_change_are_understood_in_any_pieces() {
    let probing = || {
        let mut redis = handshake();
        assert_eq!(read(&mut redis, [HANDSHAKE_DONE]), done());
        redis.write_probe(FIRST, &mut Vec::new());
        redis
    };
    let grant = Grant { first: 101, granted: 0, limit: 100, epoch: 5 };
    let halted = b"+OK\r\n*4\r\n:101\r\n:0\r\n:100\r\n:5\r\n";
    let probed =
        |result, is_tracked| Ok(WireEvent::Probed(Probed { counter: FIRST, result, is_tracked }));
    check("halted", probing, halted, &probed(Ok(grant), true));
    let untracked = b"-BUSY a script\r\n*4\r\n:101\r\n:0\r\n:100\r\n:5\r\n";
    check("not tracked this time", probing, untracked, &probed(Ok(grant), false));
    let refused = Fault { error: StoreError::Missing, detail: "MISSING gone".to_owned() };
    let gone = b"+OK\r\n-MISSING gone\r\n";
    check("no fields", probing, gone, &probed(Err(refused), true));
    let no_script = b"+OK\r\n-NOSCRIPT No matching script.\r\n";
    check("no script", probing, no_script, &Err(StoreError::Connecting));
    let reset = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$19\r\nheadcount:{default}\r\n";
    check("a reset", probing, reset, &Ok(WireEvent::Changed(Some(FIRST))));
    check(
        "all is gone",
        probing,
        b">2\r\n$10\r\ninvalidate\r\n_\r\n",
        &Ok(WireEvent::Changed(None)),
    );
}

#[test]
fn a_right_to_track_that_is_missing_is_gone_without() {
    let mut redis = redis();
    start(&mut redis, LastGrant::default());
    let answer = String::from_utf8_lossy(HANDSHAKE_DONE).replacen("\r\n+OK", "\r\n-NOPERM no", 1);
    assert_eq!(read(&mut redis, [answer.as_bytes()]), done());
    let mut probe = Vec::new();
    redis.write_probe(FIRST, &mut probe);
    assert!(!probe.windows(7).any(|word| word == b"CACHING"));
    redis.start_handshake(&mut Vec::new());
    assert!(redis.may_track(), "another server, or another user");
}

#[test]
fn the_counter_is_created_at_the_first_handshake_only() {
    let mut redis = redis();
    let first = start(&mut redis, LastGrant::default());
    let may_create = b"headcount:{default}\r\n$1\r\n1\r\n$3\r\n100\r\n";
    assert!(first.windows(may_create.len()).any(|detail| detail == may_create));
    assert_eq!(read(&mut redis, [HANDSHAKE_DONE]), done());
    let second = start(&mut redis, LastGrant::default());
    assert!(!second.windows(may_create.len()).any(|detail| detail == may_create));
    let may_not = b"headcount:{default}\r\n$1\r\n0\r\n$3\r\n100\r\n";
    assert!(second.windows(may_not.len()).any(|detail| detail == may_not));
}

#[test]
fn requests_in_flight_have_slots_of_their_own_and_a_repeated_one_has_its_old_slot() {
    let mut redis = asking();
    let mut sent = |sequence| {
        let mut out = Vec::new();
        redis.write_request(
            FIRST,
            &Request { sequence, count: 1, keys: Keys::NONE, seen: SEEN, confirm: 0 },
            &mut out,
        );
        String::from_utf8(out).unwrap()
    };
    let asks: Vec<String> = (1..=BATCHES_IN_FLIGHT_MAX as u64).map(&mut sent).collect();
    let distinct: std::collections::BTreeSet<_> = asks.iter().collect();
    assert_eq!(distinct.len(), BATCHES_IN_FLIGHT_MAX);
    assert_eq!(sent(1), asks[0]);
    let reply_slots = "a:0000000000000007:1\r\n$20\r\na:0000000000000007:0\r\n$1\r\n5\r\n";
    assert!(asks[0].contains(reply_slots), "{}", asks[0]);
}

#[test]
fn an_answer_that_the_store_has_lost_is_noticed_by_the_next_handshake() {
    let mut redis = handshake();
    assert_eq!(read(&mut redis, [HANDSHAKE_DONE]), done());
    let out = start(&mut redis, LastGrant { sequence: 3, epoch: 5 });
    let asked = b"a:0000000000000007:1\r\n$1\r\n3\r\n$1\r\n5\r\n";
    assert!(out.windows(asked.len()).any(|bytes| bytes == asked));
    let lost: &[u8] = b"%0\r\n+x\r\n+x\r\n+OK\r\n$4\r\nlost\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n";
    assert_eq!(
        read(&mut redis, [lost]),
        Ok(vec![
            WireEvent::HandshakeDone,
            WireEvent::AnswersLost(FIRST),
            WireEvent::Confirmed(FIRST, Ok(())),
        ])
    );
}

#[test]
fn a_reply_without_end_is_given_up_before_it_fills_the_memory() {
    let mut redis = asking();
    redis.receive(b"$1000000000\r\n");
    let piece = [b'x'; 4_096];
    let mut received = 0;
    while redis.next(&mut Vec::new()).is_ok() {
        redis.receive(&piece);
        received += piece.len();
        assert!(received <= 2 * REPLY_BYTES_MAX);
    }
}

/// Alone, and among what would be the nodes of a Cluster.
#[test]
fn a_sentinel_that_is_named_as_the_store_is_refused_by_its_name() {
    let hello = b"%2\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n$4\r\nrole\r\n$8\r\nsentinel\r\n";
    for url in ["redis://localhost:26379", "redis://localhost:26379,h", "redis://localhost/1"] {
        let Ok(crate::config::StoreUrl::Redis(url)) = crate::config::StoreUrl::parse(url) else {
            panic!("the URL is good");
        };
        let mut redis = Redis::new(url, counters(), None, TIMEOUT, 7);
        redis.start_handshake(&mut Vec::new());
        redis.receive(hello);
        let fault = redis.next(&mut Vec::new()).expect_err("it is no store");
        assert_eq!(fault.error, StoreError::Protocol);
        assert!(fault.detail.starts_with("it is a sentinel: use redis+sentinel://"), "{fault:?}");
    }
}

/// The answer comes in the order of the commands, whichever counters they were for.
#[test]
fn each_answer_is_for_the_counter_that_was_asked_for() {
    let counters = Counters::new([("shoes", 100), ("hats", 9)].into_iter(), true);
    let hats = CounterId(1);
    let endpoint = Endpoint::Tcp { host: "localhost".to_owned(), port: 6379 };
    let (user, password, tls, sentinels, seeds) = (None, None, None, None, Vec::new());
    let url = RedisUrl { endpoint, user, password, database: 0, tls, sentinels, seeds, wait: 0 };
    let mut redis = Redis::new(url, Arc::new(counters), None, TIMEOUT, 7);
    let mut out = Vec::new();
    let request = Request { sequence: 1, count: 3, keys: Keys::NONE, seen: SEEN, confirm: 0 };
    redis.write_request(hats, &request, &mut out);
    redis.write_request(FIRST, &request, &mut out);
    let sent = String::from_utf8(out).unwrap();
    let keys: Vec<&str> = sent.lines().filter(|line| line.starts_with("headcount:")).collect();
    assert_eq!(keys, ["headcount:{hats}", "headcount:{shoes}"]);
    let reset = ">2\r\n+invalidate\r\n*1\r\n+headcount:{hats}\r\n";
    let answers = format!("*4\r\n:1\r\n:3\r\n:9\r\n:5\r\n{reset}-OOM no\r\n");
    let events = read(&mut redis, [answers.as_bytes()]).unwrap();
    let grant = Grant { first: 1, granted: 3, limit: 9, epoch: 5 };
    let fault = Fault { error: StoreError::OutOfMemory, detail: "OOM no".to_owned() };
    let expected = [
        WireEvent::Replied(hats, Answer::Granted(grant)),
        WireEvent::Changed(Some(hats)),
        WireEvent::Replied(FIRST, Answer::Refused(fault)),
    ];
    assert_eq!(events, expected);
}

/// A write that changes nothing is refused with WRONGTYPE where the counter is.
#[test]
fn a_write_check_says_whether_the_store_takes_writes() {
    let checking = || {
        let mut redis = handshake();
        assert_eq!(read(&mut redis, [HANDSHAKE_DONE]), done());
        redis.write_check(FIRST, &mut Vec::new());
        redis
    };
    let rows = [
        (":0\r\n", None),
        ("-WRONGTYPE a hash\r\n", None),
        ("-NOPERM no\r\n", None),
        ("-OOM no memory\r\n", Some(StoreError::OutOfMemory)),
        ("-MISCONF no disk\r\n", Some(StoreError::Disk)),
        ("-READONLY a replica\r\n", Some(StoreError::ReadOnly)),
    ];
    for (bytes, expected) in rows {
        let detail = bytes.trim_start_matches('-').trim_end().to_owned();
        let result = expected.map_or(Ok(()), |error| Err(Fault { error, detail }));
        check(bytes, checking, bytes.as_bytes(), &Ok(WireEvent::Written(result)));
    }
}

/// In one piece at once; in single bytes the parser waits for more, up to the bound of a reply.
#[test]
fn another_protocol_is_not_redis() {
    let bytes: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";
    assert_eq!(read(&mut handshake(), [bytes]), Err(StoreError::Protocol));
    let endless = bytes.repeat(2 * REPLY_BYTES_MAX / bytes.len());
    assert_eq!(read(&mut handshake(), endless.chunks(1)), Err(StoreError::Protocol));
}

#[test]
fn an_array_of_absurd_length_takes_no_absurd_memory() {
    for head in ["*9223372036854775807\r\n", "%4611686018427387903\r\n", "~1000000000\r\n"] {
        let mut redis = asking();
        redis.receive(head.repeat(50).as_bytes());
        let _ = redis.next(&mut Vec::new());
    }
}

#[test]
fn a_reply_that_nobody_waits_for_is_not_redis() {
    let mut redis = asking();
    let bytes: &[u8] = b"*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n+OK\r\n";
    assert_eq!(read(&mut redis, [bytes]), Err(StoreError::Protocol));
}

#[test]
fn the_password_is_sent_and_never_repeated() {
    let url = "redis://ann:s3cret@localhost/2";
    let Ok(crate::config::StoreUrl::Redis(url)) = crate::config::StoreUrl::parse(url) else {
        panic!("the URL is good");
    };
    let mut redis = Redis::new(url, counters(), None, TIMEOUT, 7);
    let mut out = Vec::new();
    redis.start_handshake(&mut out);
    let sent = String::from_utf8(out).expect("all of it is text");
    assert!(sent.contains("\r\nAUTH\r\n$3\r\nann\r\n$6\r\ns3cret\r\n"));
    assert!(sent.contains("SELECT\r\n$1\r\n2\r\n"));
    redis.receive(b"-ERR unknown command `HELLO`, with args beginning with: `3`, `s3cret`\r\n");
    let fault = redis.next(&mut Vec::new()).expect_err("HELLO was refused");
    assert_eq!(fault.error, StoreError::Version);
    assert!(!fault.detail.contains("s3cret"), "{}", fault.detail);
    assert!(!format!("{redis:?}").contains("s3cret"));
}

mod keys;
mod replicas;

/// A sentinel before Redis 6 says what it does not know, with all its words.
#[test]
fn the_password_of_a_sentinel_is_in_no_error() {
    let url = "redis+sentinel://s1/shop?sentinel_user=ann&sentinel_password=TOPSECRET";
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse(url) else { panic!("the URL is good") };
    let mut redis = Redis::new(url, counters(), None, TIMEOUT, 7);
    let mut out = Vec::new();
    redis.start_handshake(&mut out);
    assert!(String::from_utf8_lossy(&out).contains("TOPSECRET"));
    redis.receive(b"-ERR unknown command `HELLO`, with args beginning with: `TOPSECRET`\r\n");
    let fault = redis.next(&mut out).unwrap_err();
    assert!(!fault.detail.contains("TOPSECRET"), "{}", fault.detail);
}
