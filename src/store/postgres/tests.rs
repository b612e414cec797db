//! Byte tables: each row is read whole, byte by byte, in halves, and with more behind it.

mod answers;
mod authentication;
mod handshake;
mod keys;
mod many;
mod pooled;
mod transaction;

use super::*;
use crate::config::StoreUrl;
use crate::counter::CounterId;
use crate::counter::Grant;
use crate::limits::{LIMIT_MAX, REPLY_BYTES_MAX};
use crate::store::error::StoreError;
use crate::store::high_water::Position;
use crate::store::keys::Keys;
use crate::store::request::{Answer, LastGrant, Request};

const TIMEOUT: Duration = Duration::from_millis(500);
const EPOCH: i64 = 5;
const SEEN: Position = Position { epoch: EPOCH as u64, taken: 0 };
const REQUEST: Request =
    Request { sequence: 2, count: 3, keys: Keys::NONE, seen: SEEN, confirm: 0 };
const FIRST: CounterId = CounterId::FIRST;
/// The grant before [`REQUEST`].
const LAST: LastGrant = LastGrant { sequence: 1, epoch: EPOCH as u64 };

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

/// The answer that a request was given before, with so many numbers that went to keys.
fn answer_row(first: i64, granted: i64, limit: i64, keyed: i64) -> Vec<u8> {
    let numbers = [first, granted, limit, EPOCH, 1, 2, 0, 0, 0, keyed].map(i64::to_be_bytes);
    columns(&numbers.each_ref().map(<[u8; 8]>::as_slice))
}

fn answered_before(first: i64, granted: i64, limit: i64, keyed: i64) -> Vec<u8> {
    [message(b'2', b""), answer_row(first, granted, limit, keyed), done()].concat()
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
    settled_in(b"f", read_only)
}

fn settled_in(is_pooled: &[u8], read_only: &[u8]) -> Vec<u8> {
    let set = [b"250ms".as_slice(), b"225ms", b"read committed", b"force_generic_plan"];
    let [one, two, three, four] = set;
    [columns(&[read_only, is_pooled, b"\"$user\", it's", one, two, three, four]), done()].concat()
}

fn postgres_of(url: &str) -> Postgres {
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse(url) else { panic!("the URL is good") };
    let counters = Counters::new([("default", 100)].into_iter(), true);
    Postgres::new(*url, Arc::new(counters), None, TIMEOUT, 7)
}

/// A connection whose first message is sent, and nothing received.
fn starting() -> Postgres {
    let mut postgres = postgres_of("postgres://ann:s3cret@localhost/db");
    postgres.start_handshake(&mut Vec::new());
    postgres
}

/// A connection that is let in, has its settings, and prepares its statements.
fn preparing() -> Postgres {
    let mut postgres = starting();
    let bytes = [welcome(), settled_with(b"off"), done()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![]));
    postgres
}

/// A connection that is past its handshake.
fn prepared() -> Postgres {
    let mut postgres = preparing();
    let bytes = [message(b'1', b""), ready()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
    postgres
}

/// A connection that confirms a counter that nothing was granted of.
fn confirming() -> Postgres {
    let mut postgres = prepared();
    postgres.write_confirm(FIRST, LastGrant::default(), &mut Vec::new());
    postgres
}

/// A connection whose counter is confirmed, with the row of the link.
fn confirmed() -> Postgres {
    let mut postgres = prepared();
    postgres.write_confirm(FIRST, LAST, &mut Vec::new());
    assert_eq!(read(&mut postgres, [entered().as_slice()]), Ok(vec![well()]));
    postgres
}

/// A connection that has sent one request.
fn asking() -> Postgres {
    let mut postgres = confirmed();
    ask(&mut postgres, REQUEST);
    postgres
}

/// Sends one request, and gives what was sent.
fn ask(postgres: &mut Postgres, request: Request) -> String {
    let mut out = Vec::new();
    postgres.write_request(FIRST, request);
    postgres.finish_requests(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn well() -> WireEvent {
    WireEvent::Confirmed(FIRST, Ok(()))
}

fn replied(answer: Answer) -> WireEvent {
    WireEvent::Replied(FIRST, answer)
}

/// The events of the bytes, or the fault they end in.
fn read_or_fault<'a>(
    postgres: &mut Postgres,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<Vec<WireEvent>, Fault> {
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
) -> Result<Vec<WireEvent>, StoreError> {
    read_or_fault(postgres, pieces, &mut Vec::new()).map_err(|fault| fault.error)
}

/// What is sent in reply to bytes that are no event yet.
fn sent(postgres: &mut Postgres, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    assert_eq!(read_or_fault(postgres, [bytes], &mut out), Ok(vec![]));
    String::from_utf8_lossy(&out).into_owned()
}

fn check(
    name: &str,
    begin: fn() -> Postgres,
    bytes: &[u8],
    expected: Result<WireEvent, StoreError>,
) {
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
    let bytes = [welcome(), settled_with(b"off"), done(), done()].concat();
    assert_eq!(read(&mut postgres, [bytes.as_slice()]), Ok(vec![WireEvent::HandshakeDone]));
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
        let begin = [starting, preparing, confirming, asking][random.usize(..4)];
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
