//! Bodies as a table: each row is skipped whole, byte by byte and with bytes behind it.

use super::*;
use crate::limits::BODY_BYTES_MAX;
use Expected::{Ended, Open, Refused};

/// A sentence, the framing, the bytes, and what becomes of them.
struct Row(&'static str, Framing, &'static [u8], Expected);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// The body is all of the bytes.
    Ended,
    /// More bytes are needed.
    Open,
    /// A refusal.
    Refused(Refusal),
}

/// How a body came out, and the bytes of it that were consumed.
type Outcome = Result<(usize, bool), Refusal>;

const CHUNKED: Framing = Framing::Chunked;
const BAD_LINE: Expected = Refused(Refusal::MalformedChunkLine);
const BAD_END: Expected = Refused(Refusal::MalformedChunkEnd);
const BARE_LF: Expected = Refused(Refusal::BareLineFeed);
const TOO_LARGE: Expected = Refused(Refusal::BodyTooLarge);
const BAD_NAME: Expected = Refused(Refusal::MalformedFieldName);
const BAD_VALUE: Expected = Refused(Refusal::MalformedFieldValue);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // RFC 9112, section 6.2: Content-Length.
    Row("no body is at its end", Framing::None, b"", Ended),
    Row("a length of nothing is at its end", Framing::Length(0), b"", Ended),
    Row("a length is read past", Framing::Length(5), b"hello", Ended),
    Row("a length may have any bytes", Framing::Length(7), b"\r\n\r\n\0\xFF\n", Ended),
    Row("a byte less is open", Framing::Length(6), b"hello", Open),
    Row("nothing of a length is open", Framing::Length(6), b"", Open),
    Row("a length over the bound is refused",
        Framing::Length(BODY_BYTES_MAX + 1), b"", TOO_LARGE),
    Row("the largest length is refused", Framing::Length(u64::MAX), b"", TOO_LARGE),
    // RFC 9112, section 7.1: sizes and data.
    Row("no chunk is at its end", CHUNKED, b"0\r\n\r\n", Ended),
    Row("a chunk is read past", CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", Ended),
    Row("chunks are read past",
        CHUNKED, b"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", Ended),
    Row("a chunk may have any bytes", CHUNKED, b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", Ended),
    Row("a size has letters of both cases",
        CHUNKED, b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", Ended),
    Row("a size has zeros before it",
        CHUNKED, b"0000000000000005\r\nhello\r\n0\r\n\r\n", Ended),
    Row("an end has zeros before it", CHUNKED, b"000\r\n\r\n", Ended),
    // RFC 9112, section 7.1.1: extensions.
    Row("an extension is ignored", CHUNKED, b"5;a\r\nhello\r\n0;b\r\n\r\n", Ended),
    Row("an extension with a value is ignored",
        CHUNKED, b"5;a=b;c=\"d;e\"\r\nhello\r\n0\r\n\r\n", Ended),
    Row("white space before an extension is ignored",
        CHUNKED, b"5 \t ;\ta = b\r\nhello\r\n0\r\n\r\n", Ended),
    Row("white space behind a size is refused", CHUNKED, b"5 \t\r\n", BAD_LINE),
    Row("a space behind the last size is refused", CHUNKED, b"0 \r\n\r\n", BAD_LINE),
    Row("a space behind an extension is refused", CHUNKED, b"0;a \r\n\r\n", BAD_LINE),
    Row("a tab behind a value is refused", CHUNKED, b"0;a=b\t\r\n\r\n", BAD_LINE),
    Row("a space behind a quoted value is refused", CHUNKED, b"0;a=\"b\" \r\n\r\n", BAD_LINE),
    Row("white space between extensions is ignored",
        CHUNKED, b"5;a \t; b=c\t;d\t=\t\"e\" ; f\r\nhello\r\n0\r\n\r\n", Ended),
    Row("every token byte makes an extension's name and value",
        CHUNKED, b"0;aZ09!#$%&'*+-.^_`|~=aZ09!#$%&'*+-.^_`|~\r\n\r\n", Ended),
    Row("an empty value in quotes is ignored", CHUNKED, b"0;a=\"\"\r\n\r\n", Ended),
    Row("white space in quotes is ignored", CHUNKED, b"0;a=\" \t\"\r\n\r\n", Ended),
    Row("an escaped quote is part of its value", CHUNKED, b"0;a=\"\\\";b\";c\r\n\r\n", Ended),
    Row("an escaped backslash does not escape the quote behind it",
        CHUNKED, b"0;a=\"\\\\\";b\r\n\r\n", Ended),
    Row("an escaped byte beyond ASCII is ignored", CHUNKED, b"0;a=\"\\\xE9\"\r\n\r\n", Ended),
    Row("an extension beyond ASCII is ignored", CHUNKED, b"0;a=\"\xC3\xA9\"\r\n\r\n", Ended),
    Row("an extension without a name is refused", CHUNKED, b"0;\r\n\r\n", BAD_LINE),
    Row("a second extension without a name is refused", CHUNKED, b"5;a;\r\n", BAD_LINE),
    Row("an extension of white space is refused", CHUNKED, b"5; \t\r\n", BAD_LINE),
    Row("a value without a name is refused", CHUNKED, b"5;=b\r\n", BAD_LINE),
    Row("a name in quotes is refused", CHUNKED, b"5;\"a\"=b\r\n", BAD_LINE),
    Row("a name in brackets is refused", CHUNKED, b"5;bad[=x\r\n", BAD_LINE),
    Row("a name beyond ASCII is refused", CHUNKED, b"5;\xC3\xA9\r\n", BAD_LINE),
    Row("a space in a name is refused", CHUNKED, b"5;a b\r\n", BAD_LINE),
    Row("an equals sign without a value is refused", CHUNKED, b"5;a=\r\n", BAD_LINE),
    Row("white space for a value is refused", CHUNKED, b"5;a= \r\n", BAD_LINE),
    Row("a value in brackets is refused", CHUNKED, b"5;a=[x]\r\n", BAD_LINE),
    Row("a value beyond ASCII without quotes is refused", CHUNKED, b"5;a=\xC3\xA9\r\n", BAD_LINE),
    Row("a second value is refused", CHUNKED, b"5;a=b=c\r\n", BAD_LINE),
    Row("a token behind a quoted value is refused", CHUNKED, b"5;a=\"b\"c\r\n", BAD_LINE),
    Row("a quote behind a token is refused", CHUNKED, b"5;a=b\"c\"\r\n", BAD_LINE),
    Row("a quote that is only escaped is open and refused", CHUNKED, b"5;a=\"b\\\"\r\n", BAD_LINE),
    Row("a backslash at the end is refused", CHUNKED, b"5;a=\"b\\\r\n", BAD_LINE),
    Row("DEL in quotes is refused", CHUNKED, b"5;a=\"\x7F\"\r\n", BAD_LINE),
    Row("an escaped NUL is refused", CHUNKED, b"5;a=\"\\\0\"\r\n", BAD_LINE),
    // RFC 9112, section 7.1.2: trailers.
    Row("a trailer is read past", CHUNKED, b"0\r\nA: b\r\n\r\n", Ended),
    Row("trailers are read past",
        CHUNKED, b"5\r\nhello\r\n0\r\nA: b\r\nContent-Length: 9\r\nHost:\r\n\r\n", Ended),
    // RFC 9112, section 8: an incomplete body is no body.
    Row("nothing of chunks is open", CHUNKED, b"", Open),
    Row("a size is open", CHUNKED, b"5", Open),
    Row("half a line end is open", CHUNKED, b"5\r", Open),
    Row("a line is open", CHUNKED, b"5\r\n", Open),
    Row("half of a chunk is open", CHUNKED, b"5\r\nhel", Open),
    Row("a chunk without its end is open", CHUNKED, b"5\r\nhello", Open),
    Row("a chunk with half its end is open", CHUNKED, b"5\r\nhello\r", Open),
    Row("a chunk is open", CHUNKED, b"5\r\nhello\r\n", Open),
    Row("the last chunk without trailers is open", CHUNKED, b"0\r\n", Open),
    Row("half of the last line end is open", CHUNKED, b"0\r\n\r", Open),
    Row("a trailer without its blank line is open", CHUNKED, b"0\r\nA: b\r\n", Open),
    // RFC 9112, section 7.1: what is no size.
    Row("an empty line is no size", CHUNKED, b"\r\n", BAD_LINE),
    Row("a letter past f is no digit", CHUNKED, b"g\r\n", BAD_LINE),
    Row("a plus sign is no digit", CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a minus sign is no digit", CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a prefix is no digit", CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an underscore is no digit", CHUNKED, b"0_0\r\n\r\n", BAD_LINE),
    Row("a space before a size is refused", CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a space in a size is refused", CHUNKED, b"0 5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an extension without a size is refused",
        CHUNKED, b";a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an extension behind a comma is refused",
        CHUNKED, b"5,a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a digit too many is refused",
        CHUNKED, b"00000000000000005\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    // RFC 9112, sections 2.2 and 7.1: control bytes and line ends.
    Row("a CR in a size line is refused", CHUNKED, b"5\r\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a CR in an extension is refused", CHUNKED, b"5;a\rb\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("NUL in an extension is refused", CHUNKED, b"5;\0\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("DEL in an extension is refused", CHUNKED, b"5;\x7F\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a form feed for white space is refused",
        CHUNKED, b"5\x0C;a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a size that ends in LF is refused", CHUNKED, b"5\nhello\r\n0\r\n\r\n", BARE_LF),
    Row("an extension that ends in LF is refused", CHUNKED, b"0;a\n\r\n", BARE_LF),
    Row("a chunk that ends in LF is refused", CHUNKED, b"5\r\nhello\n0\r\n\r\n", BAD_END),
    Row("a chunk that ends in CR is refused", CHUNKED, b"5\r\nhello\r0\r\n\r\n", BAD_END),
    Row("a chunk longer than its size is refused",
        CHUNKED, b"5\r\nhello!\r\n0\r\n\r\n", BAD_END),
    Row("a chunk shorter than its size is refused",
        CHUNKED, b"6\r\nhello\r\n0\r\n\r\n", BAD_END),
    // RFC 9112, section 7.1: sizes that no integer or bound has room for.
    Row("the largest size is refused", CHUNKED, b"ffffffffffffffff\r\n", TOO_LARGE),
    Row("a size over the bound is refused", CHUNKED, b"10001\r\n", TOO_LARGE),
    Row("a size at the bound is open", CHUNKED, b"10000\r\n", Open),
    Row("sizes over the bound together are refused",
        CHUNKED, b"1\r\na\r\n10000\r\n", TOO_LARGE),
    Row("sizes past u64 together are refused",
        CHUNKED, b"1\r\na\r\nffffffffffffffff\r\n", TOO_LARGE),
    // RFC 9112, sections 5 and 7.1.2: trailers are fields.
    Row("a folded trailer is refused", CHUNKED, b"0\r\nA: b\r\n c\r\n\r\n", BAD_NAME),
    Row("a space before a trailer's colon is refused",
        CHUNKED, b"0\r\nA : b\r\n\r\n", BAD_NAME),
    Row("a trailer without a colon is refused", CHUNKED, b"0\r\nA\r\n\r\n", BAD_NAME),
    Row("a trailer without a name is refused", CHUNKED, b"0\r\n: b\r\n\r\n", BAD_NAME),
    Row("white space before a trailer is refused", CHUNKED, b"0\r\n A: b\r\n\r\n", BAD_NAME),
    Row("a CR before the blank line is refused", CHUNKED, b"0\r\n\r\r\n\r\n", BAD_NAME),
    Row("NUL in a trailer is refused", CHUNKED, b"0\r\nA: \0\r\n\r\n", BAD_VALUE),
    Row("a CR in a trailer is refused", CHUNKED, b"0\r\nA: b\rc\r\n\r\n", BAD_VALUE),
    Row("a trailer that ends in LF is refused", CHUNKED, b"0\r\nA: b\n\r\n", BARE_LF),
    Row("a blank line of LF is refused", CHUNKED, b"0\r\n\n", BARE_LF),
    Row("a blank line of LF behind a trailer is refused", CHUNKED, b"0\r\nA: b\r\n\n", BARE_LF),
    // RFC 9112, section 7.1: more of what is no size, and what disagrees with its data.
    Row("a dollar sign is no digit", CHUNKED, b"$5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a hash sign is no digit", CHUNKED, b"#5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an h behind a size is no digit", CHUNKED, b"5h\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an l behind a size is no digit", CHUNKED, b"5l\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a point in a size is no digit", CHUNKED, b"5.0\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an exponent has no sign in a size", CHUNKED, b"5e+0\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a prefix in upper case is no digit", CHUNKED, b"0X5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an escape of C is no digit", CHUNKED, b"\\x5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a size in quotes is refused", CHUNKED, b"\"5\"\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a size behind a colon is refused", CHUNKED, b":5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a size that is a field is refused", CHUNKED, b"A: b\r\n\r\n", BAD_LINE),
    Row("a size that is a request is refused", CHUNKED, b"GET / HTTP/1.1\r\n\r\n", BAD_LINE),
    Row("a tab before a size is refused", CHUNKED, b"\t5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a tab in a size is refused", CHUNKED, b"0\t5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("two sizes in a line are refused", CHUNKED, b"5 5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a size with a comma is refused", CHUNKED, b"5,5\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("full-width digits are no size", CHUNKED, b"\xEF\xBC\x95\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a no-break space before a size is refused",
        CHUNKED, b"\xA05\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a byte beyond ASCII behind a size is refused",
        CHUNKED, b"5\xFF\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("NUL before a size is refused", CHUNKED, b"\x005\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("NUL behind a size is refused", CHUNKED, b"5\0\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("NUL for a size is refused", CHUNKED, b"\0\r\n", BAD_LINE),
    Row("white space for a size is refused", CHUNKED, b" \t \r\n", BAD_LINE),
    Row("a second size that is wrong is refused", CHUNKED, b"5\r\nhello\r\nx\r\n", BAD_LINE),
    Row("an empty line behind a chunk is refused",
        CHUNKED, b"5\r\nhello\r\n\r\n0\r\n\r\n", BAD_LINE),
    Row("a last chunk for data is data", CHUNKED, b"5\r\n0\r\n\r\n", Open),
    Row("a chunk without a line end before the next is refused",
        CHUNKED, b"5\r\nhello0\r\n\r\n", BAD_END),
    Row("a space behind data is refused", CHUNKED, b"5\r\nhello \r\n0\r\n\r\n", BAD_END),
    Row("LF CR behind data is refused", CHUNKED, b"5\r\nhello\n\r0\r\n\r\n", BAD_END),
    Row("CR CR behind data is refused", CHUNKED, b"5\r\nhello\r\r\n0\r\n\r\n", BAD_END),
    Row("NUL behind data is refused", CHUNKED, b"5\r\nhello\0\r\n", BAD_END),
    Row("sixteen digits past u64 of a signed reader are refused",
        CHUNKED, b"8000000000000000\r\n", TOO_LARGE),
    Row("a size past 32 bits is refused", CHUNKED, b"100000005\r\n", TOO_LARGE),
    Row("a size of 32 bits is refused", CHUNKED, b"ffffffff\r\n", TOO_LARGE),
    Row("a digit past u64 is refused", CHUNKED, b"10000000000000005\r\n", BAD_LINE),
    Row("many zeros are refused",
        CHUNKED, b"000000000000000000000000000000005\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    // RFC 9112, sections 2.2 and 7.1.1: an extension ends its line in CRLF and hides nothing.
    Row("an extension with an LF in quotes is refused",
        CHUNKED, b"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", BARE_LF),
    Row("an extension with CRLF in quotes is refused", CHUNKED, b"0;a=\"\r\n\r\n", BAD_LINE),
    Row("an extension of a CR is refused", CHUNKED, b"5;\r\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a CR before an extension is refused", CHUNKED, b"5\r;a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("a CR and a size in an extension are refused", CHUNKED, b"5;a\r0\r\n\r\n", BAD_LINE),
    Row("an extension of the last chunk that ends in LF is refused",
        CHUNKED, b"0;a=b\n\n", BARE_LF),
    Row("a vertical tab before an extension is refused",
        CHUNKED, b"5\x0B;a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an escape in an extension is refused",
        CHUNKED, b"5;\x1B[2J\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an extension without a semicolon is refused",
        CHUNKED, b"5 a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an extension in brackets is refused", CHUNKED, b"5(a)\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an extension behind a colon is refused", CHUNKED, b"5:a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("an extension behind an equals sign is refused",
        CHUNKED, b"5=a\r\nhello\r\n0\r\n\r\n", BAD_LINE),
    Row("extensions without names are refused", CHUNKED, b"5;;;=;\r\n", BAD_LINE),
    Row("a size for an extension is ignored", CHUNKED, b"5;6\r\nhello\r\n0\r\n\r\n", Ended),
    Row("an extension of two semicolons in quotes is ignored",
        CHUNKED, b"5;a=\";;\";b\r\nhello\r\n0\r\n\r\n", Ended),
    Row("a quote without an end is refused", CHUNKED, b"5;a=\"b\r\n", BAD_LINE),
    Row("an LF for a size is refused", CHUNKED, b"\n", BARE_LF),
    Row("a last chunk that ends in LF is refused", CHUNKED, b"0\n\r\n", BARE_LF),
    Row("a last chunk of LFs is refused", CHUNKED, b"0\n\n", BARE_LF),
    Row("a last chunk and CR CR are open", CHUNKED, b"0\r\n\r\r", Open),
    Row("a last chunk with a CR too many is refused", CHUNKED, b"0\r\r\n\r\n", BAD_LINE),
    // RFC 9112, sections 5 and 7.1.2: a trailer is a field, and frames nothing.
    Row("a trailer that says chunked is ignored",
        CHUNKED, b"0\r\nTransfer-Encoding: chunked\r\n\r\n", Ended),
    Row("a trailer that closes is ignored", CHUNKED, b"0\r\nConnection: close\r\n\r\n", Ended),
    Row("lengths that differ in trailers are ignored",
        CHUNKED, b"0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", Ended),
    Row("a trailer without a value is read past", CHUNKED, b"0\r\nA:\r\n\r\n", Ended),
    Row("a trailer beyond ASCII is read past", CHUNKED, b"0\r\nA: \xC3\xA9\r\n\r\n", Ended),
    Row("a trailer with a space in its name is refused", CHUNKED, b"0\r\nA B: c\r\n\r\n", BAD_NAME),
    Row("a trailer beyond ASCII in its name is refused",
        CHUNKED, b"0\r\n\xC3\xA9: b\r\n\r\n", BAD_NAME),
    Row("a trailer folded with a tab is refused", CHUNKED, b"0\r\nA: b\r\n\tc\r\n\r\n", BAD_NAME),
    Row("a request for a trailer is refused",
        CHUNKED, b"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BAD_NAME),
    Row("a chunk for a trailer is refused", CHUNKED, b"0\r\n5\r\nhello\r\n0\r\n\r\n", BAD_NAME),
    Row("a CR before a trailer is refused", CHUNKED, b"0\r\n\rA: b\r\n\r\n", BAD_NAME),
    Row("DEL in a trailer is refused", CHUNKED, b"0\r\nA: \x7F\r\n\r\n", BAD_VALUE),
    Row("a trailer that ends in CR CR LF is refused", CHUNKED, b"0\r\nA: b\r\r\n\r\n", BAD_VALUE),
    Row("an LF before a trailer is refused", CHUNKED, b"0\r\n\nA: b\r\n\r\n", BARE_LF),
    Row("an LF in a trailer is refused", CHUNKED, b"0\r\nA: b\nC: d\r\n\r\n", BARE_LF),
];

#[test]
fn bodies_are_the_same_whole_in_bytes_and_with_bytes_behind_them() {
    assert!(ROWS.len() >= 140, "{} rows", ROWS.len());
    for (index, Row(name, framing, input, _)) in ROWS.iter().enumerate() {
        let twin =
            ROWS[..index].iter().find(|row| row.0 == *name || (row.1, row.2) == (*framing, input));
        assert!(twin.is_none(), "{name} is there twice");
    }
    for Row(name, framing, input, expected) in ROWS {
        check(name, *framing, input, *expected);
    }
}

#[test]
fn every_start_of_a_body_is_open() {
    let ended = ROWS.iter().filter(|row| row.3 == Ended);
    for Row(name, framing, input, _) in ended {
        for len in 0..input.len() {
            let outcome = run(*framing, &[&input[..len]]);
            assert!(matches!(outcome, Ok((_, false))), "{name}: {len} bytes");
        }
    }
}

#[test]
fn bodies_are_bounded() {
    let bytes_max = BODY_BYTES_MAX as usize;
    let largest = vec![b'a'; bytes_max];
    check("the longest body ends", Framing::Length(BODY_BYTES_MAX), &largest, Ended);
    let head = format!("{BODY_BYTES_MAX:x}\r\n").into_bytes();
    let chunk = [&head[..], &largest[..], b"\r\n"].concat();
    let whole = [&chunk[..], b"0\r\n\r\n"].concat();
    check("the largest chunk ends", CHUNKED, &whole, Ended);
    let more = [&chunk[..], b"1\r\n"].concat();
    check("a byte more is refused", CHUNKED, &more, TOO_LARGE);
    let small = b"1\r\na\r\n".repeat(bytes_max);
    check("the most chunks are open", CHUNKED, &small, Open);
    let more = [&small[..], b"1\r\n"].concat();
    check("a chunk more is refused", CHUNKED, &more, TOO_LARGE);
}

#[test]
fn chunk_lines_are_bounded() {
    let line = |len: usize| format!("0;{}\r\n", "a".repeat(len - 4)).into_bytes();
    let too_long = Refused(Refusal::ChunkLineTooLong);
    let largest = [&line(CHUNK_LINE_BYTES_MAX)[..], b"\r\n"].concat();
    check("the longest line is taken", CHUNKED, &largest, Ended);
    let open = &largest[..CHUNK_LINE_BYTES_MAX - 1];
    check("the longest line is open", CHUNKED, open, Open);
    check("a byte more is refused", CHUNKED, &line(CHUNK_LINE_BYTES_MAX + 1), too_long);
    let endless = vec![b'0'; CHUNK_LINE_BYTES_MAX];
    check("a line without end is refused", CHUNKED, &endless, too_long);
}

#[test]
fn trailers_are_bounded() {
    let trailer = |len: usize| format!("0\r\nA: {}\r\n\r\n", "b".repeat(len - 7)).into_bytes();
    let largest = trailer(TRAILER_BYTES_MAX);
    check("the largest section is taken", CHUNKED, &largest, Ended);
    let open = &largest[..largest.len() - 1];
    check("the largest section is open", CHUNKED, open, Open);
    let too_large = Refused(Refusal::TrailersTooLarge);
    check("a byte more is refused", CHUNKED, &trailer(TRAILER_BYTES_MAX + 1), too_large);
    let endless = [b"0\r\n", &vec![b'A'; TRAILER_BYTES_MAX][..]].concat();
    check("a section without end is refused", CHUNKED, &endless, too_large);
    let most = [b"0\r\n", &b"A: b\r\n".repeat(FIELDS_MAX)[..], b"\r\n"].concat();
    check("the most fields are taken", CHUNKED, &most, Ended);
    let more = [b"0\r\n", &b"A: b\r\n".repeat(FIELDS_MAX + 1)[..], b"\r\n"].concat();
    check("one more is refused", CHUNKED, &more, Refused(Refusal::TooManyFields));
}

#[test]
fn mutated_bodies_never_panic_and_are_the_same_however_they_are_cut() {
    const BYTES: &[u8] = b"\r\n\t\0 :;0159aFgA";
    let chunked: Vec<_> = ROWS.iter().filter(|row| row.1 == CHUNKED).collect();
    let mut random = fastrand::Rng::with_seed(0x636f_756e_7420_6d65);
    let mut ended = 0;
    for round in 0..20_000 {
        let mut bytes = chunked[random.usize(..chunked.len())].2.to_vec();
        for _ in 0..random.usize(..=3) {
            let byte = BYTES[random.usize(..BYTES.len())];
            let at = random.usize(..=bytes.len());
            match random.u8(..3) {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ => bytes.extend_from_slice(chunked[random.usize(..chunked.len())].2),
            }
        }
        let whole = run(CHUNKED, &[&bytes]);
        ended += usize::from(matches!(whole, Ok((_, true))));
        let (first, rest) = bytes.split_at(random.usize(..=bytes.len()));
        let (second, third) = rest.split_at(random.usize(..=rest.len()));
        let cut = run(CHUNKED, &[first, second, third]);
        assert_eq!(cut, whole, "round {round}: {}", bytes.escape_ascii());
    }
    assert!((1_000..19_000).contains(&ended), "{ended} ended: the mutations test nothing");
}

/// Hands the pieces in as a client does: what was not consumed comes again with more behind
/// it, and after the end nothing comes.
fn run(framing: Framing, pieces: &[&[u8]]) -> Outcome {
    let mut body = Body::new(framing, BODY_BYTES_MAX)?;
    let mut pending = Vec::new();
    let mut consumed = 0;
    let mut skipped = body.read(&pending, None)?;
    for piece in pieces {
        if skipped.done {
            break;
        }
        pending.extend_from_slice(piece);
        skipped = body.read(&pending, None).inspect_err(|refusal| {
            let again = body.clone().read(b"0\r\n\r\n", None);
            assert_eq!(again, Err(*refusal), "a refusal is for ever");
        })?;
        assert!(skipped.consumed <= pending.len());
        pending.drain(..skipped.consumed);
        consumed += skipped.consumed;
        assert!(skipped.done || pending.len() < TRAILER_BYTES_MAX);
    }
    Ok((consumed, skipped.done))
}

#[track_caller]
fn check(name: &str, framing: Framing, input: &[u8], expected: Expected) {
    let agrees = |outcome: Outcome| match expected {
        Ended => outcome == Ok((input.len(), true)),
        Open => matches!(outcome, Ok((_, false))),
        Refused(refusal) => outcome == Err(refusal),
    };
    let whole = run(framing, &[input]);
    assert!(agrees(whole), "{name}: whole: {whole:?}");
    let single: Vec<_> = input.chunks(1).collect();
    let single = run(framing, &single);
    assert!(agrees(single), "{name}: byte by byte: {single:?}");
    assert_eq!(single, whole, "{name}");
    if expected == Open {
        return;
    }
    for trailer in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\r\n", b"\0\xFF\n", b"0\r\n\r\n"] {
        let longer = [input, trailer].concat();
        let outcome = run(framing, &[&longer]);
        assert_eq!(outcome, whole, "{name}: with {}", trailer.escape_ascii());
    }
}
