//! Heads as a table: each row is parsed whole, byte by byte and with bytes behind it.

mod connections;
mod content_lengths;
mod expectations;
mod field_lines;
mod hosts;
mod request_lines;
mod targets;
mod transfer_encodings;

use super::{Fields, Framing, Method, Persistence, Refusal, Request, is_head, parse};
use crate::limits::{FIELDS_MAX, HEAD_BYTES_MAX, TARGET_BYTES_MAX};

use Expected::{Open, Refused, Taken};
use Refusal::*;

/// A sentence, the bytes in parts, and what becomes of them.
struct Row(&'static str, &'static [&'static [u8]], Expected);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// A request whose head is all of the bytes.
    Taken(Request<'static>),
    /// A refusal.
    Refused(Refusal),
    /// More bytes are needed.
    Open,
}

const GET_11: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n";
const POST_11: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\n";
const LINE_11: &[u8] = b"GET / HTTP/1.1\r\n";
const LINE_10: &[u8] = b"GET / HTTP/1.0\r\n";
const END_11: &[u8] = b" HTTP/1.1\r\nHost: x\r\n\r\n";
const HOST: &[u8] = b"\r\nHost: x\r\n\r\n";

const GET: Request<'static> = Request {
    method: Method::Get,
    path: b"/",
    persistence: Persistence::KeepAlive,
    framing: Framing::None,
    expects_continue: false,
    has_browser_fields: false,
    has_key_field: false,
    fields: Fields::new(b""),
};
const POST: Request<'static> = Request { method: Method::Post, ..GET };
const CHUNKED: Request<'static> = Request { framing: Framing::Chunked, ..POST };
const FIVE: Request<'static> = Request { framing: Framing::Length(5), ..POST };
const CLOSED: Request<'static> = Request { persistence: Persistence::Close, ..GET };
const KEPT: Request<'static> = Request { persistence: Persistence::KeepAliveSaid, ..GET };

const fn method(method: Method) -> Expected {
    Taken(Request { method, ..GET })
}

const fn path(path: &'static [u8]) -> Expected {
    Taken(Request { path, ..GET })
}

/// Bytes that may stand behind a head and may not change what it is.
const TRAILERS: [&[u8]; 6] = [
    b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n",
    b"\r\n\r\n",
    b"\n",
    b" folded: no\r\n\r\n",
    b"\0\xFF\x16\x03\x01",
    b"5\r\nhello\r\n0\r\n\r\n",
];

/// The rows of one part of the grammar.
struct Table {
    /// Where it is said what becomes of them.
    sections: &'static str,
    rows: &'static [Row],
}

const TABLES: [Table; 8] = [
    Table { sections: "RFC 9112, sections 2.2, 2.3 and 3", rows: request_lines::ROWS },
    Table { sections: "RFC 9112, section 3.2", rows: targets::ROWS },
    Table { sections: "RFC 9112, section 3.2; RFC 9110, section 7.2", rows: hosts::ROWS },
    Table { sections: "RFC 9112, sections 2.2 and 5", rows: field_lines::ROWS },
    Table { sections: "RFC 9110, section 8.6; RFC 9112, section 6", rows: content_lengths::ROWS },
    Table { sections: "RFC 9112, sections 6.1, 6.3 and 7", rows: transfer_encodings::ROWS },
    Table { sections: "RFC 9112, section 9; RFC 9110, section 7.6.1", rows: connections::ROWS },
    Table { sections: "RFC 9110, section 10.1.1", rows: expectations::ROWS },
];

fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().flat_map(|table| table.rows)
}

#[test]
fn heads_are_the_same_whole_in_bytes_and_with_bytes_behind_them() {
    for table in &TABLES {
        for Row(name, input, expected) in table.rows {
            check(&format!("{name} ({})", table.sections), &input.concat(), *expected);
        }
    }
}

#[test]
fn there_are_enough_rows_and_none_twice() {
    let mut names: Vec<_> = rows().map(|row| row.0).collect();
    let mut inputs: Vec<_> = rows().map(|row| row.1.concat()).collect();
    let count = names.len();
    assert!(count >= 400, "{count} rows");
    names.sort_unstable();
    names.dedup();
    inputs.sort_unstable();
    inputs.dedup();
    assert_eq!(names.len(), count);
    assert_eq!(inputs.len(), count);
}

#[test]
fn heads_are_bounded() {
    let head = |target: usize, field: usize| {
        let (target, field) = ("a".repeat(target), "b".repeat(field));
        format!("GET /{target} HTTP/1.1\r\nHost: x\r\nA: {field}\r\n\r\n").into_bytes()
    };
    let fixed = head(0, 0).len();
    let largest = head(0, HEAD_BYTES_MAX - fixed);
    assert_eq!(largest.len(), HEAD_BYTES_MAX);
    check("the largest head is taken", &largest, Taken(GET));
    let open = &largest[..HEAD_BYTES_MAX - 1];
    check("all but its last byte is open", open, Open);
    let too_large = Refused(HeadTooLarge);
    let larger = head(0, HEAD_BYTES_MAX - fixed + 1);
    check("a byte more is refused", &larger, too_large);
    let open = &larger[..HEAD_BYTES_MAX];
    check("it is refused at the bound", open, too_large);
    let mut late = head(0, HEAD_BYTES_MAX);
    late[HEAD_BYTES_MAX..].fill(b'\n');
    check("what is past the bound is not looked at", &late, too_large);

    let shifted = [b"\r\n", &head(0, HEAD_BYTES_MAX - fixed - 2)[..]].concat();
    check("an empty line is part of it", &shifted, Taken(GET));
    let shifted = [b"\r\n", &largest[..]].concat();
    check("an empty line before the largest head is refused", &shifted, too_large);
    let empty = b"\r\n".repeat(HEAD_BYTES_MAX / 2);
    check("empty lines fill it", &empty, too_large);
    check("a CR less is open", &empty[..HEAD_BYTES_MAX - 1], Open);
    let endless = vec![b'A'; HEAD_BYTES_MAX];
    check("a method without end fills it", &endless, too_large);
}

/// RFC 9112, section 2.2: at least one is to be skipped; here they are part of the head's bound.
#[test]
fn any_number_of_empty_lines_is_skipped_up_to_the_bound_of_a_head() {
    let request = [b"GET /", END_11].concat();
    let most = (HEAD_BYTES_MAX - request.len()) / 2;
    for count in 0..=HEAD_BYTES_MAX / 2 {
        let empty = b"\r\n".repeat(count);
        let bytes = [&empty[..], &request[..]].concat();
        let taken = if count <= most { Ok(Some((GET, bytes.len()))) } else { Err(HeadTooLarge) };
        assert_eq!(judged(&bytes), taken, "{count} empty lines");
        let alone = if empty.len() < HEAD_BYTES_MAX { Ok(None) } else { Err(HeadTooLarge) };
        assert_eq!(parse(&empty), alone, "{count} empty lines alone");
        let spoiled = [&empty[..], b"\n", &request[..]].concat();
        let in_bound = empty.len() < HEAD_BYTES_MAX;
        let refusal = if in_bound { MalformedRequestLine } else { HeadTooLarge };
        assert_eq!(parse(&spoiled), Err(refusal), "{count} empty lines and an LF");
    }
}

/// The answer to a refusal depends on it, and must be the same however the bytes were cut.
#[test]
fn a_head_is_known_by_its_method_and_no_further_than_a_refusal_sees() {
    for (bytes, expected) in [
        (&b"HEAD "[..], true),
        (b"\r\n\r\nHEAD \0", true),
        (b"HEAD", false),
        (b"HEAD\r\n", false),
        (b"head / HTTP/1.1\r\n", false),
        (b"HEADS / HTTP/1.1\r\n", false),
        (b" HEAD / HTTP/1.1\r\n", false),
        (b"\nHEAD / HTTP/1.1\r\n", false),
        (b"\r\n\rHEAD / HTTP/1.1\r\n", false),
        (b"GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n", false),
        (b"", false),
    ] {
        assert_eq!(is_head(bytes), expected, "{}", bytes.escape_ascii());
    }
    let empty = b"\r\n".repeat(HEAD_BYTES_MAX / 2 - 2);
    let late = [&empty[..], b"HEAD / HTTP/1.1\r\n"].concat();
    assert_eq!(parse(&late), Err(HeadTooLarge));
    assert!(!is_head(&late) && !is_head(&late[..HEAD_BYTES_MAX]));
}

#[test]
fn targets_are_bounded() {
    let line = |target_len: usize| format!("GET /{}", "a".repeat(target_len - 1)).into_bytes();
    let rest = b" HTTP/1.1\r\nHost: x\r\n\r\n";
    let too_long = Refused(TargetTooLong);

    let largest: &'static [u8] = line(TARGET_BYTES_MAX).leak();
    let whole = [largest, rest].concat();
    check("the longest target is taken", &whole, path(&largest[4..]));
    check("the longest target is open", largest, Open);
    let longer = line(TARGET_BYTES_MAX + 1);
    check("a byte more is refused at once", &longer, too_long);
    let whole = [&longer[..], rest].concat();
    check("a byte more is refused", &whole, too_long);
    let query = [largest, b"?", rest].concat();
    check("a query counts", &query, too_long);
    let malformed = [&longer[..], b"\0\n"].concat();
    check("it is refused before its bytes", &malformed, too_long);
    let ended = [largest, b"\r\n"].concat();
    let no_version = Refused(MalformedRequestLine);
    check("a line end is no target", &ended, no_version);
    let method = [b"G(", &longer[1..]].concat();
    check("a wrong method is refused before it", &method, no_version);
    let method = "M".repeat(HEAD_BYTES_MAX - TARGET_BYTES_MAX);
    let long_method = [method.as_bytes(), &longer[3..]].concat();
    check(
        "behind a long method the head's bound is the first",
        &long_method[..HEAD_BYTES_MAX],
        Refused(HeadTooLarge),
    );
}

#[test]
fn fields_are_bounded() {
    let head = |fields: usize, last: &str| {
        let fields = "A: b\r\n".repeat(fields - 1);
        format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}{last}\r\n").into_bytes()
    };
    let too_many = Refused(TooManyFields);
    check("the most fields are taken", &head(FIELDS_MAX, ""), Taken(GET));
    check("one more is refused", &head(FIELDS_MAX, "C: d\r\n"), too_many);
    let malformed = head(FIELDS_MAX + 1, "C d\r\n");
    check("it is refused before the next line", &malformed, too_many);
    let malformed = head(FIELDS_MAX, " C: d\r\n");
    let folded = Refused(MalformedFieldName);
    check("a wrong line is refused before it is one more", &malformed, folded);
}

#[test]
fn every_byte_is_judged_alike_wherever_it_stands() {
    let taken = |head: Vec<u8>| matches!(parse(&head), Ok(Some(_)));
    for byte in 0..=u8::MAX {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_value = byte == b'\t' || (byte >= b' ' && byte != 0x7F);
        let is_target = byte.is_ascii_graphic() && byte != b'#';
        let is_host = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
        let host = [LINE_11, b"Host: a", &[byte], b"b\r\n\r\n"].concat();
        assert_eq!(taken(host), is_host, "{byte:#04x} in a host");
        for len in 0..40 {
            let before = "a".repeat(len);
            let before = before.as_bytes();
            let name = [GET_11, b"A", before, &[byte], b"a: b\r\n\r\n"].concat();
            assert_eq!(taken(name), is_token || byte == b':', "{byte:#04x} in a name at {len}");
            let value = [GET_11, b"A: a", before, &[byte], b"a\r\n\r\n"].concat();
            assert_eq!(taken(value), is_value, "{byte:#04x} in a value at {len}");
            let target = [b"GET /", before, &[byte], b"a", END_11].concat();
            assert_eq!(taken(target), is_target, "{byte:#04x} in a target at {len}");
        }
    }
}

#[test]
fn refusals_have_a_status_of_an_error_and_plain_words() {
    for Row(name, _, expected) in rows() {
        let Refused(refusal) = expected else {
            continue;
        };
        assert!(refusal.status().code() >= 400, "{name}");
        let reason = refusal.reason();
        assert!(reason.len() < 48, "{name}");
        assert!(reason.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" /.".contains(&byte)));
    }
    assert_eq!(TargetTooLong.status().code(), 414);
    assert_eq!(HeadTooLarge.status().code(), 431);
    assert_eq!(TooManyFields.status().code(), 431);
    assert_eq!(TrailersTooLarge.status().code(), 431);
    assert_eq!(UnknownTransferEncoding.status().code(), 501);
    assert_eq!(UnsupportedVersion.status().code(), 505);
    assert_eq!(UnknownExpectation.status().code(), 417);
    assert_eq!(BodyTooLarge.status().code(), 413);
    assert_eq!(MissingHost.status().code(), 400);
}

#[test]
fn mutated_heads_never_panic_and_are_the_same_however_they_are_cut() {
    let rows: Vec<_> = rows().map(|row| row.1.concat()).collect();
    let seed = 0x0068_6561_6463_6f75;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut taken = 0;
    for round in 0..20_000 {
        let bytes = mutate(&rows, &mut random);
        let whole = parse(&bytes);
        if let Ok(Some((request, head_len))) = whole {
            assert_eq!(is_head(&bytes), request.method == Method::Head, "round {round}");
            taken += 1;
            assert_is_strict(&bytes[..head_len]);
        }
        for _ in 0..8 {
            let cut = random.usize(..=bytes.len());
            let start = parse(&bytes[..cut]);
            let same = start == Ok(None) || start == whole;
            assert!(same, "round {round} cut at {cut}: {}", bytes.escape_ascii());
            let same = start == Ok(None) || is_head(&bytes[..cut]) == is_head(&bytes);
            assert!(same, "round {round} cut at {cut}: HEAD or not: {}", bytes.escape_ascii());
        }
    }
    assert!((1_000..19_000).contains(&taken), "{taken} taken: the mutations test nothing");
}

/// What holds for every head that is taken, said in another way than the parser says it.
fn assert_is_strict(head: &[u8]) {
    let text = head.escape_ascii();
    assert!(head.ends_with(b"\r\n\r\n"), "{text}");
    let first_line = head.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
    let blank_lines = head[first_line..].windows(4).filter(|window| window == b"\r\n\r\n");
    assert_eq!(blank_lines.count(), 1, "{text}");
    let line_ends = head.windows(2).filter(|pair| pair == b"\r\n").count();
    assert_eq!(head.iter().filter(|&&byte| byte == b'\r').count(), line_ends, "{text}");
    assert_eq!(head.iter().filter(|&&byte| byte == b'\n').count(), line_ends, "{text}");
    assert!(!head.windows(3).any(|three| three == b"\r\n " || three == b"\r\n\t"), "{text}");
    let lower = head.to_ascii_lowercase();
    let hosts = lower.windows(7).filter(|start| start == b"\r\nhost:").count();
    assert!(hosts <= 1, "{text}");
    let has = |name: &[u8]| lower.windows(name.len()).any(|window| window == name);
    assert!(!(has(b"\r\ncontent-length:") && has(b"\r\ntransfer-encoding:")), "{text}");
}

/// One to four changes to a row, with bytes that matter to a parser.
fn mutate(rows: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    const BYTES: &[u8] = b"\r\n\t\0 :;,/?#*[]%09azAZ\x0B\x7F\x80\xFF";
    let mut bytes = rows[random.usize(..rows.len())].to_vec();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..=bytes.len());
        let end = random.usize(at..=bytes.len());
        let byte = BYTES[random.usize(..BYTES.len())];
        match random.u8(..6) {
            0 => bytes.insert(at, byte),
            1 if at < end => bytes[at] = byte,
            2 => drop(bytes.drain(at..end.min(at + 3))),
            3 => bytes.extend_from_within(at..end),
            4 => {
                let row = &rows[random.usize(..rows.len())];
                let from = random.usize(..=row.len());
                bytes.splice(at..at, row[from..].iter().copied());
            }
            _ => bytes.extend_from_slice(&rows[random.usize(..rows.len())]),
        }
    }
    bytes
}

/// Parses `input` whole, as every start of it, and with other bytes behind it.
#[track_caller]
fn check(name: &str, input: &[u8], expected: Expected) {
    let outcome = match expected {
        Taken(request) => Ok(Some((request, input.len()))),
        Refused(refusal) => Err(refusal),
        Open => Ok(None),
    };
    assert_eq!(judged(input), outcome, "{name}: whole");
    let mut settled = Ok(None);
    for len in 0..input.len() {
        let start = judged(&input[..len]);
        if settled == Ok(None) {
            settled = start;
        }
        assert_eq!(start, settled, "{name}: changes at byte {len}");
        assert!(start == Ok(None) || start == outcome, "{name}: differs at byte {len}");
        assert!(start == Ok(None) || start.is_err(), "{name}: taken early at byte {len}");
    }
    if outcome == Ok(None) {
        return;
    }
    for trailer in TRAILERS {
        let longer = [input, trailer].concat();
        assert_eq!(judged(&longer), outcome, "{name}: with {}", trailer.escape_ascii());
    }
}

/// What [`parse`] makes of bytes, without the fields, which have tests of their own.
fn judged(bytes: &[u8]) -> Result<Option<(Request<'_>, usize)>, Refusal> {
    let without = |(request, length)| {
        let fields = Fields::new(b"");
        let (has_browser_fields, has_key_field) = (false, false);
        (Request { has_browser_fields, has_key_field, fields, ..request }, length)
    };
    parse(bytes).map(|parsed| parsed.map(without))
}
