//! What the server's answers to requests mean.

use super::*;

#[test]
fn an_answer_is_understood_in_any_pieces() {
    let grant = |first, granted, limit| {
        let grant = Grant { first, granted, limit, epoch: EPOCH as u64 };
        Ok(replied(Answer::Granted(grant)))
    };
    let refused = |error, detail: &str| {
        let fault = Fault { error, detail: detail.to_owned() };
        Ok(replied(Answer::Refused(fault)))
    };
    const MAX: i64 = LIMIT_MAX as i64;
    let not_postgres = || Err(StoreError::Protocol);
    // It is this counter's row, and no reason to give up those of the others.
    let senseless =
        || refused(StoreError::Type, "the table headcount gave a row that makes no sense");
    let rows: Vec<(&str, Vec<u8>, Result<WireEvent, StoreError>)> = vec![
        ("a grant", granted(1, 3, 100), grant(1, 3, 100)),
        ("a part", granted(99, 2, 100), grant(99, 2, 100)),
        ("nothing left", granted(101, 0, 100), grant(101, 0, 100)),
        (
            "nothing of what was left when it began",
            granted(100, 0, 100),
            Ok(replied(Answer::NotRun(None))),
        ),
        ("the largest limit", granted(MAX, 1, MAX), grant(MAX as u64, 1, MAX as u64)),
        (
            "a larger limit",
            granted(1, 0, MAX + 1),
            refused(
                StoreError::Damaged,
                "the column max holds 9007199254740992: expected at most 9007199254740991",
            ),
        ),
        (
            "another layout",
            [row_of([1, 0, 9, EPOCH, 1, 3, 0, 0, 0]), done()].concat(),
            refused(StoreError::Layout, "the row has version 3, and not 2"),
        ),
        (
            "made anew by somebody's start",
            [row_of([1, 0, 9, EPOCH + 1, 1, 2, 1, 0, 0]), done()].concat(),
            refused(
                StoreError::Recreated,
                "the store holds 0 taken (epoch 6), but 0 taken (epoch 5) were seen before",
            ),
        ),
        (
            "below its floor",
            [row_of([3, 0, 9, EPOCH, 1, 2, 0, EPOCH, 4]), done()].concat(),
            refused(
                StoreError::Backwards,
                "the store holds 2 taken (epoch 5), but 4 taken (epoch 5) were seen before",
            ),
        ),
        (
            "reset, which is followed",
            [row_of([1, 0, 9, EPOCH + 1, 1, 2, 0, 0, 0]), done()].concat(),
            Ok(replied(Answer::Granted(Grant {
                first: 1,
                granted: 0,
                limit: 9,
                epoch: EPOCH as u64 + 1,
            }))),
        ),
        ("past the limit", granted(100, 2, 100), senseless()),
        ("a number 0", granted(0, 1, 100), senseless()),
        ("a negative number", granted(-1, 1, 100), senseless()),
        ("two rows", [row(1, 1, 9), granted(1, 1, 9)].concat(), not_postgres()),
        ("two columns", [columns(&[[0; 8].as_slice(); 2]), done()].concat(), senseless()),
        ("narrow columns", [columns(&[[0; 4].as_slice(); 9]), done()].concat(), senseless()),
        ("a NULL", [message(b'D', &[0, 1, 255, 255, 255, 255]), done()].concat(), senseless()),
        ("a row cut short", [message(b'D', &[0, 1, 0, 0, 0, 9, 1]), done()].concat(), senseless()),
        ("an open transaction", [row(1, 1, 9), message(b'Z', b"T")].concat(), not_postgres()),
        ("a copy", message(b'G', &[0, 0, 0]), not_postgres()),
        ("an authentication", authentication(0, b""), not_postgres()),
    ];
    for (name, bytes, expected) in rows {
        check(name, asking, &bytes, expected);
    }
}

/// The row comes before the commit, and the commit may yet fail.
#[test]
fn a_row_is_not_believed_before_its_transaction_has_ended() {
    let mut postgres = asking();
    let executed = [message(b'2', b""), row(1, 3, 9), message(b'C', b"SELECT 1\0")].concat();
    assert_eq!(read(&mut postgres, [executed.as_slice()]), Ok(vec![]));
    let failed = [error("ERROR", "53100", "no space left on device"), ready()].concat();
    let events = read(&mut postgres, [failed.as_slice()]);
    let Ok([WireEvent::Replied(FIRST, Answer::Refused(fault))]) = events.as_deref() else {
        panic!("{events:?}");
    };
    assert_eq!(fault.error, StoreError::Disk);
    ask(&mut postgres, Request { sequence: 3, count: 1, ..REQUEST });
    let events = read(&mut postgres, [granted(1, 1, 9).as_slice()]);
    assert_eq!(events.map(|events| events.len()), Ok(1));
}

#[test]
fn an_error_says_what_to_make_of_it() {
    let rows = [
        ("28P01", StoreError::Authentication),
        ("28000", StoreError::Authentication),
        ("3D000", StoreError::Database),
        ("42501", StoreError::Permission),
        ("3F000", StoreError::Permission),
        ("53100", StoreError::Disk),
        ("53200", StoreError::OutOfMemory),
        ("53300", StoreError::Connections),
        ("57P01", StoreError::Unreachable),
        ("57P03", StoreError::Loading),
        ("42P01", StoreError::Missing),
        ("42703", StoreError::Type),
        ("42601", StoreError::Version),
        ("22003", StoreError::Refused),
        ("", StoreError::Refused),
    ];
    for (code, expected) in rows {
        let fatal = error("FATAL", code, "x");
        check(code, starting, &fatal, Err(expected));
        check(code, asking, &fatal, Err(expected));
        let refused = [error("ERROR", code, "x"), ready()].concat();
        let fault = Fault { error: expected, detail: format!("ERROR {code}: x") };
        check(code, asking, &refused, Ok(replied(Answer::Refused(fault))));
    }
    // Those who did not run may ask again; those whose server is not the right one must not.
    for (code, expected) in [
        ("55P03", StoreError::Locked),
        ("57014", StoreError::Locked),
        ("40001", StoreError::Conflict),
        ("40P01", StoreError::Conflict),
    ] {
        let bytes = [error("ERROR", code, "x"), ready()].concat();
        let fault = Fault { error: expected, detail: format!("ERROR {code}: x") };
        check(code, asking, &bytes, Ok(replied(Answer::NotRun(Some(fault)))));
    }
    for (code, expected) in [
        ("25006", StoreError::ReadOnly),
        ("26000", StoreError::Refused),
        ("0A000", StoreError::Refused),
    ] {
        let bytes = [error("ERROR", code, "x"), ready()].concat();
        check(code, asking, &bytes, Err(expected));
    }
}

#[test]
fn an_error_is_read_without_its_details_and_whatever_its_bytes() {
    let mut postgres = asking();
    let latin = [error("ERROR", "42501", "verboten"), ready()].concat();
    let events = read(&mut postgres, [latin.as_slice()]);
    let Ok([WireEvent::Replied(FIRST, Answer::Refused(fault))]) = events.as_deref() else {
        panic!("{events:?}");
    };
    assert_eq!(fault.detail, "ERROR 42501: verboten");
    let bytes = message(b'E', b"SFATAL\0C28P01\0Mpass\xffword\0\0");
    let fault = read_or_fault(&mut starting(), [bytes.as_slice()], &mut Vec::new()).unwrap_err();
    assert_eq!(fault.detail, "FATAL 28P01: pass\u{fffd}word");
    check("no end", asking, &message(b'E', b"SERROR\0C42501"), Err(StoreError::Protocol));
}

#[test]
fn a_request_that_comes_again_and_is_granted_nothing_may_have_been_granted_something_before() {
    let numbers = |first, granted| {
        let grant = Grant { first, granted, limit: 9, epoch: EPOCH as u64 };
        Ok(vec![replied(Answer::Granted(grant))])
    };
    let again = || {
        let mut postgres = asking();
        assert_eq!(read(&mut postgres, [granted(1, 3, 9).as_slice()]), numbers(1, 3));
        postgres.write_resent(FIRST, REQUEST, &mut Vec::new());
        postgres
    };
    assert_eq!(read(&mut again(), [granted(4, 3, 9).as_slice()]), numbers(4, 3));
    let mut halted = again();
    assert!(sent(&mut halted, &granted(10, 0, 9)).contains("\0answer\0"));
    assert_eq!(read(&mut halted, [done().as_slice()]), numbers(10, 0));
    let mut was_granted = again();
    sent(&mut was_granted, &granted(10, 0, 9));
    let answer = answered_before(7, 3, 9, 0);
    assert_eq!(read(&mut was_granted, [answer.as_slice()]), numbers(7, 3));
}
