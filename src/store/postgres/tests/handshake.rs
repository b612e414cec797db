//! The handshake, and confirming a counter.

use super::*;

#[test]
fn a_handshake_is_understood_in_any_pieces() {
    let done = [settled_with(b"off"), done(), done()].concat();
    let done = [welcome(), done].concat();
    check("all well", starting, &done, Ok(WireEvent::HandshakeDone));
    let read_only = [welcome(), settled_with(b"on")].concat();
    check("a standby", starting, &read_only, Err(StoreError::ReadOnly));
    let neither = [welcome(), settled_with(b"?")].concat();
    check("no setting", starting, &neither, Err(StoreError::Protocol));
    let unknown = [welcome(), error("ERROR", "42704", "unrecognized"), ready()].concat();
    check("an old server", starting, &unknown, Err(StoreError::Version));
    check("nobody asked who we are", starting, &ready(), Err(StoreError::Protocol));
    let row = [row(1, 1, 1), ready()].concat();
    check("a row before all", starting, &row, Err(StoreError::Protocol));
    let shape = [error("ERROR", "42703", "column \"max\" does not exist"), ready()].concat();
    // Prepare, Migrate, and behind Create and Clean once more Prepare.
    let shape = [shape.clone(), shape.clone(), super::done(), super::done(), shape].concat();
    check("another table", preparing, &shape, Err(StoreError::Type));
}

#[test]
fn a_confirmation_is_understood_in_any_pieces() {
    let refused = |error, detail: &str| {
        let fault = Fault { error, detail: detail.to_owned() };
        Ok(WireEvent::Confirmed(FIRST, Err(fault)))
    };
    check("it is there", confirming, &granted(1, 0, 100), Ok(well()));
    let layout = [row_of([1, 0, 9, EPOCH, 1, 3, 0, 0, 0]), done()].concat();
    let expected = refused(StoreError::Layout, "the row has version 3, and not 2");
    check("another layout", confirming, &layout, expected);
    // It is this counter's row, and no reason to give up those of the others.
    let negative = [row_of([1, 0, -9, EPOCH, 1, 2, 1, 0, 0]), done()].concat();
    let detail = "the table headcount gave a row that makes no sense";
    check("a negative limit", confirming, &negative, refused(StoreError::Type, detail));
    let locked = [error("ERROR", "55P03", "x"), ready()].concat();
    check("a lock", confirming, &locked, refused(StoreError::Locked, "ERROR 55P03: x"));
}

#[test]
fn what_is_sent_is_for_one_server_and_one_counter() {
    let mut postgres = postgres_of("postgres://ann:s3cret@localhost/db?application_name=gate");
    let mut out = Vec::new();
    postgres.start_handshake(&mut out);
    let expected = b"\0\x03\0\0user\0ann\0database\0db\0application_name\0gate\0\
        client_encoding\0UTF8\0\0";
    assert_eq!(&out[4..], expected);
    let mut sent = sent(&mut postgres, &[welcome(), settled_with(b"off")].concat());
    let rest = [done(), done()].concat();
    assert_eq!(read(&mut postgres, [rest.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    let mut out = Vec::new();
    postgres.write_confirm(FIRST, LastGrant::default(), &mut out);
    sent += &String::from_utf8_lossy(&out);
    for detail in [
        "select current_setting('transaction_read_only'), is_pooled, ",
        "set_config('statement_timeout', '250', is_pooled)",
        "set_config('lock_timeout', '225', is_pooled)",
        "set_config('default_transaction_isolation', 'read committed', is_pooled)",
        // The process of `welcome`.
        "(select pg_backend_pid() <> 117901063 as is_pooled)",
        "take\0-- Takes",
        "peek\0-- Says",
        "answer\0-- The answer",
        "\0peek\0\0\x01\0\x01\0\x03\0\0\0\x07default\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x08",
    ] {
        assert!(sent.contains(detail), "{detail} in {sent}");
    }
    for detail in ["create table", "insert into headcount (", "nowait", "\0enter\0\0"] {
        assert!(!sent.contains(detail), "{detail} in {sent}");
    }
}

#[test]
fn missing_tables_are_created_by_the_first_handshake_only() {
    let no_table = || [error("ERROR", "42P01", "no table"), ready()].concat();
    let mut postgres = preparing();
    let created = sent(&mut postgres, &no_table());
    assert!(created.contains("create table if not exists headcount"), "{created}");
    assert!(!created.contains("insert into headcount ("), "{created}");
    let replies = [done(), done(), done()].concat();
    assert_eq!(read(&mut postgres, [replies.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    postgres.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
    assert_eq!(read(&mut postgres, [granted(1, 0, 100).as_slice()]), Ok(vec![well()]));
    postgres.start_handshake(&mut Vec::new());
    let again = [welcome(), settled_with(b"off"), no_table(), no_table()].concat();
    assert_eq!(read(&mut postgres, [again.as_slice()]), Err(StoreError::Missing));
    // Tables that are missing though they were created: no second try on this connection.
    let never = [no_table(), done(), no_table(), no_table()].concat();
    assert_eq!(read(&mut preparing(), [never.as_slice()]), Err(StoreError::Missing));
}

#[test]
fn a_missing_row_is_created_by_the_first_confirmation_only() {
    let mut postgres = confirming();
    let created = sent(&mut postgres, &done());
    assert!(created.contains("insert into headcount ("), "{created}");
    assert!(!created.contains("create table"), "{created}");
    let replies = [done(), granted(1, 0, 100)].concat();
    assert_eq!(read(&mut postgres, [replies.as_slice()]), Ok(vec![well()]));
    let missing = |postgres: &mut Postgres, bytes: &[u8], out: &mut Vec<u8>| {
        let events = read_or_fault(postgres, [bytes], out);
        match events.as_deref() {
            Ok([WireEvent::Confirmed(FIRST, Err(fault))]) => {
                assert_eq!(fault.error, StoreError::Missing);
                fault.detail.clone()
            }
            events => panic!("{events:?}"),
        }
    };
    let mut out = Vec::new();
    postgres.start_handshake(&mut out);
    let again = [welcome(), settled_with(b"off"), done(), done()].concat();
    assert_eq!(read(&mut postgres, [again.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    postgres.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
    out.clear();
    let detail = missing(&mut postgres, &done(), &mut out);
    assert!(detail.ends_with("0 taken (epoch 5) were seen"), "{detail}");
    let written = String::from_utf8_lossy(&out);
    assert!(written.contains("-- Writes down what was seen"), "{written}");
    assert!(!written.contains("insert into headcount (name, taken, max) "), "{written}");
    // What it has written is no counter, and says what was seen by whom.
    postgres.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
    let lost = [done(), row_of([1, 0, 0, 0, 1, 2, 1, EPOCH, 7]), done()].concat();
    let detail = missing(&mut postgres, &lost, &mut Vec::new());
    assert!(detail.ends_with("7 taken (epoch 5) were seen"), "{detail}");
    // A row that does not come though it was created: no second try.
    let never = [done(), done(), done()].concat();
    missing(&mut confirming(), &never, &mut Vec::new());
}

/// Its read ran before the other one's creation, and is answered after the other one's read.
#[test]
fn a_row_that_another_reactor_creates_meanwhile_is_not_missed() {
    let mut postgres = confirming();
    let grant = Grant { first: 1, granted: 0, limit: 100, epoch: EPOCH as u64 };
    postgres.counters.observe(FIRST, grant, None);
    let again = sent(&mut postgres, &done());
    assert!(again.contains("\0peek\0") && !again.contains("insert"), "{again}");
    let mut missing = confirming();
    assert_eq!(read(&mut postgres, [granted(1, 0, 100).as_slice()]), Ok(vec![well()]));
    // But one that is gone by then is missing.
    missing.counters.observe(FIRST, grant, None);
    sent(&mut missing, &done());
    let events = read(&mut missing, [done().as_slice()]);
    let Ok([WireEvent::Confirmed(FIRST, Err(fault))]) = events.as_deref() else {
        panic!("{events:?}");
    };
    assert_eq!(fault.error, StoreError::Missing);
}

#[test]
fn an_answer_that_the_store_has_lost_is_noticed_by_the_next_confirmation() {
    let mut postgres = prepared();
    postgres.write_confirm(FIRST, LAST, &mut Vec::new());
    let bytes = [columns(&[b"t"]), done(), granted(1, 0, 100)].concat();
    let expected = vec![WireEvent::AnswersLost(FIRST), well()];
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected));
}

#[test]
fn two_processes_may_create_the_tables_and_the_row_at_once() {
    for code in ["42P07", "23505"] {
        let mut postgres = preparing();
        let no_table = [error("ERROR", "42P01", "no table"), ready()].concat();
        sent(&mut postgres, &no_table);
        let raced = || [error("ERROR", code, "exists"), ready()].concat();
        let replies = [raced(), done(), done()].concat();
        let events = read(&mut postgres, [replies.as_slice()]);
        assert_eq!(events, Ok(vec![WireEvent::HandshakeDone]), "{code}");
        postgres.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
        let replies = [done(), raced(), granted(1, 0, 100)].concat();
        assert_eq!(read(&mut postgres, [replies.as_slice()]), Ok(vec![well()]), "{code}");
    }
}

#[test]
fn a_role_without_the_right_is_told_the_sql() {
    let mut postgres = postgres_of("postgres://an%22n@localhost/db");
    postgres.start_handshake(&mut Vec::new());
    let no_table = [error("ERROR", "42P01", "no table"), ready()].concat();
    let no_table = no_table.repeat(2);
    let refused =
        [error("ERROR", "42501", "permission denied for schema public"), ready()].concat();
    let bytes = [welcome(), settled_with(b"off"), no_table, refused].concat();
    let fault = read_or_fault(&mut postgres, [bytes.as_slice()], &mut Vec::new()).unwrap_err();
    assert_eq!(fault.error, StoreError::Permission);
    for detail in [
        "permission denied for schema public; ",
        "create table if not exists headcount ( name text primary key,",
        "insert into headcount (name, taken, max) values ('default', 0, 100) on conflict",
        "grant select, insert, update on headcount to \"an\"\"n\"; ",
        "create table if not exists headcount_key ( counter text collate \"C\", ",
        "grant select, insert, update, delete on headcount_answer, headcount_key to \"an\"\"n\"",
    ] {
        assert!(fault.detail.contains(detail), "{detail} in {}", fault.detail);
    }
}
