//! Behind a pooler: each transaction begins with its own settings, and nothing stays.

use super::transaction::tags;
use super::*;
use crate::store::change::Change;

/// What the settings give that a transaction begins with.
fn settings() -> Vec<u8> {
    let of = |tag: &[u8]| [message(b'1', b""), message(b'2', b""), message(b'C', tag)].concat();
    [of(b"SET\0"), of(b"SELECT 0\0")].concat()
}

fn introduced() -> Vec<u8> {
    [welcome(), settled_in(b"t", b"off")].concat()
}

/// A connection through a pooler that is past its handshake.
fn prepared() -> Postgres {
    let mut postgres = starting();
    let bytes = [introduced(), settings(), done(), settings(), done()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    postgres
}

/// The same whose counter is confirmed, without a row of the link.
fn confirmed() -> Postgres {
    let mut postgres = prepared();
    postgres.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
    let confirmed = [settings(), granted(1, 0, 100)].concat();
    assert_eq!(read(&mut postgres, [confirmed.as_slice()]), Ok(vec![well()]));
    postgres
}

fn asking() -> Postgres {
    let mut postgres = confirmed();
    ask(&mut postgres, REQUEST);
    postgres
}

/// What is sent: each transaction of it by itself.
fn transactions(out: &[u8]) -> Vec<&[u8]> {
    let (mut transactions, mut start, mut end) = (Vec::new(), 0, 0);
    while let [tag, length @ ..] = &out[end..] {
        end += 1 + u32::from_be_bytes(length[..4].try_into().unwrap()) as usize;
        if matches!(tag, b'S' | b'Q') {
            transactions.push(&out[start..end]);
            start = end;
        }
    }
    assert_eq!(start, out.len(), "a Sync is missing");
    transactions
}

fn assert_begins_with_settings(name: &str, transaction: &[u8]) {
    let text = String::from_utf8_lossy(transaction);
    let isolation = "set transaction_isolation = 'read committed'";
    let select = "select from (select set_config('statement_timeout', '250', true) as one, \
        set_config('lock_timeout', '225', true) as two, \
        set_config('search_path', '\"$user\", it''s', true) as three offset 0)";
    for (statement, prefix) in [(isolation, 12), (select, 120)] {
        assert_eq!(text.matches(statement).count(), 1, "{name}: {text}");
        assert!(text.find(statement).is_some_and(|at| at <= prefix), "{name}: {text}");
    }
}

/// What is sent in reply to bytes, whatever they mean.
fn reply(postgres: &mut Postgres, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    read_or_fault(postgres, [bytes], &mut out).expect("the connection goes on");
    out
}

#[test]
fn each_transaction_begins_with_its_settings() {
    let failed = |code: &str| [settings(), error("ERROR", code, "x"), ready()].concat();
    let with = |rest: Vec<u8>| [settings(), rest].concat();
    let mut sent: Vec<(&str, usize, Vec<u8>)> = Vec::new();
    let mut preparing = starting();
    reply(&mut preparing, &welcome());
    sent.push(("Clean, Prepare", 2, reply(&mut preparing, &settled_in(b"t", b"off"))));

    let mut migrating = starting();
    reply(&mut migrating, &[introduced(), with(done())].concat());
    let bytes = reply(&mut migrating, &failed("42703"));
    sent.push(("Migrate, Create, Clean, Prepare", 4, bytes));

    let mut creating = prepared();
    creating.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
    sent.push(("Insert, Confirm", 2, reply(&mut creating, &with(done()))));

    let mut out = Vec::new();
    prepared().write_confirm(FIRST, LAST, &mut out);
    sent.push(("Enter, Confirm", 2, out));

    let mut out = Vec::new();
    confirmed().write_check(&mut out);
    sent.push(("Check", 1, out));

    let lost = with(entered_row_only());
    sent.push(("Lost", 1, reply(&mut asking(), &lost)));

    let mut changing = changing();
    let mut out = Vec::new();
    changing.write_confirm(FIRST, LastGrant::default(), &mut out);
    sent.push(("Read", 1, out));
    sent.push(("Change, ReadChanged, Confirm", 3, reply(&mut changing, &with(done()))));

    for (name, count, bytes) in sent {
        let transactions = transactions(&bytes);
        assert_eq!(transactions.len(), count, "{name}: {}", tags(&bytes));
        transactions.iter().for_each(|it| assert_begins_with_settings(name, it));
    }
}

/// A connection that is to reset the counter.
fn changing() -> Postgres {
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse("postgres://ann@localhost/db") else {
        panic!("the URL is good")
    };
    let counters = Counters::new([("default", 100)].into_iter(), true);
    let change = Change::reset_or_set("token".to_owned(), None, None);
    let mut postgres = Postgres::new(*url, Arc::new(counters), Some(change), TIMEOUT, 7);
    postgres.start_handshake(&mut Vec::new());
    let bytes = [introduced(), settings(), done(), settings(), done()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    postgres
}

/// The link's row is entered, and the take finds no counter.
fn entered_row_only() -> Vec<u8> {
    let executed = [message(b'1', b""), message(b'2', b""), message(b'C', b"SELECT 0\0")].concat();
    [executed.clone(), executed, ready()].concat()
}

#[test]
fn nothing_is_prepared_and_a_request_is_parsed_anew() {
    let prepared = sent(&mut starting(), &introduced());
    assert!(!prepared.contains("take\0") && prepared.contains("-- Takes"), "{prepared}");
    let mut postgres = confirmed();
    postgres.write_request(FIRST, REQUEST);
    let mut out = Vec::new();
    postgres.finish_requests(&mut out);
    // The settings, the row of the link, and the take.
    assert_eq!(tags(&out), "PBE".repeat(4) + "S");
    assert_begins_with_settings("a take", &out);
}

#[test]
fn a_request_is_granted_and_an_error_is_its_own() {
    let executed = [message(b'1', b""), message(b'2', b""), message(b'C', b"SELECT 0\0")].concat();
    let entered = [settings(), executed].concat();
    let all = [entered.clone(), message(b'1', b""), granted(4, 3, 100)].concat();
    let grant = Grant { first: 4, granted: 3, limit: 100, epoch: EPOCH as u64 };
    check("granted", asking, &all, Ok(replied(Answer::Granted(grant))));
    let refused = [error("ERROR", "42501", "permission denied"), ready()].concat();
    let fault = |answer: &Result<Vec<WireEvent>, StoreError>| match answer.as_deref() {
        Ok([WireEvent::Replied(_, Answer::Refused(fault))]) => fault.detail.clone(),
        answer => panic!("{answer:?}"),
    };
    // What is wrong with the row of the link has a remedy, which is the operator's.
    let of_row = [settings(), refused.clone()].concat();
    let of_row = fault(&read(&mut asking(), [of_row.as_slice()]));
    let of_take = [entered, refused].concat();
    let of_take = fault(&read(&mut asking(), [of_take.as_slice()]));
    assert!(of_row.len() > of_take.len(), "{of_row}; {of_take}");
}

/// It would be part of a statement, which ends at its first NUL.
#[test]
fn a_search_path_that_is_no_text_is_not_postgres() {
    for path in [b"pub\0lic".as_slice(), b"\xff"] {
        let set = [b"off".as_slice(), b"t", path, b"1", b"1", b"x", b"x"];
        let bytes = [welcome(), columns(&set), done()].concat();
        check("a search path", starting, &bytes, Err(StoreError::Protocol));
    }
}
