//! One counter: the row of the link, and a check of writes between requests.

use super::*;

/// The tags of the messages in what is sent.
pub fn tags(out: &[u8]) -> String {
    let (mut tags, mut rest) = (String::new(), out);
    while let [tag, length @ ..] = rest {
        let length = u32::from_be_bytes(length[..4].try_into().unwrap()) as usize;
        tags.push(char::from(*tag));
        rest = &rest[1 + length..];
    }
    tags
}

fn tags_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    tags(&out)
}

/// The link's row is entered, and the request is granted something.
fn entered_and_granted(first: i64, granted_: i64) -> Vec<u8> {
    [message(b'2', b""), message(b'C', b"SELECT 0\0"), granted(first, granted_, 100)].concat()
}

fn numbers(first: u64, granted: u64) -> WireEvent {
    replied(Answer::Granted(Grant { first, granted, limit: 100, epoch: EPOCH as u64 }))
}

/// A connection whose counter is confirmed, without a row of the link.
fn confirmed_without_row() -> Postgres {
    let mut postgres = confirming();
    assert_eq!(read(&mut postgres, [granted(1, 0, 100).as_slice()]), Ok(vec![well()]));
    postgres
}

#[test]
fn a_request_of_one_counter_is_bound_and_executed_up_to_one_sync() {
    let mut postgres = confirmed();
    postgres.write_request(FIRST, REQUEST);
    let mut out = Vec::new();
    postgres.finish_requests(&mut out);
    let bind = b"\0take\0\0\x01\0\x01\0\x06\0\0\0\x07default\0\0\0\x08\0\0\0\0\0\0\0\x03\
        \0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\x08\0\0\0\0\0\0\0\x02\
        \0\0\0\x08\0\0\0\0\0\0\0\x05\0\0\0\x08\0\0\0\0\0\0\0\0\0\x01\0\x01";
    let messages = [message(b'B', bind), message(b'E', b"\0\0\0\0\0"), message(b'S', b"")];
    assert_eq!(out, messages.concat());
    // Nothing is sent for a wake without a request.
    assert_eq!(tags_of(|out| postgres.finish_requests(out)), "");
}

#[test]
fn a_request_waits_for_the_transaction_before_it() {
    let mut postgres = confirmed();
    assert!(postgres.can_send());
    postgres.write_request(FIRST, REQUEST);
    assert!(postgres.can_send(), "those of the same wake go with it");
    postgres.finish_requests(&mut Vec::new());
    assert!(!postgres.can_send());
    assert_eq!(read(&mut postgres, [granted(1, 3, 100).as_slice()]), Ok(vec![numbers(1, 3)]));
    assert!(postgres.can_send());
}

#[test]
fn the_row_of_the_link_is_entered_with_the_first_take_of_a_connection() {
    let mut postgres = prepared();
    let nothing_granted = tags_of(|out| postgres.write_confirm(FIRST, LastGrant::default(), out));
    assert_eq!(nothing_granted, "BES", "nothing is to be remembered");
    assert_eq!(read(&mut postgres, [granted(1, 0, 100).as_slice()]), Ok(vec![well()]));
    // A read needs no row.
    let look = ask(&mut postgres, Request::read(SEEN));
    assert!(look.contains("\0peek\0") && !look.contains("\0enter\0"), "{look}");
    assert_eq!(read(&mut postgres, [granted(1, 0, 100).as_slice()]), Ok(vec![numbers(1, 0)]));
    let first = ask(&mut postgres, REQUEST);
    assert!(first.contains("\0enter\0") && first.contains("\0take\0"), "{first}");
    assert_eq!(tags(first.as_bytes()), "BEBES");
    assert_eq!(
        read(&mut postgres, [entered_and_granted(1, 3).as_slice()]),
        Ok(vec![numbers(1, 3)])
    );
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BES");
    // The next connection has an answer to look for.
    postgres.start_handshake(&mut Vec::new());
    let something_granted = tags_of(|out| postgres.write_confirm(FIRST, LAST, out));
    assert_eq!(something_granted, "BESBES");
}

#[test]
fn a_row_that_another_connection_has_entered_is_entered_again() {
    let mut postgres = confirmed();
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BES");
    postgres.start_handshake(&mut Vec::new());
    let bytes = [welcome(), settled_with(b"off"), done(), done()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    postgres.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
    assert_eq!(read(&mut postgres, [granted(1, 0, 100).as_slice()]), Ok(vec![well()]));
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BEBES");
}

#[test]
fn a_row_that_was_entered_in_vain_is_entered_again() {
    let mut postgres = confirmed_without_row();
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BEBES");
    let undone = [message(b'C', b"SELECT 0\0"), error("ERROR", "55P03", "x"), ready()].concat();
    assert_eq!(read(&mut postgres, [undone.as_slice()]).map(|events| events.len()), Ok(1));
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BEBES");
    assert_eq!(
        read(&mut postgres, [entered_and_granted(1, 3).as_slice()]),
        Ok(vec![numbers(1, 3)])
    );
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BES");
}

/// Somebody has deleted it: the take is given nothing, though numbers are left.
#[test]
fn a_row_that_is_gone_is_entered_again() {
    let gone = || [message(b'2', b""), row_of([4, 0, 9, EPOCH, 0, 2, 1, 0, 0]), done()].concat();
    let is_unconfirmed = |postgres: &mut Postgres| {
        let events = read(postgres, [gone().as_slice()]);
        let expected = |events: &[WireEvent]| {
            matches!(events, [WireEvent::Replied(FIRST, Answer::Unconfirmed(_))])
        };
        assert!(events.as_deref().is_ok_and(expected), "{events:?}");
    };
    let mut postgres = asking();
    is_unconfirmed(&mut postgres);
    // By the confirmation, which finds the answers lost.
    assert_eq!(tags_of(|out| postgres.write_confirm(FIRST, LAST, out)), "BESBES");
    let bytes = [columns(&[b"t"]), done(), granted(4, 0, 9)].concat();
    let expected = vec![WireEvent::AnswersLost(FIRST), well()];
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected));
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BES");
    // By the next take, where nothing was granted so far.
    is_unconfirmed(&mut postgres);
    let write = |out: &mut Vec<u8>| postgres.write_confirm(FIRST, LastGrant::default(), out);
    assert_eq!(tags_of(write), "BES");
    assert_eq!(read(&mut postgres, [granted(4, 0, 9).as_slice()]), Ok(vec![well()]));
    assert_eq!(tags(ask(&mut postgres, REQUEST).as_bytes()), "BEBES");
}

#[test]
fn a_resent_request_enters_its_row_and_looks_for_its_answer_behind_it() {
    let mut postgres = confirmed_without_row();
    let again = tags_of(|out| postgres.write_resent(FIRST, REQUEST, out));
    assert_eq!(again, "BEBES");
    assert!(postgres.can_send(), "it does not hold up other counters");
    let executed = [message(b'C', b"SELECT 0\0"), granted(9, 0, 8)].concat();
    assert!(sent(&mut postgres, &executed).contains("\0answer\0"));
    let answer = answered_before(7, 2, 100, 0);
    assert_eq!(read(&mut postgres, [answer.as_slice()]), Ok(vec![numbers(7, 2)]));
    // A read that comes again is read again.
    let again = tags_of(|out| postgres.write_resent(FIRST, Request::read(SEEN), out));
    assert_eq!(again, "BES");
    assert_eq!(read(&mut postgres, [granted(9, 0, 100).as_slice()]), Ok(vec![numbers(9, 0)]));
}

#[test]
fn a_role_that_may_not_enter_is_told_the_sql() {
    let mut postgres = confirmed_without_row();
    ask(&mut postgres, REQUEST);
    let bytes = [error("ERROR", "42501", "denied for headcount_answer"), ready()].concat();
    let events = read(&mut postgres, [bytes.as_slice()]);
    let Ok([WireEvent::Replied(FIRST, Answer::Refused(fault))]) = events.as_deref() else {
        panic!("{events:?}");
    };
    let grant =
        "grant select, insert, update, delete on headcount_answer, headcount_key to \"ann\"";
    assert!(fault.detail.contains(grant), "{}", fault.detail);
}

#[test]
fn every_execution_is_answered_once() {
    let completion = message(b'C', b"SELECT 1\0");
    let rows = [
        ("none", ready()),
        ("one too many", [completion.clone(), completion.clone(), ready()].concat()),
        ("a row behind it", [completion, row(1, 1, 9)].concat()),
    ];
    for (name, bytes) in rows {
        check(name, asking, &bytes, Err(StoreError::Protocol));
    }
    let one_of_two = || {
        let mut postgres = confirmed_without_row();
        ask(&mut postgres, REQUEST);
        postgres
    };
    check("one of two", one_of_two, &granted(1, 1, 9), Err(StoreError::Protocol));
}

/// It has no part in the transaction before it, nor in the one behind it.
#[test]
fn a_check_of_writes_stands_between_two_transactions() {
    let failed = |code| [error("ERROR", code, "x"), ready()].concat();
    let refused = |error, code: &str| Fault { error, detail: format!("ERROR {code}: x") };
    let written = |result| WireEvent::Written(result);
    let disk = || Err(refused(StoreError::Disk, "53100"));
    let locked = || replied(Answer::NotRun(Some(refused(StoreError::Locked, "55P03"))));
    let rows = [
        ("all well", granted(1, 3, 100), done(), vec![numbers(1, 3), written(Ok(()))]),
        ("a lock", failed("55P03"), done(), vec![locked(), written(Ok(()))]),
        ("a full disk", granted(1, 3, 100), failed("53100"), vec![numbers(1, 3), written(disk())]),
        ("both", failed("55P03"), failed("53100"), vec![locked(), written(disk())]),
    ];
    for (name, first, second, expected) in rows {
        // Before the requests of a wake are written, and behind them.
        let mut postgres = asking();
        let mut out = Vec::new();
        postgres.write_check(&mut out);
        assert_eq!(tags(&out), "PBES", "{name}");
        assert!(!postgres.can_send(), "{name}");
        let bytes = [first.clone(), second.clone()].concat();
        assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected), "{name}");
        let mut postgres = confirmed();
        postgres.write_request(FIRST, REQUEST);
        postgres.write_check(&mut Vec::new());
        assert!(postgres.can_send(), "{name}: a check holds up nothing");
        postgres.finish_requests(&mut Vec::new());
        let bytes = [second, first].concat();
        let events = read(&mut postgres, [bytes.as_slice()]).expect(name);
        assert!(matches!(events[..], [WireEvent::Written(_), WireEvent::Replied(..)]), "{name}");
    }
}
