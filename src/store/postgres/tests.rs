//! Byte tables: each row is read whole, byte by byte, in halves, and with more behind it.

use super::*;
use crate::config::StoreUrl;
use crate::counter::Grant;
use crate::limits::{LIMIT_MAX, REPLY_BYTES_MAX};
use crate::store::counter::Counter;
use crate::store::error::StoreError;
use crate::store::high_water::Position;
use crate::store::request::{Answer, LastGrant};

const TIMEOUT: Duration = Duration::from_millis(500);
const EPOCH: i64 = 5;
const SEEN: Position = Position { epoch: EPOCH as u64, taken: 0 };
const REQUEST: Request = Request { sequence: 1, count: 3, seen: SEEN, confirm: 0 };

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], length.as_slice(), body].concat()
}

fn authentication(kind: u32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[&kind.to_be_bytes(), body].concat())
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn error(severity: &str, code: &str, detail: &str) -> Vec<u8> {
    let body = format!("S{severity}\0V{severity}\0C{code}\0M{detail}\0Dtaken is 7\0\0");
    message(b'E', body.as_bytes())
}

fn columns(columns: &[&[u8]]) -> Vec<u8> {
    let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for column in columns {
        body.extend(u32::try_from(column.len()).unwrap().to_be_bytes());
        body.extend(*column);
    }
    message(b'D', &body)
}

fn row(first: i64, granted: i64, limit: i64) -> Vec<u8> {
    row_of([first, granted, limit, EPOCH, 1, 2, 0, 0, 0])
}

/// (first, granted, limit, epoch, known, version, created, and the floor's epoch and count).
fn row_of(numbers: [i64; 9]) -> Vec<u8> {
    let numbers = numbers.map(i64::to_be_bytes);
    columns(&numbers.each_ref().map(<[u8; 8]>::as_slice))
}

/// The link's row is made, and the look has seen that nothing is taken.
fn entered() -> Vec<u8> {
    [done(), granted(1, 0, 100)].concat()
}

/// What follows the rows of an execution that went well.
fn done() -> Vec<u8> {
    [message(b'C', b"SELECT 1\0"), ready()].concat()
}

fn granted(first: i64, granted: i64, limit: i64) -> Vec<u8> {
    [message(b'2', b""), row(first, granted, limit), done()].concat()
}

/// The server lets us in.
fn welcome() -> Vec<u8> {
    let parameter = message(b'S', b"server_version\x0015.4\0");
    [authentication(0, b""), parameter, message(b'K', &[7; 8]), ready()].concat()
}

fn settled_with(read_only: &[u8]) -> Vec<u8> {
    [message(b'C', b"SET\0"), columns(&[read_only]), done()].concat()
}

fn postgres_of(url: &str) -> Postgres {
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse(url) else { panic!("the URL is good") };
    Postgres::new(*url, Counter::new("default", 100), TIMEOUT, 7)
}

/// A connection whose first message is sent, and nothing received.
fn starting() -> Postgres {
    let mut postgres = postgres_of("postgres://ann:s3cret@localhost/db");
    postgres.start_handshake(&mut Vec::new());
    postgres
}

/// A connection that is let in, has its settings and its row, and looks at the counter.
fn looking() -> Postgres {
    let mut postgres = starting();
    let bytes = [welcome(), settled_with(b"off"), done()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![]));
    postgres
}

/// A connection that was past its handshake and has sent one request.
fn asking() -> Postgres {
    let mut postgres = looking();
    let bytes = [message(b'1', b""), granted(1, 0, 100)].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![Event::HandshakeDone]));
    postgres.write_request(REQUEST, &mut Vec::new());
    postgres
}

/// The events of the bytes, or the fault they end in.
fn read_or_fault<'a>(
    postgres: &mut Postgres,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<Vec<Event>, Fault> {
    let mut events = Vec::new();
    for piece in pieces {
        postgres.receive(piece);
        while let Some(event) = postgres.next(out)? {
            events.push(event);
        }
    }
    Ok(events)
}

fn read<'a>(
    postgres: &mut Postgres,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Event>, StoreError> {
    read_or_fault(postgres, pieces, &mut Vec::new()).map_err(|fault| fault.error)
}

/// What is sent in reply to bytes that are no event yet.
fn sent(postgres: &mut Postgres, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    assert_eq!(read_or_fault(postgres, [bytes], &mut out), Ok(vec![]));
    String::from_utf8_lossy(&out).into_owned()
}

fn check(name: &str, begin: fn() -> Postgres, bytes: &[u8], expected: Result<Event, StoreError>) {
    let expected = expected.map(|event| vec![event]);
    assert_eq!(read(&mut begin(), [bytes]), expected, "{name}, whole");
    assert_eq!(read(&mut begin(), bytes.chunks(1)), expected, "{name}, byte by byte");
    // A notice is out of band, and so may stand behind anything.
    let trailing = [bytes, &message(b'N', b"SNOTICE\0C00000\0Mwell\0\0")].concat();
    let trailing = read(&mut begin(), [trailing.as_slice()]);
    assert_eq!(trailing, expected, "{name}, with a notice behind");
    let (start, rest) = bytes.split_at(bytes.len() / 2);
    assert_eq!(read(&mut begin(), [start, rest]), expected, "{name}, in halves");
}

#[test]
fn an_answer_is_understood_in_any_pieces() {
    let grant = |first, granted, limit| {
        let grant = Grant { first, granted, limit, epoch: EPOCH as u64 };
        Ok(Event::Replied(Answer::Granted(grant)))
    };
    let refused = |error, detail: &str| {
        let fault = Fault { error, detail: detail.to_owned() };
        Ok(Event::Replied(Answer::Refused(fault)))
    };
    const LAST: i64 = LIMIT_MAX as i64;
    let not_postgres = || Err(StoreError::Protocol);
    let senseless = || Err(StoreError::Type);
    let rows: Vec<(&str, Vec<u8>, Result<Event, StoreError>)> = vec![
        ("a grant", granted(1, 3, 100), grant(1, 3, 100)),
        ("a part", granted(99, 2, 100), grant(99, 2, 100)),
        ("nothing left", granted(101, 0, 100), grant(101, 0, 100)),
        (
            "nothing of what was left when it began",
            granted(100, 0, 100),
            Ok(Event::Replied(Answer::NotRun(None))),
        ),
        ("the largest limit", granted(LAST, 1, LAST), grant(LAST as u64, 1, LAST as u64)),
        (
            "a larger limit",
            granted(1, 0, LAST + 1),
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
            Ok(Event::Replied(Answer::Granted(Grant {
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
    let Ok([Event::Replied(Answer::Refused(fault))]) = events.as_deref() else {
        panic!("{events:?}");
    };
    assert_eq!(fault.error, StoreError::Disk);
    postgres
        .write_request(Request { sequence: 2, count: 1, seen: SEEN, confirm: 0 }, &mut Vec::new());
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
        check(code, asking, &refused, Ok(Event::Replied(Answer::Refused(fault))));
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
        check(code, asking, &bytes, Ok(Event::Replied(Answer::NotRun(Some(fault)))));
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
    let Ok([Event::Replied(Answer::Refused(fault))]) = events.as_deref() else {
        panic!("{events:?}");
    };
    assert_eq!(fault.detail, "ERROR 42501: verboten");
    let bytes = message(b'E', b"SFATAL\0C28P01\0Mpass\xffword\0\0");
    let fault = read_or_fault(&mut starting(), [bytes.as_slice()], &mut Vec::new()).unwrap_err();
    assert_eq!(fault.detail, "FATAL 28P01: pass\u{fffd}word");
    check("no end", asking, &message(b'E', b"SERROR\0C42501"), Err(StoreError::Protocol));
}

#[test]
fn a_greeting_is_understood_in_any_pieces() {
    let looked = [settled_with(b"off"), entered()].concat();
    check("all well", starting, &[welcome(), looked.clone()].concat(), Ok(Event::HandshakeDone));
    let read_only = [welcome(), settled_with(b"on")].concat();
    check("a standby", starting, &read_only, Err(StoreError::ReadOnly));
    let neither = [welcome(), settled_with(b"?")].concat();
    check("no setting", starting, &neither, Err(StoreError::Protocol));
    let unknown = [welcome(), error("ERROR", "42704", "unrecognized"), ready()].concat();
    check("an old server", starting, &unknown, Err(StoreError::Version));
    check("nobody asked who we are", starting, &ready(), Err(StoreError::Protocol));
    check(
        "a row before all",
        starting,
        &[row(1, 1, 1), ready()].concat(),
        Err(StoreError::Protocol),
    );
    let shape = [error("ERROR", "42703", "column \"max\" does not exist"), ready()].concat();
    let shape = [shape.clone(), shape.clone(), done(), shape].concat();
    check("another table", looking, &shape, Err(StoreError::Type));
}

#[test]
fn what_is_sent_is_for_one_server_and_one_counter() {
    let mut postgres = postgres_of("postgres://ann:s3cret@localhost/db?application_name=gate");
    let mut out = Vec::new();
    postgres.start_handshake(&mut out);
    let expected = b"\0\x03\0\0user\0ann\0database\0db\0application_name\0gate\0\
        client_encoding\0UTF8\0\0";
    assert_eq!(&out[4..], expected);
    let sent = sent(&mut postgres, &welcome());
    for detail in [
        "set statement_timeout = 250;",
        "set lock_timeout = 225;",
        "set default_transaction_isolation = 'read committed';",
        "show transaction_read_only\0",
        "take\0-- Takes",
        "peek\0-- Says",
        "answer\0-- The answer",
        "\0peek\0\0\x01\0\x01\0\x03\0\0\0\x07default\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x08",
    ] {
        assert!(sent.contains(detail), "{detail} in {sent}");
    }
    assert!(!sent.contains("create table") && !sent.contains("insert into headcount ("), "{sent}");
}

#[test]
fn a_missing_table_is_created_with_its_row_and_by_the_first_greeting_only() {
    let no_table = || [error("ERROR", "42P01", "no table"), ready()].concat();
    let mut postgres = looking();
    let created = sent(&mut postgres, &no_table());
    assert!(created.contains("create table if not exists headcount"), "{created}");
    assert!(created.contains("insert into headcount ("), "{created}");
    let replies = [done(), done(), entered()].concat();
    assert_eq!(read(&mut postgres, [replies.as_slice()]), Ok(vec![Event::HandshakeDone]));
    postgres.start_handshake(&mut Vec::new());
    let again = [welcome(), settled_with(b"off"), no_table(), no_table()].concat();
    assert_eq!(read(&mut postgres, [again.as_slice()]), Err(StoreError::Missing));
}

#[test]
fn a_missing_row_is_created_by_the_first_greeting_only() {
    let mut postgres = looking();
    let created = sent(&mut postgres, &done());
    assert!(created.contains("insert into headcount ("), "{created}");
    assert!(!created.contains("create table"), "{created}");
    let replies = [done(), granted(1, 0, 100)].concat();
    assert_eq!(read(&mut postgres, [replies.as_slice()]), Ok(vec![Event::HandshakeDone]));
    postgres.start_handshake(&mut Vec::new());
    let again = [welcome(), settled_with(b"off"), done()].concat();
    assert_eq!(read(&mut postgres, [again.as_slice()]), Ok(vec![]));
    let written = sent(&mut postgres, &done());
    assert!(written.contains("-- Writes down what was seen"), "{written}");
    let lost = [done(), row_of([1, 0, 0, 0, 1, 2, 1, EPOCH, 7]), done()].concat();
    let fault = read_or_fault(&mut postgres, [lost.as_slice()], &mut Vec::new()).unwrap_err();
    assert_eq!(fault.error, StoreError::Missing);
    assert!(fault.detail.ends_with("7 taken (epoch 5) were seen"), "{}", fault.detail);
    // A row that does not come though it was created: no second try on this connection.
    let never = [done(), done(), done()].concat();
    assert_eq!(read(&mut looking(), [never.as_slice()]), Err(StoreError::Missing));
}

#[test]
fn an_ask_that_comes_again_and_is_granted_nothing_may_have_been_granted_something_before() {
    let numbers = |first, granted| {
        let grant = Grant { first, granted, limit: 9, epoch: EPOCH as u64 };
        Ok(vec![Event::Replied(Answer::Granted(grant))])
    };
    let again = || {
        let mut postgres = asking();
        assert_eq!(read(&mut postgres, [granted(1, 3, 9).as_slice()]), numbers(1, 3));
        postgres.write_resent(REQUEST, &mut Vec::new());
        postgres
    };
    assert_eq!(read(&mut again(), [granted(4, 3, 9).as_slice()]), numbers(4, 3));
    let mut halted = again();
    assert!(sent(&mut halted, &granted(10, 0, 9)).contains("\0answer\0"));
    assert_eq!(read(&mut halted, [done().as_slice()]), numbers(10, 0));
    let mut was_granted = again();
    sent(&mut was_granted, &granted(10, 0, 9));
    assert_eq!(read(&mut was_granted, [granted(7, 3, 9).as_slice()]), numbers(7, 3));
}

#[test]
fn an_answer_that_the_store_has_lost_is_noticed_by_the_next_greeting() {
    for (sequence, expected) in [(0, vec![]), (1, vec![Event::AnswersLost])] {
        let mut postgres = starting();
        postgres.last_grant = LastGrant { sequence, epoch: 5 };
        let row = columns(&[b"t"]);
        let bytes = [welcome(), settled_with(b"off"), row, done()].concat();
        assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(expected));
    }
}

#[test]
fn two_processes_may_create_the_table_at_once() {
    for code in ["42P07", "23505"] {
        let mut postgres = looking();
        let no_table = [error("ERROR", "42P01", "no table"), ready()].concat();
        sent(&mut postgres, &no_table);
        let raced = [error("ERROR", code, "exists"), ready()].concat();
        let replies = [raced, done(), entered()].concat();
        assert_eq!(
            read(&mut postgres, [replies.as_slice()]),
            Ok(vec![Event::HandshakeDone]),
            "{code}"
        );
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
        "grant select, insert, update, delete on headcount_answer to \"an\"\"n\"",
    ] {
        assert!(fault.detail.contains(detail), "{detail} in {}", fault.detail);
    }
}

#[test]
fn a_password_is_proved_with_md5() {
    let mut postgres = postgres_of("postgres://md5_user:password@localhost/db");
    postgres.start_handshake(&mut Vec::new());
    let request = authentication(5, &[0x2a, 0x3d, 0x8f, 0xe0]);
    let sent = sent(&mut postgres, &request);
    assert_eq!(sent, "p\0\0\0\x28md562af4dd09bbb41884907a838a3233294\0");
}

/// A connection in the middle of SCRAM, and the server's first message to it.
fn proving() -> (Postgres, Vec<u8>) {
    let mut postgres = starting();
    let mechanisms = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
    let first = sent(&mut postgres, &authentication(10, mechanisms));
    let (_, nonce) = first.split_once("n,,n=,r=").expect("the client's first message");
    let challenge = format!("r={nonce}x,s=c2FsdA==,i=4");
    (postgres, authentication(11, challenge.as_bytes()))
}

#[test]
fn a_server_that_does_not_prove_itself_is_not_trusted() {
    let (mut postgres, challenge) = proving();
    let proof = sent(&mut postgres, &challenge);
    assert!(proof.contains("c=biws,r=") && proof.contains(",p="), "{proof}");
    let forged = authentication(12, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_eq!(read(&mut postgres, [forged.as_slice()]), Err(StoreError::Authentication));
    let skipped = authentication(0, b"");
    let (mut postgres, challenge) = proving();
    sent(&mut postgres, &challenge);
    assert_eq!(read(&mut postgres, [skipped.as_slice()]), Err(StoreError::Authentication));
    let (mut postgres, challenge) = proving();
    sent(&mut postgres, &challenge);
    assert_eq!(read(&mut postgres, [challenge.as_slice()]), Err(StoreError::Authentication));
    for challenge in ["r=other,s=c2FsdA==,i=4", "r=", "", "\u{e9}", "r=x,s=!,i=0"] {
        let (mut postgres, _) = proving();
        let challenge = authentication(11, challenge.as_bytes());
        assert_eq!(read(&mut postgres, [challenge.as_slice()]), Err(StoreError::Authentication));
    }
}

/// Each iteration costs time, and the server says how many: it must not be able to hold us up.
#[test]
fn a_server_cannot_make_the_proof_costly() {
    let (mut postgres, challenge) = proving();
    let mut costly = challenge;
    costly.truncate(costly.len() - 1);
    let costly = authentication(11, &[&costly[9..], b"4000000000"].concat());
    assert_eq!(read(&mut postgres, [costly.as_slice()]), Err(StoreError::Authentication));
}

#[test]
fn a_password_never_goes_out_in_clear_text_nor_into_an_error() {
    let requests = [
        authentication(3, b""),
        authentication(7, b""),
        authentication(9, b""),
        authentication(10, b"OAUTHBEARER\0\0"),
    ];
    for request in requests {
        let (mut postgres, mut out) = (starting(), Vec::new());
        let fault = read_or_fault(&mut postgres, [request.as_slice()], &mut out).unwrap_err();
        assert_eq!((fault.error, out.as_slice()), (StoreError::Authentication, &b""[..]));
        assert!(!fault.detail.contains("s3cret"), "{}", fault.detail);
        assert!(!format!("{postgres:?}").contains("s3cret"));
    }
    let mut postgres = postgres_of("postgres://ann@localhost/db");
    postgres.start_handshake(&mut Vec::new());
    let request = authentication(5, b"salt");
    let fault = read_or_fault(&mut postgres, [request.as_slice()], &mut Vec::new()).unwrap_err();
    assert_eq!(fault.detail, "the server wants a password and --store has none");
}

#[test]
fn another_protocol_is_not_postgres() {
    let huge = u32::try_from(REPLY_BYTES_MAX + 1).unwrap().to_be_bytes();
    let rows: [(&str, Vec<u8>); 6] = [
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n".to_vec()),
        ("Redis", b"-ERR unknown command\r\n".to_vec()),
        ("a length below its own", b"Z\0\0\0\x03".to_vec()),
        ("a negative length", b"Z\xff\xff\xff\xff".to_vec()),
        ("a length past the bound", [b"D", huge.as_slice()].concat()),
        ("an unknown tag", message(b'~', b"")),
    ];
    for (name, bytes) in rows {
        check(name, starting, &bytes, Err(StoreError::Protocol));
        check(name, asking, &bytes, Err(StoreError::Protocol));
    }
}

#[test]
fn a_reply_that_nobody_waits_for_is_not_postgres() {
    let bytes = [granted(1, 1, 9), granted(2, 1, 9)].concat();
    assert_eq!(read(&mut asking(), [bytes.as_slice()]), Err(StoreError::Protocol));
}

#[test]
fn a_new_connection_begins_without_the_rest_of_the_last_one() {
    let mut postgres = asking();
    let rest = [row(1, 1, 9), error("ERROR", "42501", "x"), b"D\0\0\x01\0".to_vec()].concat();
    assert_eq!(read(&mut postgres, [rest.as_slice()]), Ok(vec![]));
    postgres.start_handshake(&mut Vec::new());
    let bytes = [welcome(), settled_with(b"off"), entered()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![Event::HandshakeDone]));
}

/// Good messages with a few bytes changed, so that they reach far into the reading of them.
#[test]
fn no_bytes_panic() {
    let good = [
        welcome(),
        authentication(10, b"SCRAM-SHA-256\0\0"),
        authentication(11, b"r=x,s=c2FsdA==,i=4"),
        settled_with(b"off"),
        granted(1, 0, 100),
        error("ERROR", "42P01", "x"),
        done(),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let begin = [starting, looking, asking][random.usize(..3)];
        let mut bytes: Vec<u8> = Vec::new();
        for _ in 0..random.usize(1..5) {
            bytes.extend(&good[random.usize(..good.len())]);
        }
        for _ in 0..random.usize(0..4) {
            let index = random.usize(..bytes.len());
            bytes[index] = random.u8(..);
        }
        let _ = read(&mut begin(), bytes.chunks(random.usize(1..64)));
    }
}
