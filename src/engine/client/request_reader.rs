//! Where one request ends and the next begins: bytes in, requests out.
//!
//! ```text
//!           head without a body
//!   Head ------------------------> request
//!     `--> Body --- read past ---> request
//! ```
//!
//! It keeps no bytes: what it does not consume is handed in again, with more behind.

use crate::api::route::{self, Query, Route};
use crate::counter::{CounterId, CounterNames};
use crate::engine::batcher::Op;
use crate::http::{self, Body, Framing, Method, Persistence, Refusal, Request, Skipped};

/// What a parsed request wants, free of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKind {
    /// What to do.
    pub route: Route,
    /// The answer has no body, only its fields.
    pub head_only: bool,
    /// Whether the connection outlives the answer.
    pub persistence: Persistence,
}

impl RequestKind {
    /// No request's kind.
    pub const NOTHING: RequestKind =
        RequestKind { route: Route::NotFound, head_only: false, persistence: Persistence::Close };

    /// What such requests wait for.
    pub fn awaited(self) -> Awaited {
        match self.route {
            Route::Counter(Query::Take, counter) => Awaited::Counter(counter, Op::Take),
            Route::Counter(Query::Peek | Query::Status | Query::Ready, counter) => {
                Awaited::Counter(counter, Op::Peek)
            }
            Route::Ready => Awaited::WriteCheck,
            // Answered at once.
            Route::Alive
            | Route::Options(_)
            | Route::NotFound
            | Route::MethodNotAllowed(_)
            | Route::NotImplemented => Awaited::Nothing,
        }
    }

    fn of(request: &Request<'_>, counters: &CounterNames) -> RequestKind {
        RequestKind {
            route: route::route(request.method, request.path, counters),
            head_only: request.method == Method::Head,
            persistence: request.persistence,
        }
    }
}

/// What the requests of a client wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The store's reply to a request for this counter.
    Counter(CounterId, Op),
    /// Whether the store takes writes.
    WriteCheck,
    /// They were answered at once.
    Nothing,
}

/// How far one [`Reader::read`] came.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    More,
    /// The next request must wait until the awaited ones are answered. Nothing was consumed.
    Held,
    /// Bytes of a request with a body that is not whole yet: its head, or a part of the body.
    Body {
        /// Bytes that are done with.
        consumed: usize,
        /// The client may wait for `100 Continue` before it sends the body.
        expects_continue: bool,
    },
    /// A request is whole.
    Request {
        /// Bytes that are done with; the next one belongs to the next request.
        consumed: usize,
        /// What it wants.
        kind: RequestKind,
    },
}

/// The place in the stream of requests.
#[derive(Debug, Default)]
pub struct Reader {
    body: Option<(Body, RequestKind)>,
}

impl Reader {
    /// Reads on at `bytes`, which are not empty. While `awaited` requests are unanswered, only
    /// one with the same kind and without a body goes on: one with a body waits, so that what is
    /// wrong in its body can be answered as soon as it is seen.
    ///
    /// # Errors
    /// The next request breaks the rules. From then on only [`Reader::is_head`] may be asked.
    pub fn read(
        &mut self,
        bytes: &[u8],
        awaited: Option<RequestKind>,
        counters: &CounterNames,
    ) -> Result<Progress, Refusal> {
        match &mut self.body {
            Some((body, kind)) => {
                let (skipped, kind) = (body.skip(bytes)?, *kind);
                Ok(self.pass(skipped, kind))
            }
            None => self.read_head(bytes, awaited, counters),
        }
    }

    /// Whether a body is being read past.
    pub fn is_in_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether the request being read is a HEAD. `bytes` are those of it that were not consumed:
    /// they say so until its head is read.
    pub fn is_head(&self, bytes: &[u8]) -> bool {
        match &self.body {
            Some((_, kind)) => kind.head_only,
            None => http::is_head(bytes),
        }
    }

    fn read_head(
        &mut self,
        bytes: &[u8],
        awaited: Option<RequestKind>,
        counters: &CounterNames,
    ) -> Result<Progress, Refusal> {
        let parsed = match http::parse(bytes) {
            // Answers go out in order, so a refusal waits as well.
            Err(_) if awaited.is_some() => return Ok(Progress::Held),
            parsed => parsed?,
        };
        let Some((request, consumed)) = parsed else {
            return Ok(Progress::More);
        };
        let kind = RequestKind::of(&request, counters);
        let is_bodiless = request.framing == Framing::None;
        if awaited.is_some_and(|awaited| awaited != kind || !is_bodiless) {
            return Ok(Progress::Held);
        }
        if is_bodiless {
            return Ok(Progress::Request { consumed, kind });
        }
        self.body = Some((Body::new(request.framing)?, kind));
        Ok(Progress::Body { consumed, expects_continue: request.expects_continue })
    }

    /// A part of the body was read past.
    fn pass(&mut self, skipped: Skipped, kind: RequestKind) -> Progress {
        let consumed = skipped.consumed;
        if skipped.done {
            self.body = None;
            return Progress::Request { consumed, kind };
        }
        match consumed {
            0 => Progress::More,
            _ => Progress::Body { consumed, expects_continue: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKE: RequestKind = RequestKind {
        route: Route::Counter(Query::Take, CounterId::FIRST),
        head_only: false,
        persistence: Persistence::KeepAlive,
    };
    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

    #[test]
    fn a_request_of_the_awaited_kind_goes_on_and_another_is_held() {
        let mut reader = Reader::default();
        let whole = Progress::Request { consumed: GET.len(), kind: TAKE };
        assert_eq!(reader.read(GET, Some(TAKE), &CounterNames::default()), Ok(whole));
        let status = RequestKind { route: Route::Counter(Query::Status, CounterId::FIRST), ..TAKE };
        assert_eq!(reader.read(GET, Some(status), &CounterNames::default()), Ok(Progress::Held));
        assert_eq!(reader.read(POST, Some(TAKE), &CounterNames::default()), Ok(Progress::Held));
    }

    #[test]
    fn a_refusal_is_held_until_the_awaited_are_answered() {
        let mut reader = Reader::default();
        let bad = b"GET / HTTP/1.1\r\n\r\n";
        assert_eq!(reader.read(bad, Some(TAKE), &CounterNames::default()), Ok(Progress::Held));
        assert_eq!(reader.read(bad, None, &CounterNames::default()), Err(Refusal::MissingHost));
    }

    #[test]
    fn a_head_is_known_from_its_method_to_the_end_of_its_body() {
        let mut reader = Reader::default();
        assert!(!reader.is_head(b"HEAD"));
        assert!(reader.is_head(b"HEAD "));
        assert!(!reader.is_head(POST));
        let head = [b"HEAD", &POST[4..]].concat();
        assert!(reader.read(&head, None, &CounterNames::default()).is_ok());
        assert!(reader.is_head(b"GET "), "bytes of the body");
        assert!(reader.read(b"hello", None, &CounterNames::default()).is_ok());
        assert!(!reader.is_head(GET));
        let chunked = b"HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(reader.read(chunked, None, &CounterNames::default()).is_ok());
        assert_eq!(
            reader.read(b"x\r\n", None, &CounterNames::default()),
            Err(Refusal::MalformedChunkLine)
        );
        assert!(reader.is_head(b"x\r\n"), "of a refused one too");
    }

    #[test]
    fn a_body_is_read_past_in_any_pieces() {
        let mut reader = Reader::default();
        let head = Progress::Body { consumed: POST.len(), expects_continue: false };
        assert_eq!(reader.read(POST, None, &CounterNames::default()), Ok(head));
        assert!(reader.is_in_body());
        let part = Progress::Body { consumed: 2, expects_continue: false };
        assert_eq!(reader.read(b"he", None, &CounterNames::default()), Ok(part));
        let whole = Progress::Request { consumed: 3, kind: TAKE };
        assert_eq!(reader.read(b"lloGET", None, &CounterNames::default()), Ok(whole));
        assert!(!reader.is_in_body());
    }
}
