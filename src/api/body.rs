//! What is said to a client: the status and the JSON body of every answer.
//!
//! The two bodies of a take are those of the service that headcount re-does, byte for byte.

use crate::api::idempotency::KeyFault;
use crate::api::route::{Query, Route};
use crate::api::take_policy::{Allow, TakeRefusal};
use crate::api::text::{Text, TicketText};
use crate::api::ticket::TicketSigner;
use crate::counter::Count;
use crate::http::{self, ContentType, Persistence, Refusal, Response, Status};
use crate::store::error::StoreError;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The number belongs to this request alone.
    Number(u64),
    /// The request's key has this number already, from this epoch.
    Replayed {
        /// The number.
        number: u64,
        /// The epoch that it was granted in.
        epoch: u64,
    },
    /// The last number, which is this limit, is gone.
    Halted(u64),
    /// What the counter holds, for one who only looked.
    Read(Count),
    /// The store did not say. A number may have been spent.
    Failed(StoreError),
}

/// What a take with a new key is told where there is no room for it.
const NO_ROOM_FOR_KEY: &str = "no room for another idempotency key";

/// Refused counters that are named in one body.
const REFUSED_NAMED_MAX: usize = 8;

/// Seconds after which a client may try again when the store is away.
const RETRY_AFTER_S: u32 = 1;

/// The answer to a query of a counter. `halted` is the status of a halted take.
pub fn to_query(query: Query, outcome: Outcome, halted: Status, text: &mut Text) -> Response<'_> {
    let status = match (query, outcome) {
        (Query::Ready, Outcome::Failed(error)) => write_error(error.word(), text),
        (_, Outcome::Failed(StoreError::Keys)) => write_error(NO_ROOM_FOR_KEY, text),
        (_, Outcome::Failed(_)) => write_error("store unavailable", text),
        (Query::Ready, _) => write_ready(text),
        (_, Outcome::Number(number) | Outcome::Replayed { number, .. }) => {
            write_number(number, text)
        }
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
        retry_after_s: may_be_retried(outcome).then_some(RETRY_AFTER_S),
        is_replay: matches!(outcome, Outcome::Replayed { .. }),
        ..PLAIN
    }
}

/// There is no room for a key before the next sale.
fn may_be_retried(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed(error) if error != StoreError::Keys)
}

/// The same for one that has a ticket; `None` if it has none, such as a halted take. `tickets` is
/// prepared for its counter.
///
/// A HEAD request is told how long the body would be, and nothing is signed for it.
pub fn to_ticketed<'a>(
    query: Query,
    outcome: Outcome,
    tickets: &TicketSigner,
    text: &'a mut TicketText,
) -> Option<Response<'a>> {
    let (number, is_granted) = match (query, outcome) {
        (_, Outcome::Number(number) | Outcome::Replayed { number, .. }) => (number, true),
        (Query::Peek, Outcome::Read(count)) if !count.halted() => (count.taken + 1, false),
        _ => return None,
    };
    text.text(GRANTED).number(number).text(r#","ticket":""#);
    if is_granted {
        tickets.sign(number).pieces().into_iter().for_each(|piece| {
            text.append(piece);
        });
    } else {
        text.lengthen(tickets.length(number));
    }
    text.text(r#""}"#);
    let is_replay = matches!(outcome, Outcome::Replayed { .. });
    Some(Response { body: text.bytes(), is_replay, ..PLAIN })
}

fn write_number(number: u64, text: &mut Text) -> Status {
    text.text(GRANTED).number(number).text("}");
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

/// An answer of this status and JSON.
pub fn json(status: Status, text: &str) -> Response<'_> {
    Response { status, body: text.as_bytes(), ..PLAIN }
}

/// The answer of `/metrics`.
pub fn metrics(text: &str) -> Response<'_> {
    Response { content_type: ContentType::Metrics, body: text.as_bytes(), ..PLAIN }
}

/// The answer of a route that needs no store; `None` for one that does.
pub fn to_route(route: Route, is_draining: bool) -> Option<Response<'static>> {
    match route {
        Route::Ready if is_draining => Some(DRAINING),
        Route::Counter(..) | Route::Ready | Route::Admin(_) => None,
        Route::Alive => Some(Response { body: br#"{"status":"alive"}"#, ..PLAIN }),
        Route::Options(allow) => {
            Some(Response { status: Status::NoContent, allow: Some(allow), ..PLAIN })
        }
        Route::NotFound => {
            Some(Response { status: Status::NotFound, body: br#"{"error":"not found"}"#, ..PLAIN })
        }
        Route::TakeRefused(refusal) => Some(to_refused_take(refusal)),
        Route::MethodNotAllowed(allow) => Some(to_wrong_method(allow)),
        Route::NotImplemented => Some(Response {
            status: Status::NotImplemented,
            body: br#"{"error":"method not implemented"}"#,
            ..PLAIN
        }),
    }
}

fn to_refused_take(refusal: TakeRefusal) -> Response<'static> {
    let body: &[u8] = match refusal {
        TakeRefusal::Method(allow) => return to_wrong_method(allow),
        TakeRefusal::Prefetch => br#"{"error":"prefetch: nothing was taken"}"#,
        TakeRefusal::Origin => OTHER_ORIGIN,
        TakeRefusal::Key(fault) => return to_wrong_key(fault),
    };
    Response { status: Status::Forbidden, body, ..PLAIN }
}

fn to_wrong_key(fault: KeyFault) -> Response<'static> {
    let body: &[u8] = match fault {
        KeyFault::Missing => br#"{"error":"no idempotency key: nothing was taken"}"#,
        KeyFault::Repeated => br#"{"error":"more than one idempotency key: nothing was taken"}"#,
        KeyFault::Empty => br#"{"error":"empty idempotency key: nothing was taken"}"#,
        KeyFault::TooLong => br#"{"error":"idempotency key over 255 bytes: nothing was taken"}"#,
        KeyFault::Parameters => {
            br#"{"error":"idempotency key with something behind it: nothing was taken"}"#
        }
        KeyFault::Quotes => br#"{"error":"idempotency key with wrong quotes: nothing was taken"}"#,
        KeyFault::Malformed => {
            br#"{"error":"idempotency key of other than visible ASCII: nothing was taken"}"#
        }
    };
    Response { status: Status::BadRequest, body, ..PLAIN }
}

fn to_wrong_method(allow: Allow) -> Response<'static> {
    Response {
        status: Status::MethodNotAllowed,
        body: br#"{"error":"method not allowed"}"#,
        allow: Some(allow),
        ..PLAIN
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

/// The only answer of a connection past `--max-clients`, of which `bytes` were read: perhaps none.
/// `fields` are more of them, as in [`Response::fields`].
pub fn to_turned_away<'a>(bytes: &[u8], fields: &'a [u8]) -> Response<'a> {
    Response { fields, head_only: http::is_head(bytes), ..TOO_MANY_CLIENTS }
}

/// The last answer of a connection whose request did not arrive whole in time.
pub fn to_request_timeout() -> Response<'static> {
    Response {
        status: Status::RequestTimeout,
        body: br#"{"error":"request timeout"}"#,
        persistence: Persistence::Close,
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

const OTHER_ORIGIN: &[u8] = b"{\"error\":\"sent by a page of another origin: nothing was taken; \
    see --allow-origin\"}";
/// The answer of `/livez` when a reactor no longer turns.
pub const STALLED: Response<'static> = Response {
    status: Status::ServiceUnavailable,
    body: br#"{"error":"reactor stalled"}"#,
    ..PLAIN
};

/// What a grant begins with.
const GRANTED: &str = r#"{"hello":"world","request_num":"#;

const READY: &str = r#"{"status":"ready"}"#;

pub(super) const PLAIN: Response<'static> = Response {
    status: Status::Ok,
    body: b"",
    content_type: ContentType::Json,
    allow: None,
    retry_after_s: None,
    is_replay: false,
    fields: b"",
    persistence: Persistence::KeepAlive,
    head_only: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_room_for_a_key_is_not_told_to_try_again() {
        let retry_after_s = |error| {
            let (outcome, mut text) = (Outcome::Failed(error), Text::default());
            to_query(Query::Take, outcome, Status::Ok, &mut text).retry_after_s
        };
        assert_eq!(retry_after_s(StoreError::Keys), None);
        assert_eq!(retry_after_s(StoreError::Timeout), Some(RETRY_AFTER_S));
    }

    #[test]
    fn too_many_clients_has_a_body_unless_the_request_is_a_head_request() {
        for bytes in [&b""[..], b"\r\n", b"HEAD", b"GET / HTTP/1.1\r\n", &[0; 1_024]] {
            assert!(!to_turned_away(bytes, b"").head_only, "{}", bytes.escape_ascii());
        }
        for bytes in [&b"HEAD "[..], b"\r\nHEAD / HTTP/1.1\r\n", b"HEAD / HTTP/1.1\r\n\0\0"] {
            let answer = to_turned_away(bytes, b"");
            assert!(answer.head_only, "{}", bytes.escape_ascii());
            assert_eq!(
                (answer.status, answer.body),
                (Status::ServiceUnavailable, TOO_MANY_CLIENTS.body)
            );
        }
    }
}
