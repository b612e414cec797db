//! What an honest store reads, and says, in the words of each protocol.

use headcount::counter::Grant;

use super::NAMES;

/// What is due for one command.
pub enum Due {
    /// A step whose answer is always the same.
    Step(&'static [u8]),
    /// What the counter of this place holds.
    Read(usize),
    /// The answer to the oldest request for the counter of this place, behind these bytes.
    Request(usize, &'static [u8]),
}

/// How a store speaks.
pub struct Speech {
    /// Takes the first whole command from what was sent. Which counters were read on this
    /// connection is kept in the list.
    pub next: fn(&mut Vec<u8>, &mut Vec<usize>) -> Option<Due>,
    pub grant: fn(Grant) -> Vec<u8>,
}

pub const REDIS: Speech = Speech { next: next_of_redis, grant: resp };
pub const POSTGRES: Speech = Speech { next: next_of_postgres, grant: row };

fn place(bytes: &[u8]) -> usize {
    let is_in = |name: &&str| contains(bytes, name.as_bytes());
    NAMES.iter().position(is_in).expect("a command names its counter")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

// --- Redis --------------------------------------------------------------------------------------

fn next_of_redis(sent: &mut Vec<u8>, _: &mut Vec<usize>) -> Option<Due> {
    let (mut count, mut at) = header(sent, 0)?;
    let mut words: Vec<Vec<u8>> = Vec::new();
    while count > 0 {
        let (length, start) = header(sent, at)?;
        words.push(sent[start..start + length].to_vec());
        at = start + length + 2;
        count -= 1;
    }
    sent.drain(..at);
    Some(match (words[0].as_slice(), words.len()) {
        (b"HELLO", _) => Due::Step(b"%0\r\n"),
        (b"SCRIPT", _) => Due::Step(b"+hash\r\n"),
        (b"INFO", _) => Due::Step(b"+info\r\n"),
        (b"EVALSHA", 10) => Due::Step(b"+found\r\n"),
        (b"EVALSHA", 11) if words[5] == b"0" => Due::Read(place(&words[3])),
        (b"EVALSHA", 11) => Due::Request(place(&words[3]), b""),
        _ => Due::Step(b"+OK\r\n"),
    })
}

/// The number in a line that begins with `*` or `$`, and where the next line begins.
fn header(sent: &[u8], at: usize) -> Option<(usize, usize)> {
    let end = at + sent.get(at..)?.windows(2).position(|pair| pair == b"\r\n")?;
    let digits = str::from_utf8(&sent[at + 1..end]).expect("digits");
    Some((digits.parse().expect("a length"), end + 2))
}

fn resp(Grant { first, granted, limit, epoch }: Grant) -> Vec<u8> {
    format!("*4\r\n:{first}\r\n:{granted}\r\n:{limit}\r\n:{epoch}\r\n").into_bytes()
}

// --- PostgreSQL ---------------------------------------------------------------------------------

const READY: &[u8] = b"Z\0\0\0\x05I";
const MAY_WRITE: &[u8] = b"D\0\0\0\x0d\0\x01\0\0\0\x03offZ\0\0\0\x05I";
const AUTHENTICATED: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const NO_ROW: &[u8] = b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I";
/// The row of the link is entered, in the transaction of the take that follows.
const ENTERED: &[u8] = b"C\0\0\0\x0dSELECT 0\0";

fn next_of_postgres(sent: &mut Vec<u8>, read: &mut Vec<usize>) -> Option<Due> {
    // Only the first message of a connection has no letter before its length.
    if sent.first() == Some(&0) {
        let length = usize::from(sent[2]) * 256 + usize::from(sent[3]);
        sent.drain(..length);
        read.clear();
        return Some(Due::Step(AUTHENTICATED));
    }
    let mut end = 0;
    let mut letter = b' ';
    while !matches!(letter, b'S' | b'Q') {
        letter = *sent.get(end)?;
        let length: [u8; 4] = sent.get(end + 1..end + 5)?.try_into().expect("four bytes");
        end += 1 + u32::from_be_bytes(length) as usize;
    }
    let command: Vec<u8> = sent.drain(..end).collect();
    let binds = |statement: &[u8]| contains(&command, statement);
    if letter == b'Q' {
        return Some(Due::Step(MAY_WRITE));
    }
    let is_entering = binds(b"\0enter\0");
    Some(if binds(b"\0take\0") && command[0] == b'B' {
        Due::Request(place(&command), if is_entering { ENTERED } else { b"" })
    } else if binds(b"\0peek\0") && command[0] == b'B' {
        // The first read of a counter on a connection confirms it.
        let place = place(&command);
        let is_first = !read.contains(&place);
        read.push(place);
        if is_first { Due::Read(place) } else { Due::Request(place, b"") }
    } else if command[0] == b'B' || binds(b"E\0\0\0\x09") {
        Due::Step(NO_ROW)
    } else {
        Due::Step(READY)
    })
}

fn row(Grant { first, granted, limit, epoch }: Grant) -> Vec<u8> {
    let mut row = b"D\0\0\0\x72\0\x09".to_vec();
    for number in [first, granted, limit, epoch, 1, 2, 0, 0, 0] {
        row.extend([8_u32.to_be_bytes().as_slice(), &number.to_be_bytes()].concat());
    }
    row.extend(b"C\0\0\0\x0dSELECT 1\0");
    row.extend(READY);
    row
}
