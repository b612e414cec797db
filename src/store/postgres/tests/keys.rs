//! Requests with keys: the order of locks and reads, what each key has got, a lost answer, and the
//! removing of ended sales.

use super::transaction::tags;
use super::*;
use crate::store::keys::{Key, KeyedNumber};
use KeyedNumber::{Granted, NoneLeft};

fn request(count: u64, keys: &[&str]) -> Request {
    let key = |key: &&str| Key::new(key.as_bytes()).expect("it is a key");
    Request { count, keys: keys.iter().map(key).collect(), ..REQUEST }
}

/// A number of the epoch that a key has already.
fn replayed(number: u64) -> KeyedNumber {
    KeyedNumber::Replayed { number, epoch: EPOCH as u64 }
}

/// The array that a row has, binary, of these numbers, each with the epoch.
fn array(numbers: &[i64]) -> Vec<u8> {
    let head = [2, 0, 20, numbers.len() as u32, 1, 2, 1].map(u32::to_be_bytes).concat();
    let elements = numbers.iter().flat_map(|number| [*number, EPOCH]);
    let elements = elements.map(|it| [&[0, 0, 0, 8], &it.to_be_bytes()[..]].concat());
    [head, elements.collect::<Vec<_>>().concat()].concat()
}

/// The same where there is nothing to say of keys.
fn no_numbers() -> Vec<u8> {
    [0, 0, 20].map(u32::to_be_bytes).concat()
}

/// What follows the two executions of a request: (first, granted, limit, epoch, known), and what
/// the keys have got.
fn keyed_row(numbers: [i64; 5], made: i64, array: &[u8]) -> Vec<u8> {
    let [first, granted, limit, epoch, known] = numbers;
    let numbers = [first, granted, limit, epoch, known, 2, made, 0, 0].map(i64::to_be_bytes);
    let mut values: Vec<&[u8]> = numbers.iter().map(<[u8; 8]>::as_slice).collect();
    values.push(array);
    let locked = [message(b'2', b""), message(b'C', b"SELECT 0\0"), message(b'2', b"")].concat();
    [locked, columns(&values), message(b'C', b"SELECT 1\0")].concat()
}

fn keyed(first: i64, granted: i64, limit: i64, numbers: &[i64]) -> Vec<u8> {
    [keyed_row([first, granted, limit, EPOCH, 1], 0, &array(numbers)), ready()].concat()
}

fn grant(first: u64, granted: u64, limit: u64) -> Grant {
    Grant { first, granted, limit, epoch: EPOCH as u64 }
}

fn to_keys(first: u64, granted: u64, limit: u64, keyed: &[KeyedNumber]) -> WireEvent {
    replied(Answer::GrantedToKeys(grant(first, granted, limit), keyed.into()))
}

/// A connection that has sent a request for three keys, the last one twice, and two more numbers.
fn asking() -> Postgres {
    let mut postgres = confirmed();
    ask(&mut postgres, request(2, &["a", "b", "b"]));
    postgres
}

/// A connection that has sent it again.
fn asking_again(count: u64) -> Postgres {
    let mut postgres = confirmed();
    postgres.write_resent(FIRST, request(count, &["a", "b", "b"]), &mut Vec::new());
    postgres
}

fn ask_in_bytes(postgres: &mut Postgres, request: Request) -> Vec<u8> {
    let mut out = Vec::new();
    postgres.write_request(FIRST, request);
    postgres.finish_requests(&mut out);
    out
}

#[test]
fn the_rows_are_locked_by_a_statement_before_the_one_that_reads_keys() {
    let mut postgres = confirmed();
    let sent = ask_in_bytes(&mut postgres, request(3, &["a", "bc"]));
    assert_eq!(tags(&sent), "BEBES");
    let sent = String::from_utf8_lossy(&sent);
    let lock = "\0lock\0\0\x01\0\x01\0\x04\0\0\0\x07default\0\0\0\x08\0\0\0\0\0\0\0\x07\
        \0\0\0\x08\0\0\0\0\0\0\0\x02\0\0\0\x08\0\0\0\0\0\0\0\x05\0\x01\0\x01";
    let take = "\0take_keys\0\0\x01\0\x01\0\x07\0\0\0\x07default\0\0\0\x08\0\0\0\0\0\0\0\x03\
        \0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\x08\0\0\0\0\0\0\0\x02\
        \0\0\0\x08\0\0\0\0\0\0\0\x05\0\0\0\x08\0\0\0\0\0\0\0\0\
        \0\0\0\x1f\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01\0\0\0\x01a\0\0\0\x02bc";
    let place = |part| sent.find(part).unwrap_or_else(|| panic!("{part:?} in {sent:?}"));
    assert!(place(lock) < place(take));
    // Keys alone are no read, and the first on a connection enters the row of the link.
    let mut postgres = confirming();
    assert_eq!(read(&mut postgres, [super::granted(1, 0, 100).as_slice()]), Ok(vec![well()]));
    assert_eq!(tags(&ask_in_bytes(&mut postgres, request(0, &["a"]))), "BEBEBES");
}

#[test]
fn an_answer_to_keys_is_understood_in_any_pieces() {
    let senseless = || {
        let detail = "the table headcount gave a row that makes no sense".to_owned();
        Ok(replied(Answer::Refused(Fault { error: StoreError::Type, detail })))
    };
    let with = |row| [row, ready()].concat();
    let later = grant(1, 0, 9);
    let later = Grant { epoch: EPOCH as u64 + 1, ..later };
    let rows: Vec<(&str, Vec<u8>, Result<WireEvent, StoreError>)> = vec![
        (
            "all are new",
            keyed(3, 2, 9, &[1, 2, -2]),
            Ok(to_keys(3, 2, 9, &[Granted(1), Granted(2), replayed(2)])),
        ),
        (
            "the last number",
            keyed(10, 0, 9, &[-2, 9, -9]),
            Ok(to_keys(10, 0, 9, &[replayed(2), Granted(9), replayed(9)])),
        ),
        (
            "halted",
            keyed(10, 0, 9, &[-2, 0, 0]),
            Ok(to_keys(10, 0, 9, &[replayed(2), NoneLeft, NoneLeft])),
        ),
        ("a reset", with(keyed_row([1, 0, 9, EPOCH + 1, 1], 2, &no_numbers())), {
            Ok(replied(Answer::Granted(later)))
        }),
        ("none of what was left", keyed(4, 0, 9, &[-2, 0, 0]), Ok(replied(Answer::NotRun(None)))),
        ("a gap", keyed(4, 2, 9, &[1, 2, -2]), senseless()),
        ("a key too few", keyed(3, 2, 9, &[1, 2]), senseless()),
        ("nothing of keys", with(keyed_row([3, 2, 9, EPOCH, 1], 0, &no_numbers())), senseless()),
        ("a row without keys", [message(b'C', b"SELECT 0\0"), super::granted(3, 2, 9)].concat(), {
            senseless()
        }),
        ("past the limit", keyed(9, 2, 9, &[7, 8, -8]), senseless()),
        ("one execution", [super::granted(3, 2, 9)].concat(), Err(StoreError::Protocol)),
    ];
    for (name, bytes, expected) in rows {
        check(name, asking, &bytes, expected);
    }
    let mut keys_alone = confirmed();
    ask(&mut keys_alone, request(0, &["a"]));
    let expected = to_keys(4, 0, 9, &[replayed(2)]);
    assert_eq!(read(&mut keys_alone, [keyed(4, 0, 9, &[-2]).as_slice()]), Ok(vec![expected]));
}

/// The row of the link was deleted.
#[test]
fn keys_that_get_none_though_there_are_some_enter_their_row_anew() {
    let mut postgres = asking();
    let gone = [keyed_row([4, 0, 9, EPOCH, 0], 1, &array(&[-2, 0, 0])), ready()].concat();
    let events = read(&mut postgres, [gone.as_slice()]);
    assert!(matches!(events.as_deref(), Ok([WireEvent::Replied(FIRST, Answer::Unconfirmed(_))])));
}

/// Both ran at once without a lock, which the primary key noticed: it is asked again.
#[test]
fn a_key_that_somebody_else_has_written_meanwhile_is_asked_for_again() {
    let failed = [error("ERROR", "23505", "duplicate key"), ready()].concat();
    let detail = "ERROR 23505: duplicate key".to_owned();
    let fault = Fault { error: StoreError::Conflict, detail };
    check("conflict", asking, &failed, Ok(replied(Answer::NotRun(Some(fault)))));
}

#[test]
fn a_role_that_may_not_read_keys_is_told_the_sql() {
    let mut postgres = asking();
    let bytes = [error("ERROR", "42501", "denied for headcount_key"), ready()].concat();
    let events = read(&mut postgres, [bytes.as_slice()]);
    let Ok([WireEvent::Replied(FIRST, Answer::Refused(fault))]) = events.as_deref() else {
        panic!("{events:?}");
    };
    let grant = "grant select, insert, update, delete on headcount_answer, headcount_key to";
    assert!(fault.detail.contains(grant), "{}", fault.detail);
}

#[test]
fn what_was_new_in_a_lost_answer_is_new_when_it_is_sent_again() {
    let found = |name: &str, now: Vec<u8>, then: Vec<u8>, expected: WireEvent| {
        let mut postgres = asking_again(2);
        assert!(sent(&mut postgres, &now).contains("\0answer\0"), "{name}");
        assert_eq!(read(&mut postgres, [then.as_slice()]), Ok(vec![expected]), "{name}");
    };
    let now = || keyed(8, 0, 9, &[-5, -6, -6]);
    let all = to_keys(7, 1, 9, &[Granted(5), Granted(6), replayed(6)]);
    found("all were new", now(), answered_before(7, 1, 9, 2), all);
    let one = to_keys(7, 2, 9, &[replayed(5), Granted(6), replayed(6)]);
    found("one was", now(), answered_before(7, 2, 9, 1), one);
    let none = to_keys(7, 2, 9, &[replayed(5), replayed(6), replayed(6)]);
    found("none was", now(), answered_before(7, 2, 9, 0), none);
    // The limit was 6 then, and is higher now: whoever got none may ask anew.
    let keys_only = to_keys(7, 0, 9, &[Granted(5), Granted(6), replayed(6)]);
    found("keys alone", now(), answered_before(7, 0, 9, 2), keys_only);
    let last = to_keys(6, 0, 9, &[Granted(5), NoneLeft, NoneLeft]);
    found("the last", keyed(6, 0, 9, &[-5, 0, 0]), answered_before(6, 0, 9, 1), last);
    // It granted nothing, and is not remembered.
    let halted = to_keys(10, 0, 9, &[replayed(5), NoneLeft, NoneLeft]);
    found("halted", keyed(10, 0, 9, &[-5, 0, 0]), done(), halted);
    let again = replied(Answer::NotRun(None));
    found("keys not found", keyed(10, 0, 9, &[-5, 0, 0]), answered_before(7, 1, 9, 2), again);
}

#[test]
fn what_never_ran_runs_when_it_is_sent_again() {
    let mut postgres = asking_again(0);
    let expected = to_keys(7, 0, 9, &[replayed(2), Granted(6), replayed(6)]);
    let bytes = keyed(7, 0, 9, &[-2, 6, -6]);
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![expected]));
    // In a later epoch it does not.
    let mut postgres = asking_again(0);
    let reset = [keyed_row([1, 0, 9, EPOCH + 1, 1], 2, &no_numbers()), ready()].concat();
    assert!(sent(&mut postgres, &reset).contains("\0answer\0"));
    let events = read(&mut postgres, [done().as_slice()]);
    assert!(matches!(
        events.as_deref(),
        Ok([WireEvent::Replied(FIRST, Answer::Granted(Grant { granted: 0, .. }))])
    ));
}

/// Somebody else holds its row: nothing is known of its keys, so it is sent once more.
#[test]
fn one_that_is_locked_when_it_is_sent_again_does_not_take_its_answer_without_its_keys() {
    let mut postgres = asking_again(2);
    let locked = [error("ERROR", "55P03", "x"), ready()].concat();
    assert!(sent(&mut postgres, &locked).contains("\0answer\0"));
    let events = read(&mut postgres, [answered_before(7, 1, 9, 2).as_slice()]);
    assert_eq!(events, Ok(vec![replied(Answer::NotRun(None))]));
}

#[test]
fn ended_sales_are_cleaned_up_behind_the_first_keys_of_an_epoch() {
    let bytes = |first| keyed(first, 0, 99, &[first - 1, -1, -1]);
    let replies = |postgres: &mut Postgres, bytes: &[u8]| {
        let mut out = Vec::new();
        let events = read_or_fault(postgres, [bytes], &mut out).expect("it is sound");
        (events.len(), tags(&out), String::from_utf8_lossy(&out).into_owned())
    };
    let mut postgres = asking();
    let (events, tags_sent, out) = replies(&mut postgres, &bytes(3));
    assert_eq!((events, tags_sent.as_str()), (1, "PBES"));
    let first = "\0default\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08";
    assert!(out.contains("-- Removes up to") && out.contains(&first[1..]), "{out:?}");
    assert!(postgres.can_send(), "whoever takes goes on");
    // The next step begins where this one ended.
    let last = columns(&[&4u64.to_be_bytes(), b"key"]);
    let (events, _, out) = replies(&mut postgres, &[last, done()].concat());
    assert_eq!(events, 0);
    assert!(out.contains("\0\0\0\x08\0\0\0\0\0\0\0\x04\0\0\0\x03key\0\0\0\x08"), "{out:?}");
    // An error ends it, and nothing else.
    let failed = [error("ERROR", "42501", "x"), ready()].concat();
    assert_eq!(replies(&mut postgres, &failed), (0, String::new(), String::new()));
    ask(&mut postgres, request(2, &["a", "b", "b"]));
    let again = replies(&mut postgres, &bytes(6));
    assert_eq!(again, (1, String::new(), String::new()), "once an epoch");
    let bad = [columns(&[&4u64.to_be_bytes(), b"\xff"]), done()].concat();
    let mut postgres = asking();
    replies(&mut postgres, &bytes(3));
    assert_eq!(read(&mut postgres, [bad.as_slice()]), Err(StoreError::Type));
}

/// Good messages with a few bytes changed.
#[test]
fn no_bytes_panic() {
    let good = [
        keyed(3, 2, 9, &[1, 2, -2]),
        keyed(10, 0, 9, &[-2, 0, 0]),
        answered_before(7, 1, 9, 2),
        [columns(&[&4u64.to_be_bytes(), b"key"]), done()].concat(),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut postgres = if random.bool() { asking() } else { asking_again(2) };
        let mut bytes: Vec<u8> = Vec::new();
        for _ in 0..random.usize(1..4) {
            bytes.extend(&good[random.usize(..good.len())]);
        }
        for _ in 0..random.usize(0..4) {
            let index = random.usize(..bytes.len());
            bytes[index] = random.u8(..);
        }
        let _ = read(&mut postgres, bytes.chunks(random.usize(1..64)));
    }
}
