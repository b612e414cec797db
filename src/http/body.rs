//! Reading past the body of a request: it is measured, checked and dropped.
//!
//! ```text
//! Length ------------------------------------------------> Done
//! ChunkLine --> ChunkData --> ChunkEnd --> ChunkLine
//!     `---- size 0 ----> Trailers -----------------------> Done
//! any but Done --> Refused, for ever
//! ```
//!
//! A line is judged when all of it is there, so that a refusal does not depend on how the bytes
//! were cut.

use super::fields;
use super::head::Framing;
use super::refusal::Refusal;
use crate::limits::{BODY_BYTES_MAX, CHUNK_LINE_BYTES_MAX, FIELDS_MAX, TRAILER_BYTES_MAX};

/// The digits that a `u64` has room for.
const CHUNK_SIZE_DIGITS_MAX: usize = 16;

/// The place in a body up to which it was read past.
#[derive(Clone, Debug)]
pub struct Body {
    state: State,
    /// Data of all chunks announced so far. Invariant: `chunked_bytes <= BODY_BYTES_MAX`.
    chunked_bytes: u64,
}

/// How far one [`Body::skip`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The bytes at the start that are dealt with. The others are to be handed in again, with
    /// more behind them.
    pub consumed: usize,
    /// The body is at its end: the next byte belongs to the next request.
    pub done: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes to go, at least one.
    Length(u64),
    /// Before a chunk's size.
    ChunkLine,
    /// So many bytes of a chunk to go, at least one.
    ChunkData(u64),
    /// Before the CRLF that follows a chunk's data.
    ChunkEnd,
    /// Before the trailer section, which is consumed whole.
    Trailers,
    Done,
    Refused(Refusal),
}

impl Body {
    /// A body of which nothing was read.
    ///
    /// # Errors
    /// A length over `BODY_BYTES_MAX`, before a byte of it is waited for.
    pub fn new(framing: Framing) -> Result<Self, Refusal> {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) if length > BODY_BYTES_MAX => {
                return Err(Refusal::BodyTooLarge);
            }
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkLine,
        };
        Ok(Self { state, chunked_bytes: 0 })
    }

    /// Reads past as much of `bytes` as is body.
    ///
    /// An unfinished chunk line stays unconsumed, up to `CHUNK_LINE_BYTES_MAX` of it, and so does
    /// an unfinished trailer section, up to `TRAILER_BYTES_MAX`.
    ///
    /// # Errors
    /// Chunks or trailers that are malformed or over their bounds; after that always the same.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<Skipped, Refusal> {
        let mut consumed = 0;
        while self.state != State::Done {
            match self.step(&bytes[consumed..]) {
                Ok(0) => break,
                Ok(step_len) => consumed += step_len,
                Err(refusal) => {
                    self.state = State::Refused(refusal);
                    return Err(refusal);
                }
            }
        }
        Ok(Skipped { consumed, done: self.state == State::Done })
    }

    /// One state's worth of bytes; 0 if the state needs more of them.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match self.state {
            State::Length(left) => Ok(self.data(bytes, left, State::Length, State::Done)),
            State::ChunkLine => self.chunk_line(bytes),
            State::ChunkData(left) => Ok(self.data(bytes, left, State::ChunkData, State::ChunkEnd)),
            State::ChunkEnd => self.chunk_end(bytes),
            State::Trailers => self.trailers(bytes),
            State::Done => Ok(0),
            State::Refused(refusal) => Err(refusal),
        }
    }

    fn data(&mut self, bytes: &[u8], left: u64, during: fn(u64) -> State, after: State) -> usize {
        let available = bytes.len() as u64;
        if available < left {
            self.state = during(left - available);
            return bytes.len();
        }
        self.state = after;
        left as usize
    }

    /// RFC 9112, section 7.1.
    fn chunk_line(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let window = &bytes[..bytes.len().min(CHUNK_LINE_BYTES_MAX)];
        let Some(line_end) = window.iter().position(|&byte| byte == b'\n') else {
            return incomplete(window, CHUNK_LINE_BYTES_MAX, Refusal::ChunkLineTooLong);
        };
        let line = window[..line_end].strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
        let size = chunk_size(line).ok_or(Refusal::MalformedChunkLine)?;
        if size > BODY_BYTES_MAX - self.chunked_bytes {
            return Err(Refusal::BodyTooLarge);
        }
        self.chunked_bytes += size;
        self.state = match size {
            0 => State::Trailers,
            size => State::ChunkData(size),
        };
        Ok(line_end + 1)
    }

    fn chunk_end(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match bytes {
            [] | [b'\r'] => Ok(0),
            [b'\r', b'\n', ..] => {
                self.state = State::ChunkLine;
                Ok(2)
            }
            _ => Err(Refusal::MalformedChunkEnd),
        }
    }

    /// RFC 9112, section 7.1.2: checked as fields are, and ignored.
    fn trailers(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let window = &bytes[..bytes.len().min(TRAILER_BYTES_MAX)];
        let Some(section_len) = fields::section_len(window)? else {
            return incomplete(window, TRAILER_BYTES_MAX, Refusal::TrailersTooLarge);
        };
        let mut room = [httparse::EMPTY_HEADER; FIELDS_MAX];
        fields::split(&window[..section_len], &mut room)?;
        self.state = State::Done;
        Ok(section_len)
    }
}

/// Nothing consumed of a line or section whose end is not in `window`, if it can still come.
fn incomplete(window: &[u8], bytes_max: usize, refusal: Refusal) -> Result<usize, Refusal> {
    if window.len() == bytes_max {
        return Err(refusal);
    }
    Ok(0)
}

/// The size in a chunk's first line. Extensions are ignored (RFC 9112, section 7.1.1), but not
/// with control bytes in them, above all no CR that somebody else took for a line end.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits_end = line.iter().position(|byte| !byte.is_ascii_hexdigit());
    let (digits, rest) = line.split_at(digits_end.unwrap_or(line.len()));
    if rest.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
        return None;
    }
    if !matches!(rest.trim_ascii_start(), [] | [b';', ..]) {
        return None;
    }
    if digits.len() > CHUNK_SIZE_DIGITS_MAX {
        return None;
    }
    // An empty string is no number; a sign, which would be one, is no digit.
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
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
        Row("no body is at its end", Framing::None, b"", Ended),
        Row("a length of nothing is at its end", Framing::Length(0), b"", Ended),
        Row("a length is read past", Framing::Length(5), b"hello", Ended),
        Row("a length may have any bytes", Framing::Length(7), b"\r\n\r\n\0\xFF\n", Ended),
        Row("a byte less is open", Framing::Length(6), b"hello", Open),
        Row("nothing of a length is open", Framing::Length(6), b"", Open),
        Row("a length over the bound is refused",
            Framing::Length(BODY_BYTES_MAX + 1), b"", TOO_LARGE),
        Row("the largest length is refused", Framing::Length(u64::MAX), b"", TOO_LARGE),
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
        Row("an extension is ignored", CHUNKED, b"5;a\r\nhello\r\n0;b\r\n\r\n", Ended),
        Row("an extension with a value is ignored",
            CHUNKED, b"5;a=b;c=\"d;e\"\r\nhello\r\n0\r\n\r\n", Ended),
        Row("white space before an extension is ignored",
            CHUNKED, b"5 \t ;\ta = b\r\nhello\r\n0\r\n\r\n", Ended),
        Row("white space behind a size is ignored", CHUNKED, b"5 \t\r\nhello\r\n0 \r\n\r\n", Ended),
        Row("an extension beyond ASCII is ignored", CHUNKED, b"0;a=\"\xC3\xA9\"\r\n\r\n", Ended),
        Row("an empty extension is ignored", CHUNKED, b"0;\r\n\r\n", Ended),
        Row("a trailer is read past", CHUNKED, b"0\r\nA: b\r\n\r\n", Ended),
        Row("trailers are read past",
            CHUNKED, b"5\r\nhello\r\n0\r\nA: b\r\nContent-Length: 9\r\nHost:\r\n\r\n", Ended),
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
        Row("the largest size is refused", CHUNKED, b"ffffffffffffffff\r\n", TOO_LARGE),
        Row("a size over the bound is refused", CHUNKED, b"10001\r\n", TOO_LARGE),
        Row("a size at the bound is open", CHUNKED, b"10000\r\n", Open),
        Row("sizes over the bound together are refused",
            CHUNKED, b"1\r\na\r\n10000\r\n", TOO_LARGE),
        Row("sizes past u64 together are refused",
            CHUNKED, b"1\r\na\r\nffffffffffffffff\r\n", TOO_LARGE),
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
    ];

    #[test]
    fn bodies_are_the_same_whole_in_bytes_and_with_bytes_behind_them() {
        assert!(ROWS.len() >= 40);
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
        let mut body = Body::new(framing)?;
        let mut pending = Vec::new();
        let mut consumed = 0;
        let mut skipped = body.skip(&pending)?;
        for piece in pieces {
            if skipped.done {
                break;
            }
            pending.extend_from_slice(piece);
            skipped = body.skip(&pending).inspect_err(|refusal| {
                let again = body.clone().skip(b"0\r\n\r\n");
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
}
