//! A client of the simulation: it sends requests in pieces and knows what answers are due.

use std::collections::VecDeque;
use std::time::Instant;

use fastrand::Rng;
use headcount::token::Token;

use super::keys::NAMES;

/// The keys that clients take with, all of them with the same few, so that they meet.
pub const KEYS: [&str; 5] = ["a", "b", "c", "\"quoted\"", "e-5"];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Take,
    /// With the idempotency key of this place, see [`KEYS`].
    TakeWithKey(usize),
    LastTake,
    Status,
    Head,
    ReadyOfOne,
    Ready,
    Alive,
    NotFound,
    Bad,
    BadHead,
    Unknown,
}

/// A request that is sent, or will be, and whose answer is due.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub kind: Kind,
    pub counter: usize,
    pub known: Known,
    /// When its last byte came to the engine.
    pub arrived: Option<Instant>,
    /// Where it ends in all that the client ever writes.
    end: usize,
}

/// Moments of a counter's history when a request was sent.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// That of the sending.
    pub sent: usize,
    /// The last in which its engine was up to date. No answer is older.
    pub up_to_date: usize,
}

/// An answer as it was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Number(u64),
    /// A number that the key had already.
    Replayed(u64),
    /// With the limit.
    GoAway(u64),
    Status(u64),
    Unavailable,
    Other,
}

#[derive(Debug)]
pub struct SimulatedClient {
    pub node: usize,
    pub token: Token,
    unsent: VecDeque<u8>,
    /// Bytes written, and how many of them have come to the engine.
    written: usize,
    delivered: usize,
    due: VecDeque<Request>,
    answered_at: Option<Instant>,
    received: Vec<u8>,
    pub has_ended: bool,
}

impl SimulatedClient {
    pub fn new(node: usize, token: Token) -> SimulatedClient {
        SimulatedClient {
            node,
            token,
            unsent: VecDeque::new(),
            written: 0,
            delivered: 0,
            due: VecDeque::new(),
            answered_at: None,
            received: Vec::new(),
            has_ended: false,
        }
    }

    /// Writes a few more requests, for most of this counter, unless the last one is written. What
    /// is `known` is by the counters.
    pub fn write(&mut self, random: &mut Rng, counter: usize, known: &[Known]) {
        for _ in 0..random.usize(1..6) {
            let last = self.due.back().map(|request| request.kind);
            let is_last = matches!(last, Some(Kind::LastTake | Kind::Bad | Kind::BadHead));
            if self.has_ended || is_last {
                break;
            }
            let is_other = random.u8(..3) == 0;
            let counter = if is_other { random.usize(..known.len()) } else { counter };
            let (kind, text) = request(random, counter);
            self.push(kind, counter, known[counter], &text);
        }
    }

    /// Writes a look at the status of a counter, a take with each key, and so many plain takes.
    pub fn write_last(&mut self, counter: usize, takes: u64, known: Known) {
        let name = NAMES[counter];
        let status = format!("GET /status/{name} HTTP/1.1\r\nHost: a\r\n\r\n");
        self.push(Kind::Status, counter, known, &status);
        let take = format!("GET /take/{name} HTTP/1.1\r\nHost: a\r\n\r\n");
        let keys = if takes > 0 { KEYS.len() } else { 0 };
        for key in 0..keys {
            let take = take_with_key(&format!("/take/{name}"), key);
            self.push(Kind::TakeWithKey(key), counter, known, &take);
        }
        (0..takes).for_each(|_| self.push(Kind::Take, counter, known, &take));
    }

    fn push(&mut self, kind: Kind, counter: usize, known: Known, text: &str) {
        self.unsent.extend(text.as_bytes());
        self.written += text.len();
        let end = self.written;
        self.due.push_back(Request { kind, counter, known, arrived: None, end });
    }

    /// The next piece that the network brings; empty if nothing is on its way.
    pub fn send(&mut self, random: &mut Rng, now: Instant) -> Vec<u8> {
        let length = match random.u8(..4) {
            0 => 1,
            1 => random.usize(..40),
            _ => usize::MAX,
        };
        let bytes: Vec<u8> = self.unsent.drain(..length.min(self.unsent.len())).collect();
        self.delivered += bytes.len();
        for request in &mut self.due {
            if request.end <= self.delivered {
                request.arrived.get_or_insert(now);
            }
        }
        bytes
    }

    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Requests whose answers did not come.
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// The request whose answer is due next, and since when the engine has known that, if it does.
    pub fn waits(&self) -> Option<(&Request, Instant)> {
        let request = self.due.front()?;
        Some((
            request,
            request.arrived.max(self.answered_at).filter(|_| request.arrived.is_some())?,
        ))
    }

    /// Whether the answer to this request is due next.
    pub fn owes(&self, request: &Request) -> bool {
        self.due.front().is_some_and(|due| due.end == request.end)
    }

    /// Bytes of answers came: each whole one must be what is due next. Returns them with their
    /// requests.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Vec<(Answer, Request)> {
        self.received.extend_from_slice(bytes);
        let mut answers = Vec::new();
        while let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(self.received[..end + 4].to_vec()).expect("text");
            let request = *self.due.front().expect("an answer that is not due");
            let has_body = !matches!(request.kind, Kind::Head | Kind::BadHead);
            let length = if has_body { content_length(&head) } else { 0 };
            let Some(body) = self.received.get(end + 4..end + 4 + length) else {
                break;
            };
            let body = String::from_utf8(body.to_vec()).expect("text");
            answers.push((check(request.kind, &head, &body), request));
            self.due.pop_front();
            self.answered_at = Some(now);
            self.received.drain(..end + 4 + length);
        }
        let is_owed = !self.due.is_empty() || self.received.is_empty();
        assert!(is_owed, "bytes nobody asked for: {}", self.received.escape_ascii());
        answers
    }
}

fn request(random: &mut Rng, counter: usize) -> (Kind, String) {
    // The first one has two paths.
    let name = Some(NAMES[counter]).filter(|_| counter > 0 || random.bool());
    let take = name.map_or("/".to_owned(), |name| format!("/take/{name}"));
    let of = name.map_or(String::new(), |name| format!("/{name}"));
    let (kind, line, rest) = match random.u8(..28) {
        0..=7 => (Kind::Take, format!("GET {take} HTTP/1.1"), "Host: a\r\n\r\n"),
        8 | 9 => {
            let rest = "Host: a\r\nContent-Length: 3\r\n\r\nabc";
            (Kind::Take, format!("POST {take}?a=b HTTP/1.1"), rest)
        }
        10 => {
            let rest = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
            (Kind::Take, format!("POST {take} HTTP/1.1"), rest)
        }
        11 | 12 => (Kind::Take, format!("GET {take} HTTP/1.0"), "Connection: keep-alive\r\n\r\n"),
        13 => (Kind::LastTake, format!("GET {take} HTTP/1.0"), "\r\n"),
        14 => {
            let rest = "Host: a\r\nConnection: close\r\n\r\n";
            (Kind::LastTake, format!("GET {take} HTTP/1.1"), rest)
        }
        15 => (Kind::Status, format!("GET /status{of} HTTP/1.1"), "Host: a\r\n\r\n"),
        16 => (Kind::Head, format!("HEAD {take} HTTP/1.1"), "Host: a\r\n\r\n"),
        17 => (Kind::Alive, "GET /livez HTTP/1.1".to_owned(), "Host: a\r\n\r\n"),
        18 => (Kind::NotFound, "GET /take/nothing HTTP/1.1".to_owned(), "Host: a\r\n\r\n"),
        19 => (Kind::Unknown, "BREW / HTTP/1.3".to_owned(), "Host: a\r\n\r\n"),
        20 => (Kind::BadHead, format!("HEAD {take} HTTP/1.1"), "\r\n"),
        21 => (Kind::Bad, format!("GET {take} HTTP/1.1"), "\r\n"),
        22 => {
            let path = format!("/readyz/{}", NAMES[counter]);
            (Kind::ReadyOfOne, format!("GET {path} HTTP/1.1"), "Host: a\r\n\r\n")
        }
        23 => (Kind::Ready, "GET /readyz HTTP/1.1".to_owned(), "Host: a\r\n\r\n"),
        _ => {
            let key = random.usize(..KEYS.len());
            return (Kind::TakeWithKey(key), take_with_key(&take, key));
        }
    };
    (kind, format!("{line}\r\n{rest}"))
}

fn take_with_key(path: &str, key: usize) -> String {
    let key = KEYS[key];
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\n\r\n")
}

fn content_length(head: &str) -> usize {
    let field = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    field.expect("every answer here has a length").parse().expect("a length")
}

fn check(kind: Kind, head: &str, body: &str) -> Answer {
    let status = &head[9..12];
    let expected: &[&str] = match kind {
        Kind::Take | Kind::TakeWithKey(_) | Kind::LastTake => &["200", "503"],
        Kind::Status | Kind::Head | Kind::ReadyOfOne | Kind::Ready => &["200", "503"],
        Kind::Alive => &["200"],
        Kind::NotFound => &["404"],
        Kind::Bad | Kind::BadHead => &["400"],
        Kind::Unknown => &["501"],
    };
    assert!(expected.contains(&status), "{kind:?} was answered {head}{body}");
    if status == "503" {
        return Answer::Unavailable;
    }
    let after = |start: &str| -> Option<u64> {
        let digits = body.split_once(start)?.1.split(|it: char| !it.is_ascii_digit()).next()?;
        Some(digits.parse().expect("a number"))
    };
    let is_take = matches!(kind, Kind::Take | Kind::TakeWithKey(_) | Kind::LastTake);
    let number = after(r#"{"hello":"world","request_num":"#);
    let limit = after(r#"{"Go":"away!","request_num":"#);
    let status = after(r#","limit":"#).filter(|_| body.starts_with(r#"{"taken":"#));
    assert_eq!(is_take, number.or(limit).is_some(), "{kind:?} was answered {body}");
    assert_eq!(kind == Kind::Status, status.is_some(), "{kind:?}: {body}");
    let is_replay = head.contains("\r\nIdempotent-Replayed: true\r\n");
    let is_fit = matches!((kind, number), (Kind::TakeWithKey(_), Some(_)));
    assert!(is_fit || !is_replay, "{kind:?} is no replay: {head}{body}");
    let number = number.map(if is_replay { Answer::Replayed } else { Answer::Number });
    let number = number.or(limit.map(Answer::GoAway));
    number.or(status.map(Answer::Status)).unwrap_or(Answer::Other)
}
