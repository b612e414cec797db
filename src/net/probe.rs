//! One HTTP request to a process of this host, for a health check.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::limits::{HEALTH_PROBE_BYTES_MAX, HEALTH_PROBE_TIMEOUT};

/// What came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// The status of the answer; `None` if it is none of HTTP's.
    pub status: Option<u16>,
    /// The first line of its body.
    pub body: String,
}

/// Sends `GET path` and reads the answer, until `deadline` by this clock.
///
/// # Errors
/// Nobody listens there, or no answer came in time.
pub fn ask(
    address: SocketAddr,
    path: &str,
    deadline: Instant,
    clock: impl Fn() -> Instant,
) -> io::Result<Heard> {
    let left = || match deadline.saturating_duration_since(clock()) {
        Duration::ZERO => Err(too_late()),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?).map_err(in_time)?;
    stream.set_write_timeout(Some(left()?))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(in_time)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 1_024]);
    while answer.len() < HEALTH_PROBE_BYTES_MAX {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(in_time(error)),
        }
    }
    match answer.is_empty() {
        true => Err(io::Error::other("closed without an answer")),
        false => Ok(heard(&answer)),
    }
}

/// Reads as much of an answer as a health check needs (RFC 9112, section 4).
fn heard(answer: &[u8]) -> Heard {
    let text = String::from_utf8_lossy(answer);
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Heard {
        status: status.and_then(|digits| digits.parse().ok()),
        body: body.lines().next().unwrap_or_default().to_owned(),
    }
}

fn in_time(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => too_late(),
        _ => error,
    }
}

fn too_late() -> io::Error {
    let seconds = HEALTH_PROBE_TIMEOUT.as_secs();
    io::Error::new(ErrorKind::TimedOut, format!("no answer within {seconds} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_the_first_line_of_its_body() {
        let table = [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nok\n", Some(200), "ok"),
            ("HTTP/1.0 503 No\r\n\r\n{}\r\nmore", Some(503), "{}"),
            ("HTTP/1.1 503", Some(503), ""),
            ("HTTP/1.1 ", None, ""),
            ("SSH-2.0-OpenSSH\r\n\r\n", None, ""),
            ("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", None, ""),
        ];
        for (answer, status, body) in table {
            let expected = Heard { status, body: body.to_owned() };
            assert_eq!(heard(answer.as_bytes()), expected, "{answer:?}");
        }
    }
}
