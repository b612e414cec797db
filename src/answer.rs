//! What is said to a client: the status and the JSON body of every answer.
//!
//! The two bodies of a take are those of the service that headcount re-does, byte for byte.

use crate::counter::Count;
use crate::http::{Persistence, Refusal, Response, Status};
use crate::queue::Outcome;
use crate::route::{Question, Route};

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

/// The answer to a question that went to the store. `halted` is the status of a halted take.
pub fn to_question(
    question: Question,
    outcome: Outcome,
    halted: Status,
    text: &mut Text,
) -> Response<'_> {
    let status = match (question, outcome) {
        (Question::Ready, Outcome::Failed(error)) => write_error(error.word(), text),
        (_, Outcome::Failed(_)) => write_error("store unavailable", text),
        (Question::Ready, _) => write_ready(text),
        (_, Outcome::Number(number)) => write_number(number, text),
        (_, Outcome::Halted(limit)) => write_halt(limit, halted, text),
        (Question::Peek, Outcome::Looked(count)) if count.halted() => {
            write_halt(count.limit, halted, text)
        }
        (Question::Peek, Outcome::Looked(count)) => write_number(count.taken + 1, text),
        (_, Outcome::Looked(count)) => write_count(count, text),
    };
    Response {
        status,
        body: text.bytes(),
        no_store: true,
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
    text.text(r#"{"status":"ready"}"#);
    Status::Ok
}

fn write_error(words: &str, text: &mut Text) -> Status {
    text.text(r#"{"error":""#).text(words).text(r#""}"#);
    Status::ServiceUnavailable
}

/// The answer of a route that needs no store; `None` for one that does.
pub fn to_route(route: Route) -> Option<Response<'static>> {
    match route {
        Route::Store(_) => None,
        Route::Alive => Some(Response { body: br#"{"status":"alive"}"#, no_store: true, ..PLAIN }),
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

/// The last answer of a connection: to a request that broke the rules.
pub fn to_refused(refusal: Refusal, text: &mut Text) -> Response<'_> {
    write_error(refusal.reason(), text);
    Response {
        status: refusal.status(),
        body: text.bytes(),
        persistence: Persistence::Close,
        ..PLAIN
    }
}

/// The only answer of a connection past `--max-clients`.
pub const TOO_MANY_CLIENTS: Response<'static> = Response {
    status: Status::ServiceUnavailable,
    body: br#"{"error":"too many clients"}"#,
    retry_after_s: Some(RETRY_AFTER_S),
    persistence: Persistence::Close,
    ..PLAIN
};

/// The last answer of a connection whose request did not arrive whole in time.
pub const REQUEST_TIMEOUT: Response<'static> = Response {
    status: Status::RequestTimeout,
    body: br#"{"error":"request timeout"}"#,
    persistence: Persistence::Close,
    ..PLAIN
};

const PLAIN: Response<'static> = Response {
    status: Status::Ok,
    body: b"",
    allow: None,
    retry_after_s: None,
    no_store: false,
    persistence: Persistence::KeepAlive,
    head_only: false,
};
