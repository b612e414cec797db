//! A client of the simulation: it sends requests in pieces and knows what answers are due.

use std::collections::VecDeque;

use fastrand::Rng;
use headcount::token::Token;

/// A request that is sent, or will be, and whose answer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Take,
    LastTake,
    Status,
    Head,
    Alive,
    NotFound,
    Bad,
    BadHead,
    Unknown,
}

/// An answer as it was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Number(u64),
    GoAway,
    Unavailable,
    Other,
}

#[derive(Debug)]
pub struct SimulatedClient {
    pub node: usize,
    pub token: Token,
    unsent: VecDeque<u8>,
    /// With the moment in which each was sent.
    due: VecDeque<(Kind, usize)>,
    received: Vec<u8>,
    pub has_ended: bool,
}

impl SimulatedClient {
    pub fn new(node: usize, token: Token) -> SimulatedClient {
        SimulatedClient {
            node,
            token,
            unsent: VecDeque::new(),
            due: VecDeque::new(),
            received: Vec::new(),
            has_ended: false,
        }
    }

    /// Writes a few more requests, unless the last one is written, and says how many are takes.
    pub fn write(&mut self, random: &mut Rng, moment: usize) -> u64 {
        let mut takes = 0;
        for _ in 0..random.usize(1..6) {
            if self.has_ended
                || matches!(self.due.back(), Some((Kind::LastTake | Kind::Bad | Kind::BadHead, _)))
            {
                break;
            }
            let (kind, bytes) = request(random);
            takes += u64::from(matches!(kind, Kind::Take | Kind::LastTake));
            self.due.push_back((kind, moment));
            self.unsent.extend(bytes);
        }
        takes
    }

    /// Writes a look at the status and so many plain takes.
    pub fn write_last(&mut self, count: u64, moment: usize) {
        self.due.push_back((Kind::Status, moment));
        self.unsent.extend(b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n");
        for _ in 0..count {
            self.due.push_back((Kind::Take, moment));
            self.unsent.extend(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        }
    }

    /// The next piece that the network brings; empty if nothing is on its way.
    pub fn send(&mut self, random: &mut Rng) -> Vec<u8> {
        let length = match random.u8(..4) {
            0 => 1,
            1 => random.usize(..40),
            _ => usize::MAX,
        };
        self.unsent.drain(..length.min(self.unsent.len())).collect()
    }

    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Requests whose answers did not come.
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// Bytes of answers came: each whole one must be what is due next. Returns them with the
    /// moments in which their requests were sent.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<(Answer, usize)> {
        self.received.extend_from_slice(bytes);
        let mut answers = Vec::new();
        while let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(self.received[..end + 4].to_vec()).expect("text");
            let (kind, moment) = *self.due.front().expect("an answer that is not due");
            let has_body = !matches!(kind, Kind::Head | Kind::BadHead);
            let length = if has_body { content_length(&head) } else { 0 };
            let Some(body) = self.received.get(end + 4..end + 4 + length) else {
                break;
            };
            let body = String::from_utf8(body.to_vec()).expect("text");
            answers.push((check(kind, &head, &body), moment));
            self.due.pop_front();
            self.received.drain(..end + 4 + length);
        }
        let is_owed = !self.due.is_empty() || self.received.is_empty();
        assert!(is_owed, "bytes nobody asked for: {}", self.received.escape_ascii());
        answers
    }
}

fn request(random: &mut Rng) -> (Kind, Vec<u8>) {
    let (kind, text) = match random.u8(..22) {
        0..=7 => (Kind::Take, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        8 | 9 => (Kind::Take, "POST /?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
        10 => (
            Kind::Take,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ),
        11 | 12 => (Kind::Take, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        13 => (Kind::LastTake, "GET / HTTP/1.0\r\n\r\n"),
        14 => (Kind::LastTake, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        15 => (Kind::Status, "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"),
        16 => (Kind::Head, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
        17 => (Kind::Alive, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"),
        18 => (Kind::NotFound, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"),
        19 => (Kind::Unknown, "BREW / HTTP/1.3\r\nHost: a\r\n\r\n"),
        20 => (Kind::BadHead, "HEAD / HTTP/1.1\r\n\r\n"),
        _ => (Kind::Bad, "GET / HTTP/1.1\r\n\r\n"),
    };
    (kind, text.as_bytes().to_vec())
}

fn content_length(head: &str) -> usize {
    let field = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    field.expect("every answer here has a length").parse().expect("a length")
}

fn check(kind: Kind, head: &str, body: &str) -> Answer {
    let status = &head[9..12];
    let expected: &[&str] = match kind {
        Kind::Take | Kind::LastTake | Kind::Status | Kind::Head => &["200", "503"],
        Kind::Alive => &["200"],
        Kind::NotFound => &["404"],
        Kind::Bad | Kind::BadHead => &["400"],
        Kind::Unknown => &["501"],
    };
    assert!(expected.contains(&status), "{kind:?} was answered {head}{body}");
    if status == "503" {
        return Answer::Unavailable;
    }
    let is_take = matches!(kind, Kind::Take | Kind::LastTake);
    let number = body.strip_prefix(r#"{"hello":"world","request_num":"#);
    let is_gone = body.starts_with(r#"{"Go":"away!","request_num":"#);
    assert_eq!(is_take, number.is_some() || is_gone, "{kind:?} was answered {body}");
    assert_eq!(kind == Kind::Status, body.starts_with(r#"{"taken":"#), "{kind:?}: {body}");
    match number {
        Some(number) => Answer::Number(number.trim_end_matches('}').parse().expect("a number")),
        None if is_gone => Answer::GoAway,
        None => Answer::Other,
    }
}
