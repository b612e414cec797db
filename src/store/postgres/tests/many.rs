//! Several counters: one transaction, and those that are tried alone.

use super::*;
use crate::limits::POSTGRES_TRANSACTION_REQUESTS_MAX;
use crate::store::postgres::statement::Session;

/// By their ids; not in the order of their names.
const NAMES: [&str; 4] = ["shoes", "Zebra", "hats", "shoe"];

/// A connection to so many counters, which are all confirmed, with the rows of the link.
fn connected_to<'a>(names: impl Iterator<Item = &'a str>) -> Postgres {
    let url = "postgres://ann@localhost/db";
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse(url) else { panic!("the URL is good") };
    let counters = Arc::new(Counters::new(names.map(|name| (name, 100)), true));
    let mut postgres = Postgres::new(*url, Arc::clone(&counters), None, TIMEOUT, 7);
    connect(&mut postgres);
    postgres
}

/// Makes a new connection, on which all counters are confirmed.
fn connect(postgres: &mut Postgres) {
    postgres.start_handshake(&mut Vec::new());
    let bytes = [welcome(), settled_with(b"off"), done(), done()].concat();
    assert_eq!(read(postgres, [bytes.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    let counters: Vec<_> = postgres.counters.ids().collect();
    for counter in counters {
        postgres.write_confirm(counter, LAST, &mut Vec::new());
        let confirmed = WireEvent::Confirmed(counter, Ok(()));
        assert_eq!(read(postgres, [entered().as_slice()]), Ok(vec![confirmed]));
    }
}

fn connected() -> Postgres {
    connected_to(NAMES.into_iter())
}

/// Sends a take for each of these counters in one wake. Gives what was executed up to each Sync:
/// `take:hats`.
fn take(postgres: &mut Postgres, counters: &[u32]) -> Vec<Vec<String>> {
    for counter in counters {
        postgres.write_request(CounterId(*counter), REQUEST);
    }
    let mut out = Vec::new();
    postgres.finish_requests(&mut out);
    executed(&out)
}

fn executed(out: &[u8]) -> Vec<Vec<String>> {
    let (mut transactions, mut statements, mut rest) = (Vec::new(), Vec::new(), out);
    while let [tag, length @ ..] = rest {
        let length = u32::from_be_bytes(length[..4].try_into().unwrap()) as usize;
        let body = &rest[5..=length];
        match tag {
            b'B' => statements.push(bound(body)),
            b'S' => transactions.push(std::mem::take(&mut statements)),
            _ => {}
        }
        rest = &rest[1 + length..];
    }
    assert!(statements.is_empty(), "a Sync is missing: {statements:?}");
    transactions
}

/// The statement that a Bind names, and the counter in its parameters.
fn bound(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let statement = text.split('\0').nth(1).expect("a Bind names its statement");
    let is_name = |part: &&str| part.len() > 2 && *part != statement && part.is_ascii();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_name);
    let name = words.into_iter().find(|word| !statement.contains(word)).unwrap_or_default();
    format!("{statement}:{name}")
}

/// What follows one execution that gave something.
fn executed_well(first: i64) -> Vec<u8> {
    [message(b'2', b""), row(first, 3, 100), message(b'C', b"SELECT 1\0")].concat()
}

fn failed(code: &str) -> Vec<u8> {
    [error("ERROR", code, "x"), ready()].concat()
}

fn granted_of(counter: u32, first: u64) -> WireEvent {
    let grant = Grant { first, granted: 3, limit: 100, epoch: EPOCH as u64 };
    WireEvent::Replied(CounterId(counter), Answer::Granted(grant))
}

fn not_run(counter: u32) -> WireEvent {
    WireEvent::Replied(CounterId(counter), Answer::NotRun(None))
}

fn delayed(counter: u32, error: StoreError, code: &str) -> WireEvent {
    let fault = Fault { error, detail: format!("ERROR {code}: x") };
    WireEvent::Replied(CounterId(counter), Answer::NotRun(Some(fault)))
}

fn refused(counter: u32, code: &str) -> WireEvent {
    let fault = Fault { error: StoreError::Refused, detail: format!("ERROR {code}: x") };
    WireEvent::Replied(CounterId(counter), Answer::Refused(fault))
}

/// Reads the bytes whole, byte by byte and in halves, each with a connection of its own.
fn check_after(
    name: &str,
    begin: impl Fn() -> Postgres,
    bytes: &[u8],
    expected: &[WireEvent],
) -> Postgres {
    let expected = Ok(expected);
    let read = |postgres: &mut Postgres, pieces: &[&[u8]]| {
        let events = super::read(postgres, pieces.iter().copied());
        assert_eq!(events.as_deref().map_err(|error| *error), expected, "{name}");
    };
    read(&mut begin(), &bytes.chunks(1).collect::<Vec<_>>());
    let (start, rest) = bytes.split_at(bytes.len() / 2);
    read(&mut begin(), &[start, rest]);
    let mut postgres = begin();
    read(&mut postgres, &[bytes]);
    postgres
}

fn taking(counters: &'static [u32]) -> impl Fn() -> Postgres {
    move || {
        let mut postgres = connected();
        take(&mut postgres, counters);
        postgres
    }
}

#[test]
fn the_requests_of_a_wake_are_one_transaction_in_the_order_of_names() {
    let mut postgres = connected();
    let expected = vec!["take:Zebra", "take:hats", "take:shoe", "take:shoes"];
    assert_eq!(take(&mut postgres, &[0, 1, 2, 3]), [expected]);
    assert!(!postgres.can_send());
    // Takes and reads alike.
    let mut postgres = connected();
    postgres.write_request(CounterId(0), Request::read(SEEN));
    assert_eq!(take(&mut postgres, &[2]), [["take:hats", "peek:shoes"]]);
}

#[test]
fn the_answers_are_believed_when_their_transaction_has_ended() {
    let mut postgres = taking(&[0, 1, 2])();
    let executed = [executed_well(1), executed_well(4), executed_well(7)].concat();
    assert_eq!(read(&mut postgres, [executed.as_slice()]), Ok(vec![]));
    assert!(!postgres.can_send());
    let expected = [granted_of(1, 1), granted_of(2, 4), granted_of(0, 7)];
    let bytes = [executed, ready()].concat();
    let postgres = check_after("all well", taking(&[0, 1, 2]), &bytes, &expected);
    assert!(postgres.can_send());
}

#[test]
fn a_transaction_has_an_end_however_many_counters_there_are() {
    let names: Vec<String> = (100..100 + 2 * POSTGRES_TRANSACTION_REQUESTS_MAX + 1)
        .map(|number| format!("counter{number}"))
        .collect();
    let mut postgres = connected_to(names.iter().map(String::as_str));
    let ids: Vec<u32> = (0..names.len() as u32).rev().collect();
    let transactions = take(&mut postgres, &ids);
    let sizes: Vec<usize> = transactions.iter().map(Vec::len).collect();
    let max = POSTGRES_TRANSACTION_REQUESTS_MAX;
    assert_eq!(sizes, [max, max, 1]);
    assert!(transactions.concat().is_sorted());
    // The second one fails, and the others do not.
    let whole = executed_well(1).repeat(max);
    let bytes = [whole.clone(), ready(), executed_well(1), failed("55P03")].concat();
    let events = read(&mut postgres, [bytes.as_slice()]).expect("sound");
    let count = |is_it: fn(&Answer) -> bool| {
        let is_it = |event: &&WireEvent| match event {
            WireEvent::Replied(_, answer) => is_it(answer),
            _ => false,
        };
        events.iter().filter(is_it).count()
    };
    assert_eq!(count(|answer| matches!(answer, Answer::Granted(_))), max);
    assert_eq!(count(|answer| *answer == Answer::NotRun(None)), max - 1);
    assert_eq!(count(|answer| matches!(answer, Answer::NotRun(Some(_)))), 1);
    assert!(!postgres.can_send(), "the last one is on its way");
    let last = [executed_well(1), ready()].concat();
    assert_eq!(read(&mut postgres, [last.as_slice()]).map(|events| events.len()), Ok(1));
    assert!(postgres.can_send());
}

#[test]
fn an_error_is_of_the_counter_whose_statement_it_ends() {
    let lock = |counter| delayed(counter, StoreError::Locked, "55P03");
    let rows = [
        (0, "55P03", [lock(1), not_run(2), not_run(0)]),
        (1, "55P03", [not_run(1), lock(2), not_run(0)]),
        (2, "55P03", [not_run(1), not_run(2), lock(0)]),
        (1, "40P01", [not_run(1), delayed(2, StoreError::Conflict, "40P01"), not_run(0)]),
        (1, "23514", [not_run(1), refused(2, "23514"), not_run(0)]),
    ];
    for (before, code, expected) in rows {
        let bytes = [executed_well(1).repeat(before), failed(code)].concat();
        let mut postgres = check_after(code, taking(&[0, 1, 2]), &bytes, &expected);
        let ids = [1, 2, 0].map(|id| (id, NAMES[id as usize]));
        let (alone, alone_name) = ids[before];
        let together: Vec<String> = ids
            .iter()
            .filter(|(id, _)| *id != alone)
            .map(|(_, name)| format!("take:{name}"))
            .collect();
        let mut expected = vec![together, vec![format!("take_nowait:{alone_name}")]];
        if code == "55P03" {
            // Behind one that is locked there may be more: each is tried once without a wait.
            expected = ids.map(|(_, name)| vec![format!("take_nowait:{name}")]).to_vec();
        }
        assert_eq!(take(&mut postgres, &[0, 1, 2]), expected, "{code} after {before}");
    }
}

/// A deferred constraint, or a full disk: nobody knows whose it is, so each shows by itself.
#[test]
fn an_error_of_the_commit_is_of_nobody_yet() {
    let bytes = [executed_well(1), executed_well(4), failed("P0001")].concat();
    let expected = [1, 0].map(|counter| delayed(counter, StoreError::Refused, "P0001"));
    let mut postgres = check_after("commit", taking(&[0, 1]), &bytes, &expected);
    let expected = vec![vec!["take:hats"], vec!["take_nowait:Zebra"], vec!["take_nowait:shoes"]];
    assert_eq!(take(&mut postgres, &[0, 1, 2]), expected);
    // The one is well, and the other is not.
    let bytes = [executed_well(1), ready(), executed_well(1), ready()].concat();
    let bytes = [bytes, executed_well(4), failed("P0001")].concat();
    let expected = vec![granted_of(2, 1), granted_of(1, 1), refused(0, "P0001")];
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected));
    let expected = vec![vec!["take:Zebra", "take:hats"], vec!["take_nowait:shoes"]];
    assert_eq!(take(&mut postgres, &[0, 1, 2]), expected);
}

#[test]
fn a_full_disk_is_of_no_counter() {
    let bytes = [executed_well(1), failed("53100")].concat();
    let expected = [1, 2, 0].map(|counter| delayed(counter, StoreError::Disk, "53100"));
    let mut postgres = check_after("disk", taking(&[0, 1, 2]), &bytes, &expected);
    // So nobody waits for the others to fail one by one.
    assert_eq!(take(&mut postgres, &[0, 1, 2]).len(), 3);
}

/// A connection on which the counter 2, hats, was locked; 0, shoes, was in its transaction.
fn locked() -> Postgres {
    let mut postgres = taking(&[0, 2])();
    let expected = vec![delayed(2, StoreError::Locked, "55P03"), not_run(0)];
    assert_eq!(read(&mut postgres, [failed("55P03").as_slice()]), Ok(expected));
    postgres
}

#[test]
fn a_counter_that_is_alone_makes_no_other_fail() {
    let mut postgres = locked();
    let expected = vec![vec!["take_nowait:hats"], vec!["take_nowait:shoes"]];
    assert_eq!(take(&mut postgres, &[2, 0]), expected, "whether it is locked, too, will show");
    let bytes = [failed("55P03"), executed_well(1), ready()].concat();
    let expected = vec![delayed(2, StoreError::Locked, "55P03"), granted_of(0, 1)];
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected));
    for _ in 0..3 {
        let expected = vec![vec!["take:shoes"], vec!["take_nowait:hats"]];
        assert_eq!(take(&mut postgres, &[2, 0]), expected);
        let bytes = [executed_well(1), ready(), failed("55P03")].concat();
        let expected = vec![granted_of(0, 1), delayed(2, StoreError::Locked, "55P03")];
        assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected));
    }
    assert_eq!(take(&mut postgres, &[2]), [["take_nowait:hats"]]);
    assert!(!postgres.can_send());
}

#[test]
fn a_counter_is_alone_until_it_takes() {
    let mut postgres = locked();
    // A read waits for no lock.
    postgres.write_request(CounterId(2), Request::read(SEEN));
    let mut out = Vec::new();
    postgres.finish_requests(&mut out);
    assert_eq!(executed(&out), [["peek_nowait:hats"]]);
    assert_eq!(read(&mut postgres, [granted(1, 0, 9).as_slice()]).map(|it| it.len()), Ok(1));
    // Nor is it over with the connection.
    connect(&mut postgres);
    assert_eq!(take(&mut postgres, &[2]), [["take_nowait:hats"]]);
    let bytes = [executed_well(1), ready()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![granted_of(2, 1)]));
    assert_eq!(take(&mut postgres, &[0, 2]), [["take:hats"], ["take_nowait:shoes"]]);
}

/// The transaction is committed, and the others have what they took.
#[test]
fn a_row_that_makes_no_sense_fails_its_own_counter_alone() {
    let bad = [row_of([-1, 3, 9, EPOCH, 1, 2, 0, 0, 0]), message(b'C', b"SELECT 1\0")].concat();
    let bytes = [bad, executed_well(1), ready()].concat();
    let mut postgres = taking(&[0, 2])();
    let events = read(&mut postgres, [bytes.as_slice()]).expect("the connection is sound");
    let [WireEvent::Replied(CounterId(2), Answer::Refused(fault)), other] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((fault.error, other), (StoreError::Type, &granted_of(0, 1)));
}

#[test]
fn a_missing_counter_is_written_down_and_the_others_go_on() {
    let bytes = [message(b'C', b"SELECT 0\0"), executed_well(1), ready()].concat();
    let (mut postgres, mut out) = (taking(&[0, 2])(), Vec::new());
    let events = read_or_fault(&mut postgres, [bytes.as_slice()], &mut out).expect("sound");
    let [WireEvent::Replied(CounterId(2), Answer::Refused(fault)), other] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((fault.error, other), (StoreError::Missing, &granted_of(0, 1)));
    assert!(String::from_utf8_lossy(&out).contains("-- Writes down what was seen"));
    assert_eq!(take(&mut postgres, &[0]), [["take:shoes"]]);
    let bytes = [done(), executed_well(4), ready()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![granted_of(0, 4)]));
}

#[test]
fn requests_of_several_counters_that_come_again_each_find_their_own_answer() {
    let mut postgres = connected();
    for counter in [0, 2, 1] {
        postgres.write_resent(CounterId(counter), REQUEST, &mut Vec::new());
    }
    let halted = |count: i64| granted(count + 1, 0, count);
    let bytes = [halted(5), halted(6), failed("55P03")].concat();
    assert!(sent(&mut postgres, &bytes).contains("\0answer_nowait\0"));
    let halted = |counter, count| {
        let grant = Grant { first: count + 1, granted: 0, limit: count, epoch: EPOCH as u64 };
        WireEvent::Replied(CounterId(counter), Answer::Granted(grant))
    };
    // The second one finds what it was granted.
    let bytes = [done(), answered_before(4, 3, 100, 0), done()].concat();
    let locked = delayed(1, StoreError::Locked, "55P03");
    let expected = vec![halted(0, 5), granted_of(2, 4), locked];
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected));
}

#[test]
fn where_others_wait_a_lock_is_not_waited_for_long() {
    let url = "postgres://ann@localhost/db";
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse(url) else { panic!("the URL is good") };
    for (timeout_ms, expected) in [(500, 50), (60_000, 50), (80, 36)] {
        let counters = Counters::new(NAMES.into_iter().map(|name| (name, 100)), true);
        let timeout = Duration::from_millis(timeout_ms);
        let mut postgres = Postgres::new((*url).clone(), Arc::new(counters), None, timeout, 7);
        postgres.start_handshake(&mut Vec::new());
        let sent = sent(&mut postgres, &welcome());
        let setting = format!("set_config('lock_timeout', '{expected}', is_pooled)");
        assert!(sent.contains(&setting), "{setting} in {sent}");
    }
}

/// An update finds its row locked by the same statement, so it is enough that those do not wait.
#[test]
fn no_lock_of_a_row_is_waited_for_by_a_counter_that_is_alone() {
    let mut out = BytesMut::new();
    statement::prepare(Session::Own, true, &mut out);
    let out = String::from_utf8_lossy(&out);
    let statements: Vec<&str> =
        out.split('\0').filter(|part| part.contains("for no key update")).collect();
    assert_eq!(statements.len(), 10);
    let (waiting, failing) = statements.split_at(5);
    for (waits, fails) in waiting.iter().zip(failing) {
        let (locks, updates) = (fails.matches("for no key").count(), fails.matches("update head"));
        assert_eq!(fails.matches("for no key update nowait").count(), locks);
        assert!(updates.count() <= locks, "{fails}");
        assert_eq!(fails.replace(" nowait", ""), **waits);
        assert_eq!(waits.to_lowercase().matches("for no key").count(), locks);
    }
}
