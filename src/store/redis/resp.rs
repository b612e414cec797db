//! RESP3 as far as it is on the way of every request: commands, where a reply ends, and the reply
//! to a take. Other replies are read in `value.rs`.
//!
//! The redis crate does the same: with it a request and its grant took 24,000 instructions, ten
//! times what an HTTP request takes, and now 3,700; and it had 90 KB of the static binary.
//! See redis.io/docs/latest/develop/reference/protocol-spec.

use crate::limits::REPLY_BYTES_MAX;
use crate::store::error::{Fault, StoreError};

/// The length of the first whole reply in `bytes`, those within it included; `None` until its end
/// is there.
///
/// # Errors
/// No reply of a Redis begins so, or one has no end within [`REPLY_BYTES_MAX`].
pub fn length(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let (mut end, mut values_due) = (0, 1_usize);
    while values_due > 0 {
        let rest = bytes.get(end..).unwrap_or_default();
        let Some(line) = line(rest) else {
            return unfinished(bytes);
        };
        end += line.len() + LINE_END.len();
        let (kind, count) = line.split_first().ok_or_else(malformed)?;
        values_due = values_due - 1
            + match kind {
                b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => 0,
                b'*' | b'~' | b'>' => number_from(count)?,
                b'%' => 2 * number_from(count)?,
                // What an attribute belongs to follows it.
                b'|' => 2 * number_from(count)? + 1,
                // RESP2's nil, which has no bytes.
                b'$' if count == b"-1" => 0,
                b'$' | b'!' | b'=' => {
                    end += number_from(count)? + LINE_END.len();
                    0
                }
                _ => return Err(malformed()),
            };
    }
    if end > bytes.len() { unfinished(bytes) } else { Ok(Some(end)) }
}

/// The numbers of a reply that is a list of just so many, none of them negative, and the length of
/// that reply. `None` where [`length`] has to look: it is another reply, or not whole.
///
/// In one go over the bytes: finding the end first cost a request 900 instructions more.
pub fn numbers<const COUNT: usize>(bytes: &[u8]) -> Option<([u64; COUNT], usize)> {
    let (count, mut rest) = number_line(b'*', bytes)?;
    if count != COUNT as u64 {
        return None;
    }
    let mut numbers = [0; COUNT];
    for number in &mut numbers {
        (*number, rest) = number_line(b':', rest)?;
    }
    Some((numbers, bytes.len() - rest.len()))
}

/// A line of this kind that is a number from 0 to 2^63 - 1, and what follows it.
fn number_line(kind: u8, bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.strip_prefix(&[kind])?;
    let mut number = 0;
    // A 20th digit is never looked at: so nothing overflows.
    for (place, byte) in digits.iter().enumerate().take(DIGITS_MAX + 1) {
        match byte {
            b'0'..=b'9' if place < DIGITS_MAX => number = number * 10 + u64::from(byte - b'0'),
            b'\r' if place > 0 => {
                let rest = digits[place..].strip_prefix(LINE_END)?;
                return (number <= i64::MAX as u64).then_some((number, rest));
            }
            _ => return None,
        }
    }
    None
}

/// A command that is being put together, word by word.
#[derive(Debug)]
pub struct Command {
    words: usize,
    bytes: Vec<u8>,
}

impl Command {
    /// A command of this name.
    pub fn new(name: &str) -> Command {
        Command { words: 0, bytes: Vec::new() }.word(name)
    }

    /// One more word.
    pub fn word(mut self, word: impl AsRef<[u8]>) -> Command {
        self.words += 1;
        write_word(word.as_ref(), &mut self.bytes);
        self
    }

    /// One more word, which is a number.
    pub fn number(self, number: u64) -> Command {
        self.word(itoa::Buffer::new().format(number))
    }

    /// Appends the whole command.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_count(self.words, out);
        out.extend_from_slice(&self.bytes);
    }
}

/// Appends the head of a command: how many words it has, its name included.
pub fn write_count(words: usize, out: &mut Vec<u8>) {
    write_line(b'*', words as u64, out);
}

/// What came is not what a Redis sends.
pub fn not_redis(detail: &str) -> Fault {
    Fault { error: StoreError::Protocol, detail: detail.to_owned() }
}

/// Appends a word of a command.
pub fn write_word(word: &[u8], out: &mut Vec<u8>) {
    write_line(b'$', word.len() as u64, out);
    out.extend_from_slice(word);
    out.extend_from_slice(LINE_END);
}

/// Appends a word of a command that is a number.
pub fn write_number(number: u64, out: &mut Vec<u8>) {
    write_word(itoa::Buffer::new().format(number).as_bytes(), out);
}

fn write_line(kind: u8, number: u64, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(LINE_END);
}

/// The first line, without its end, if that is there.
pub fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(LINE_END.len()).position(|pair| pair == LINE_END)?;
    Some(&bytes[..end])
}

/// A count of bytes or values: neither is past [`REPLY_BYTES_MAX`].
pub fn number_from(digits: &[u8]) -> Result<usize, Fault> {
    let number = decimal(digits).and_then(|number| usize::try_from(number).ok());
    number.filter(|number| *number <= REPLY_BYTES_MAX).ok_or_else(malformed)
}

/// A number of one digit or more and nothing else.
fn decimal(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, add)
}

fn unfinished(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    if bytes.len() > REPLY_BYTES_MAX {
        return Err(not_redis("a reply without end"));
    }
    Ok(None)
}

/// What came is no RESP.
pub fn malformed() -> Fault {
    not_redis("bytes that are no RESP")
}

/// Of 2^63 - 1, the greatest number of Redis.
const DIGITS_MAX: usize = 19;

/// Ends a line.
pub const LINE_END: &[u8] = b"\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_where_its_last_value_ends() {
        let rows: [&[u8]; 15] = [
            b"+OK\r\n",
            b"-ERR no\r\n",
            b":-1\r\n",
            b"_\r\n",
            b",1.5\r\n",
            b"#t\r\n",
            b"(123\r\n",
            b"$-1\r\n",
            b"$0\r\n\r\n",
            b"$5\r\na\r\n:b\r\n",
            b"=7\r\ntxt:a\r\n\r\n",
            b"*0\r\n",
            b"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
            b"%1\r\n+a\r\n~1\r\n:1\r\n",
            b"|1\r\n+a\r\n:1\r\n>1\r\n+x\r\n",
        ];
        for bytes in rows {
            let text = String::from_utf8_lossy(bytes);
            for end in 0..bytes.len() {
                assert_eq!(length(&bytes[..end]), Ok(None), "{end} bytes of {text}");
            }
            assert_eq!(length(bytes), Ok(Some(bytes.len())), "{text}");
            let followed = [bytes, b":1\r\n"].concat();
            assert_eq!(length(&followed), Ok(Some(bytes.len())), "{text}, with more behind");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused_as_soon_as_its_line_is_there() {
        let rows =
            ["\r\n", "HTTP/1.1 400\r\n", "*\r\n", "*-1\r\n", "$+1\r\n", "$?\r\n", "*262145\r\n"];
        for text in rows {
            assert_eq!(length(text.as_bytes()), Err(malformed()), "{text}");
        }
        let endless = [b'+'; REPLY_BYTES_MAX + 1];
        assert!(length(&endless).is_err());
        assert_eq!(length(&endless[1..]), Ok(None));
    }

    #[test]
    fn numbers_are_those_of_a_list_and_of_nothing_else() {
        let whole = b"*2\r\n:0\r\n:9223372036854775807\r\n";
        let found = Some(([0, i64::MAX as u64], whole.len()));
        assert_eq!(numbers(whole), found);
        assert_eq!(numbers(&[whole, &b":1\r\n"[..]].concat()), found, "with more behind");
        for end in 0..whole.len() {
            assert_eq!(numbers::<2>(&whole[..end]), None, "{end} bytes");
        }
        for text in [
            "*3\r\n:1\r\n:2\r\n",
            "*1\r\n:1\r\n:2\r\n",
            "*2\r\n:1\r\n:18446744073709551617\r\n",
            "*2\r\n:1\r\n:00000000000000000001\r\n",
            "*2\r\n:1\r\n:1\rx\n",
            "*2\r\n:1\r\n:-2\r\n",
            "*2\r\n:1\r\n:\r\n",
            "*2\r\n:1\r\n:9223372036854775808\r\n",
            "~2\r\n:1\r\n:2\r\n",
            "*2\r\n:1\r\n+2\r\n",
        ] {
            assert_eq!(numbers::<2>(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_command_is_a_list_of_words() {
        let mut out = Vec::new();
        Command::new("GET").number(17).write(&mut out);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$2\r\n17\r\n");
    }
}
