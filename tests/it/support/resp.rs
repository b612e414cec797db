//! A blocking connection to Redis, for the tests' own commands.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use redis::{FromRedisValue, Value};

use super::wait::PATIENCE;

/// One connection over a Unix socket: whatever a test does to the server's TCP side, this stays.
pub struct Connection {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Connection {
    /// Connects to the socket at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let writer = UnixStream::connect(path)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    /// Sends a command and reads its reply; an error of the server's is a
    /// [`Value::ServerError`].
    pub fn command(&mut self, words: &[&str]) -> io::Result<Value> {
        let mut command = redis::Cmd::new();
        command.arg(words);
        self.writer.write_all(&command.get_packed_command())?;
        let frame = read_frame(&mut self.reader)?;
        redis::parse_redis_value(&frame).map_err(io::Error::other)
    }
}

/// The reply to the command of these `words` as a `T`.
///
/// # Panics
/// On an error of the server's and on a reply of another type.
pub fn value_of<T: FromRedisValue>(words: &[&str], reply: Value) -> T {
    let reply = reply.extract_error().unwrap_or_else(|error| panic!("{words:?}: {error}"));
    T::from_redis_value(reply).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// Reads one whole RESP2 or RESP3 value, a command being one too, and gives its bytes untouched.
pub fn read_frame(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    let mut values_left: u64 = 1;
    while values_left > 0 {
        values_left -= 1;
        let start = frame.len();
        if reader.read_until(b'\n', &mut frame)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let header = String::from_utf8_lossy(&frame[start..]);
        let count: Option<u64> = header[1..].trim_end().parse().ok();
        match (frame[start], count) {
            (b'$' | b'!' | b'=', Some(bytes)) => {
                let mut body = reader.by_ref().take(bytes + 2);
                body.read_to_end(&mut frame)?;
            }
            (b'*' | b'~' | b'>', Some(values)) => values_left += values,
            (b'%', Some(pairs)) => values_left += 2 * pairs,
            _ => {}
        }
    }
    Ok(frame)
}
