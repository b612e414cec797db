//! PostgreSQL's protocol, as far as a proxy has to know it: where a request and a reply end.
//! See PostgreSQL's manual, "Message Formats".

use std::io::{self, BufRead, Read};

/// What a server says that asks for no password: AuthenticationOk, ReadyForQuery.
pub const GREETING: &[u8] = b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I";

/// A server that is not ready yet: ErrorResponse with severity, SQLSTATE and message.
pub const STARTING: &[u8] = b"E\x00\x00\x00\x3eSFATAL\0VFATAL\0C57P03\0\
    Mthe database system is starting up\0\0";

/// The type and the length of a DataRow of a gigabyte.
pub const ENDLESS_ROW: &[u8] = b"D\x3b\x9a\xca\x00";

/// Bytes of a message's type, which the first message of a connection does not have.
const TYPE_BYTES: usize = 1;
/// Bytes of its length, which counts itself but not the type.
const LENGTH_BYTES: usize = 4;

/// Reads messages of a client up to one that the server answers: the first one of a connection, a
/// Query, a Sync, a password.
pub fn read_request(reader: &mut impl BufRead, is_first: bool) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    if is_first {
        read_message(reader, 0, &mut request)?;
        return Ok(request);
    }
    while !matches!(read_message(reader, TYPE_BYTES, &mut request)?, b'Q' | b'S' | b'p') {}
    Ok(request)
}

/// Reads messages of a server up to its readiness for more, to its question for a password, or to
/// its end.
pub fn read_reply(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    loop {
        let start = reply.len();
        let has_ended = reader.fill_buf()?.is_empty();
        if has_ended && start > 0 {
            return Ok(reply);
        }
        let kind = read_message(reader, TYPE_BYTES, &mut reply)?;
        let is_question = kind == b'R' && reply[start + TYPE_BYTES + LENGTH_BYTES..][..4] != [0; 4];
        if kind == b'Z' || is_question {
            return Ok(reply);
        }
    }
}

/// Appends one message to `bytes`, and gives its first byte.
fn read_message(
    reader: &mut impl BufRead,
    type_bytes: usize,
    bytes: &mut Vec<u8>,
) -> io::Result<u8> {
    let start = bytes.len();
    bytes.resize(start + type_bytes + LENGTH_BYTES, 0);
    reader.read_exact(&mut bytes[start..])?;
    let length: [u8; LENGTH_BYTES] = bytes[start + type_bytes..].try_into().expect("four bytes");
    let body = u64::from(u32::from_be_bytes(length)).checked_sub(LENGTH_BYTES as u64);
    let body = body.ok_or(io::ErrorKind::InvalidData)?;
    if reader.by_ref().take(body).read_to_end(bytes)? as u64 != body {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes[start])
}
