//! Reading the body of a request: it is measured, checked, and dropped unless somebody keeps it.
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

use super::chunk_line;
use super::fields;
use super::head::Framing;
use super::refusal::Refusal;
use crate::limits::{CHUNK_LINE_BYTES_MAX, FIELDS_MAX, TRAILER_BYTES_MAX};

/// The place in a body up to which it was read past.
#[derive(Clone, Debug)]
pub struct Body {
    state: State,
    bytes_max: u64,
    /// Data of all chunks announced so far. Invariant: `chunked_bytes <= bytes_max`.
    chunked_bytes: u64,
}

/// How far one [`Body::read`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyRead {
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
    /// A body of at most `bytes_max` bytes, of which nothing was read.
    ///
    /// # Errors
    /// A length over that, before a byte of it is waited for.
    pub fn new(framing: Framing, bytes_max: u64) -> Result<Self, Refusal> {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) if length > bytes_max => {
                return Err(Refusal::BodyTooLarge);
            }
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkLine,
        };
        Ok(Self { state, bytes_max, chunked_bytes: 0 })
    }

    /// Reads as much of `bytes` as is body, and appends its data to `kept`: what is left of the
    /// framing.
    ///
    /// An unfinished chunk line stays unconsumed, up to `CHUNK_LINE_BYTES_MAX` of it, and so does
    /// an unfinished trailer section, up to `TRAILER_BYTES_MAX`.
    ///
    /// # Errors
    /// Chunks or trailers that are malformed or over their bounds; after that always the same.
    pub fn read(
        &mut self,
        bytes: &[u8],
        mut kept: Option<&mut Vec<u8>>,
    ) -> Result<BodyRead, Refusal> {
        let mut consumed = 0;
        while self.state != State::Done {
            let is_data = matches!(self.state, State::Length(_) | State::ChunkData(_));
            match self.step(&bytes[consumed..]) {
                Ok(0) => break,
                Ok(step_len) => {
                    if let (true, Some(kept)) = (is_data, &mut kept) {
                        kept.extend_from_slice(&bytes[consumed..consumed + step_len]);
                    }
                    consumed += step_len;
                }
                Err(refusal) => {
                    self.state = State::Refused(refusal);
                    return Err(refusal);
                }
            }
        }
        Ok(BodyRead { consumed, done: self.state == State::Done })
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
        let size = chunk_line::size(line).ok_or(Refusal::MalformedChunkLine)?;
        if size > self.bytes_max - self.chunked_bytes {
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
        let mut room = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let Some((_, section_len)) = fields::split(window, &mut room)? else {
            return incomplete(window, TRAILER_BYTES_MAX, Refusal::TrailersTooLarge);
        };
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

#[cfg(test)]
mod tests;
