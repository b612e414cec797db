//! RESP3 replies as values: those of a handshake, of a change and of errors. What is on the way of
//! every request is in `resp.rs`.
//! See redis.io/docs/latest/develop/reference/protocol-spec.

use super::resp;
use crate::store::error::Fault;

/// A reply, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// No value.
    Nil,
    /// A whole number.
    Integer(i64),
    /// A text of any kind.
    Text(Vec<u8>),
    /// An array or a set.
    List(Vec<Value>),
    /// Keys and values.
    Map(Vec<(Value, Value)>),
    /// A message that answers nothing: its kind comes first.
    Push(Vec<Value>),
    /// What the server refused, and why.
    Error(ServerError),
    /// A boolean or a number that is no integer.
    Other,
}

/// An error of the server: its code comes first, by convention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Such as `WRONGTYPE`.
    pub code: String,
    /// What follows the code.
    pub detail: String,
}

/// The value of a whole reply, whose length [`resp::length`] has found.
///
/// # Errors
/// It is malformed, or nested deeper than any reply to us.
pub fn parse(reply: &[u8]) -> Result<Value, Fault> {
    let mut rest = reply;
    let value = next(&mut rest, DEPTH_MAX).ok_or_else(resp::malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(resp::malformed()) }
}

fn next(rest: &mut &[u8], depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let (kind, line) = take_line(rest)?.split_first()?;
    Some(match kind {
        b'+' => Value::Text(line.to_vec()),
        b'-' => Value::Error(ServerError::new(line)),
        b':' => Value::Integer(str::from_utf8(line).ok()?.parse().ok()?),
        b'$' if line == b"-1" => Value::Nil,
        b'$' => Value::Text(take_bytes(rest, line)?.to_vec()),
        // A verbatim string: three letters and a colon say what text it is.
        b'=' => Value::Text(take_bytes(rest, line)?.get(4..)?.to_vec()),
        b'!' => Value::Error(ServerError::new(take_bytes(rest, line)?)),
        b'*' | b'~' => Value::List(take_values(rest, line, depth)?),
        b'>' => Value::Push(take_values(rest, line, depth)?),
        b'%' => Value::Map(take_pairs(rest, line, depth)?),
        b'|' => {
            // An attribute of the value that follows it.
            take_pairs(rest, line, depth)?;
            next(rest, depth)?
        }
        b'_' => Value::Nil,
        b',' | b'#' | b'(' => Value::Other,
        _ => return None,
    })
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let line = resp::line(rest)?;
    *rest = &rest[line.len() + resp::LINE_END.len()..];
    Some(line)
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: &[u8]) -> Option<&'a [u8]> {
    let (bytes, behind) = rest.split_at_checked(resp::number_from(length).ok()?)?;
    *rest = behind.strip_prefix(resp::LINE_END)?;
    Some(bytes)
}

fn take_values(rest: &mut &[u8], count: &[u8], depth: usize) -> Option<Vec<Value>> {
    (0..resp::number_from(count).ok()?).map(|_| next(rest, depth)).collect()
}

fn take_pairs(rest: &mut &[u8], count: &[u8], depth: usize) -> Option<Vec<(Value, Value)>> {
    let count = resp::number_from(count).ok()?;
    (0..count).map(|_| Some((next(rest, depth)?, next(rest, depth)?))).collect()
}

impl ServerError {
    fn new(line: &[u8]) -> ServerError {
        let line = String::from_utf8_lossy(line);
        let (code, detail) = line.split_once(' ').unwrap_or((&line, ""));
        ServerError { code: code.to_owned(), detail: detail.to_owned() }
    }
}

/// Lists in lists: HELLO has two levels, and its modules may have some more.
const DEPTH_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }

    fn error(code: &str, detail: &str) -> Value {
        Value::Error(ServerError { code: code.to_owned(), detail: detail.to_owned() })
    }

    #[test]
    fn each_kind_of_reply_has_its_value() {
        let rows: Vec<(&str, Value)> = vec![
            ("+OK\r\n", text("OK")),
            ("-OOM no memory\r\n", error("OOM", "no memory")),
            ("-ERR\r\n", error("ERR", "")),
            ("!10\r\nSYNTAX bad\r\n", error("SYNTAX", "bad")),
            (":-7\r\n", Value::Integer(-7)),
            ("$-1\r\n", Value::Nil),
            ("_\r\n", Value::Nil),
            ("$5\r\na\r\n:b\r\n", text("a\r\n:b")),
            ("=5\r\ntxt:a\r\n", text("a")),
            (",1.5\r\n", Value::Other),
            ("#t\r\n", Value::Other),
            ("*2\r\n:1\r\n*0\r\n", Value::List(vec![Value::Integer(1), Value::List(vec![])])),
            ("~1\r\n+a\r\n", Value::List(vec![text("a")])),
            ("%1\r\n+a\r\n:1\r\n", Value::Map(vec![(text("a"), Value::Integer(1))])),
            (">2\r\n+invalidate\r\n_\r\n", Value::Push(vec![text("invalidate"), Value::Nil])),
            ("|1\r\n+ttl\r\n:1\r\n+a\r\n", text("a")),
        ];
        for (bytes, expected) in rows {
            assert_eq!(parse(bytes.as_bytes()), Ok(expected), "{bytes}");
        }
    }

    #[test]
    fn what_is_malformed_or_nested_too_deeply_is_refused() {
        let deep = format!("{}:1\r\n", "*1\r\n".repeat(DEPTH_MAX));
        let rows = [
            "",
            ":\r\n",
            ":1x\r\n",
            "$2\r\na\r\n",
            "$1\r\nabc",
            "=1\r\na\r\n",
            "*2\r\n:1\r\n",
            "%1\r\n:1\r\n",
            "?1\r\n",
            ":1\r\n:2\r\n",
            "*-1\r\n",
            &deep,
        ];
        for bytes in rows {
            assert!(parse(bytes.as_bytes()).is_err(), "{bytes}");
        }
        let nested = format!("{}:1\r\n", "*1\r\n".repeat(DEPTH_MAX - 1));
        assert!(parse(nested.as_bytes()).is_ok());
    }
}
