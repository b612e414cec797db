//! What is said to a client: the status and the JSON body of every answer.
//!
//! The two bodies of a take are those of the service that headcount re-does, byte for byte.

use crate::api::route::{Query, Route};
use crate::counter::Count;
use crate::http::{self, Persistence, Refusal, Response, Status};
use crate::store::error::StoreError;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The number belongs to this request alone.
    Number(u64),
    /// The last number, which is this limit, is gone.
    Halted(u64),
    /// What the counter holds, for one who only looked.
    Read(Count),
    /// The store did not say. A number may have been spent.
    Failed(StoreError),
}

/// Refused counters that are named in one body.
const REFUSED_NAMED_MAX: usize = 8;

/// Seconds after which a client may try again when the store is away.
const RETRY_AFTER_S: u32 = 1;

/// A body that is made from numbers, on the stack: an answer allocates nothing.
///
/// Invariant: the longest body, of `/status` with three numbers of 16 digits, has 95 bytes.
pub struct Text {
    bytes: [u8; 128],
    length: usize,
}

impl Text {
    /// An empty body.
    pub fn new() -> Text {
        Text { bytes: [0; 128], length: 0 }
    }

    fn text(&mut self, text: &str) -> &mut Text {
        let end = self.length + text.len();
        self.bytes[self.length..end].copy_from_slice(text.as_bytes());
        self.length = end;
        self
    }

    fn number(&mut self, number: u64) -> &mut Text {
        self.text(itoa::Buffer::new().format(number))
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::new()
    }
}

/// The answer to a query of a counter. `halted` is the status of a halted take.
pub fn to_query(query: Query, outcome: Outcome, halted: Status, text: &mut Text) -> Response<'_> {
    let status = match (query, outcome) {
        (Query::Ready, Outcome::Failed(error)) => write_error(error.word(), text),
        (_, Outcome::Failed(_)) => write_error("store unavailable", text),
        (Query::Ready, _) => write_ready(text),
        (_, Outcome::Number(number)) => write_number(number, text),
        (_, Outcome::Halted(limit)) => write_halt(limit, halted, text),
        (Query::Peek, Outcome::Read(count)) if count.halted() => {
            write_halt(count.limit, halted, text)
        }
        (Query::Peek, Outcome::Read(count)) => write_number(count.taken + 1, text),
        (_, Outcome::Read(count)) => write_count(count, text),
    };
    Response {
        status,
        body: text.bytes(),
        retry_after_s: matches!(outcome, Outcome::Failed(_)).then_some(RETRY_AFTER_S),
        ..PLAIN
    }
}

fn write_number(number: u64, text: &mut Text) -> Status {
    text.text(r#"{"hello":"world","request_num":"#).number(number).text("}");
    Status::Ok
}

fn write_halt(limit: u64, halted: Status, text: &mut Text) -> Status {
    text.text(r#"{"Go":"away!","request_num":"#).number(limit).text("}");
    halted
}

fn write_count(count: Count, text: &mut Text) -> Status {
    text.text(r#"{"taken":"#).number(count.taken);
    text.text(r#","limit":"#).number(count.limit);
    text.text(r#","remaining":"#).number(count.remaining());
    text.text(r#","halted":"#).text(if count.halted() { "true}" } else { "false}" });
    Status::Ok
}

fn write_ready(text: &mut Text) -> Status {
    text.text(READY);
    Status::Ok
}

fn write_error(words: &str, text: &mut Text) -> Status {
    text.text(r#"{"error":""#).text(words).text(r#""}"#);
    Status::ServiceUnavailable
}

/// The body of the answer that the process is ready: it names the first few of the counters that
/// are `refused`, and says how many they are.
pub fn ready_text(refused: &[(&str, StoreError)]) -> String {
    if refused.is_empty() {
        return READY.to_owned();
    }
    let word = |(name, error): &(&str, StoreError)| format!(r#""{name}":"{}""#, error.word());
    let named: Vec<String> = refused.iter().take(REFUSED_NAMED_MAX).map(word).collect();
    let (named, total) = (named.join(","), refused.len());
    format!(r#"{{"status":"ready","refused":{{{named}}},"refused_total":{total}}}"#)
}

/// The answer that the process is ready.
pub fn to_ready(text: &str) -> Response<'_> {
    Response { body: text.as_bytes(), ..PLAIN }
}

/// The answer of a route that needs no store; `None` for one that does.
pub fn to_route(route: Route, is_draining: bool) -> Option<Response<'static>> {
    match route {
        Route::Ready if is_draining => Some(DRAINING),
        Route::Counter(..) | Route::Ready => None,
        Route::Alive => Some(Response { body: br#"{"status":"alive"}"#, ..PLAIN }),
        Route::Options(allow) => {
            Some(Response { status: Status::NoContent, allow: Some(allow), ..PLAIN })
        }
        Route::NotFound => {
            Some(Response { status: Status::NotFound, body: br#"{"error":"not found"}"#, ..PLAIN })
        }
        Route::MethodNotAllowed(allow) => Some(Response {
            status: Status::MethodNotAllowed,
            body: br#"{"error":"method not allowed"}"#,
            allow: Some(allow),
            ..PLAIN
        }),
        Route::NotImplemented => Some(Response {
            status: Status::NotImplemented,
            body: br#"{"error":"method not implemented"}"#,
            ..PLAIN
        }),
    }
}

/// The last answer of a connection: to a request that broke the rules, a HEAD if `head_only`.
pub fn to_refused(refusal: Refusal, head_only: bool, text: &mut Text) -> Response<'_> {
    write_error(refusal.reason(), text);
    Response {
        status: refusal.status(),
        body: text.bytes(),
        persistence: Persistence::Close,
        head_only,
        ..PLAIN
    }
}

/// The only answer of a connection past `--max-clients`, of which `bytes` were read: perhaps none.
pub fn to_turned_away(bytes: &[u8]) -> Response<'static> {
    Response { head_only: http::is_head(bytes), ..TOO_MANY_CLIENTS }
}

/// The last answer of a connection whose request, a HEAD if `head_only`, did not arrive whole in
/// time.
pub fn to_request_timeout(head_only: bool) -> Response<'static> {
    Response {
        status: Status::RequestTimeout,
        body: br#"{"error":"request timeout"}"#,
        persistence: Persistence::Close,
        head_only,
        ..PLAIN
    }
}

/// The only answer of a connection past `--max-clients`.
const TOO_MANY_CLIENTS: Response<'static> = Response {
    status: Status::ServiceUnavailable,
    body: br#"{"error":"too many clients"}"#,
    retry_after_s: Some(RETRY_AFTER_S),
    persistence: Persistence::Close,
    ..PLAIN
};

const DRAINING: Response<'static> = Response {
    status: Status::ServiceUnavailable,
    body: br#"{"error":"draining"}"#,
    retry_after_s: Some(RETRY_AFTER_S),
    ..PLAIN
};

const READY: &str = r#"{"status":"ready"}"#;

const PLAIN: Response<'static> = Response {
    status: Status::Ok,
    body: b"",
    allow: None,
    retry_after_s: None,
    persistence: Persistence::KeepAlive,
    head_only: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_is_turned_away_gets_a_body_unless_it_has_sent_the_start_of_a_head() {
        for bytes in [&b""[..], b"\r\n", b"HEAD", b"GET / HTTP/1.1\r\n", &[0; 1_024]] {
            assert!(!to_turned_away(bytes).head_only, "{}", bytes.escape_ascii());
        }
        for bytes in [&b"HEAD "[..], b"\r\nHEAD / HTTP/1.1\r\n", b"HEAD / HTTP/1.1\r\n\0\0"] {
            let answer = to_turned_away(bytes);
            assert!(answer.head_only, "{}", bytes.escape_ascii());
            assert_eq!(
                (answer.status, answer.body),
                (Status::ServiceUnavailable, TOO_MANY_CLIENTS.body)
            );
        }
    }
}
