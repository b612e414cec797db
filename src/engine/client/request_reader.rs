//! Where one request ends and the next begins: bytes in, requests out.
//!
//! ```text
//!           head without a body
//!   Head ------------------------> request
//!     `--> Body --- read --------> request
//! ```
//!
//! It keeps no bytes but the body of a change: what it does not consume is handed in again, with
//! more behind.

use crate::api::admin;
use crate::api::admin::rules::AdminRoute;
use crate::api::audit::Audit;
use crate::api::cors::CorsLines;
use crate::api::route::{self, Listener, Query, Route, RouteRules};
use crate::api::take_policy::TakeRefusal;
use crate::counter::CounterId;
use crate::engine::batcher::Op;
use crate::http::{self, Body, BodyRead, Framing, Method, Persistence, Refusal, Request};
use crate::limits::{ADMIN_BODY_BYTES_MAX, BODY_BYTES_MAX};
use crate::store::keys::Key;

/// What a parsed request wants, free of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKind {
    /// What to do.
    pub route: Route,
    /// The answer has no body, only its fields.
    pub head_only: bool,
    /// Whether the connection outlives the answer.
    pub persistence: Persistence,
    /// What the answer says of its request's origin.
    pub cors: CorsLines,
}

impl RequestKind {
    /// No request's kind.
    pub const NOTHING: RequestKind = RequestKind {
        route: Route::NotFound,
        head_only: false,
        persistence: Persistence::Close,
        cors: CorsLines::NONE,
    };

    /// Whether its body says what to change.
    fn is_change(self) -> bool {
        matches!(self.route, Route::Admin(route) if route.is_change())
    }

    /// What such requests wait for, if they have no key.
    pub fn awaited(self) -> Awaited {
        match self.route {
            Route::Counter(Query::Take, counter) => Awaited::Counter(counter, Op::Take),
            Route::Counter(Query::Peek | Query::Status, counter) => {
                Awaited::Counter(counter, Op::Peek)
            }
            Route::Counter(Query::Ready, counter) => Awaited::WriteCheck(Some(counter)),
            Route::Ready => Awaited::WriteCheck(None),
            Route::Admin(route) => Awaited::Admin(route),
            // Answered at once.
            Route::Alive
            | Route::TakeRefused(_)
            | Route::Options(_)
            | Route::NotFound
            | Route::MethodNotAllowed(_)
            | Route::NotImplemented => Awaited::Nothing,
        }
    }

    fn of(request: &Request<'_>, rules: RouteRules<'_>) -> RequestKind {
        let route = match rules.listener {
            Listener::Public => route::route(request, rules),
            Listener::Admin => admin::route(request, rules.counters, rules.admin),
        };
        RequestKind {
            route,
            head_only: request.method == Method::Head,
            persistence: request.persistence,
            cors: rules.cors_lines(request),
        }
    }
}

/// What the requests of a client wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The store's reply to a request for this counter.
    Counter(CounterId, Op),
    /// Whether the store takes writes, and then a look at this counter, if there is one.
    WriteCheck(Option<CounterId>),
    /// What the admin listener does.
    Admin(AdminRoute),
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
    /// The body of the last change, as far as it was read.
    kept: Vec<u8>,
    /// The key of the last take that had one, until it is answered.
    key: Option<Key>,
    /// Who sent the last take, if that is to be kept.
    audit: Option<Box<Audit>>,
    /// The last request with a body, from its head to the first look at the body.
    head_read: Option<RequestKind>,
}

impl Reader {
    /// Reads on at `bytes`, which are not empty. While `awaited` requests are unanswered, only
    /// one with the same kind and without a body goes on: one with a body waits, so that what is
    /// wrong in its body can be answered as soon as it is seen. One with a key waits too, since the
    /// store may answer keys in another order.
    ///
    /// # Errors
    /// The next request breaks the rules. From then on only [`Reader::is_head`] may be asked.
    pub fn read(
        &mut self,
        bytes: &[u8],
        awaited: Option<RequestKind>,
        rules: RouteRules<'_>,
    ) -> Result<Progress, Refusal> {
        match &mut self.body {
            Some((body, kind)) => {
                let kept = kind.is_change().then_some(&mut self.kept);
                let (skipped, kind) = (body.read(bytes, kept)?, *kind);
                Ok(self.pass(skipped, kind))
            }
            None => self.read_head(bytes, awaited, rules),
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

    /// The body of the last request, if that was a change.
    pub fn take_kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// The key of the take that is awaited, if it has one.
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// The take with the key is answered.
    #[cold]
    pub fn forget_key(&mut self) {
        self.key = None;
    }

    /// Who sent the last request, if that was a take and is to be kept.
    pub fn take_audit(&mut self) -> Option<Box<Audit>> {
        self.audit.take()
    }

    /// What the answer says of the origin of the request being read, as far as that was read.
    pub fn cors(&self, rules: RouteRules<'_>) -> CorsLines {
        let kind = self.body.as_ref().map(|(_, kind)| *kind).or(self.head_read);
        kind.map_or(rules.listener.cors_lines(), |kind| kind.cors)
    }

    fn read_head(
        &mut self,
        bytes: &[u8],
        awaited: Option<RequestKind>,
        rules: RouteRules<'_>,
    ) -> Result<Progress, Refusal> {
        let parsed = match http::parse(bytes) {
            // Answers go out in order, so a refusal waits as well.
            Err(_) if awaited.is_some() => return Ok(Progress::Held),
            parsed => parsed?,
        };
        let Some((request, consumed)) = parsed else {
            return Ok(Progress::More);
        };
        let kind = RequestKind::of(&request, rules);
        if rules.take_policy.keys().may_find(&request) {
            return self.read_key(&request, consumed, kind, awaited, rules);
        }
        self.go_on(&request, consumed, kind, awaited, rules)
    }

    /// The head of a request that may have a key. A wrong one refuses a take.
    #[cold]
    fn read_key(
        &mut self,
        request: &Request<'_>,
        consumed: usize,
        mut kind: RequestKind,
        awaited: Option<RequestKind>,
        rules: RouteRules<'_>,
    ) -> Result<Progress, Refusal> {
        let is_take = matches!(kind.route, Route::Counter(Query::Take, _));
        let key = match rules.take_policy.keys().key_of(request) {
            Ok(key) => key.filter(|_| is_take),
            Err(fault) if is_take => {
                kind.route = Route::TakeRefused(TakeRefusal::Key(fault));
                None
            }
            Err(_) => None,
        };
        match awaited {
            None => self.key = key,
            Some(_) if key.is_some() => return Ok(Progress::Held),
            Some(_) => {}
        }
        self.go_on(request, consumed, kind, awaited, rules)
    }

    /// A head is read, and its key is found.
    #[inline(always)] // Its other caller is cold.
    fn go_on(
        &mut self,
        request: &Request<'_>,
        consumed: usize,
        kind: RequestKind,
        awaited: Option<RequestKind>,
        rules: RouteRules<'_>,
    ) -> Result<Progress, Refusal> {
        let is_bodiless = request.framing == Framing::None;
        let is_alone = |awaited| awaited != kind || !is_bodiless || self.key.is_some();
        if awaited.is_some_and(is_alone) {
            return Ok(Progress::Held);
        }
        if rules.is_audited && matches!(kind.route, Route::Counter(Query::Take, _)) {
            self.audit = Some(Box::new(Audit::of(request, self.key.as_ref())));
        }
        if is_bodiless {
            return Ok(Progress::Request { consumed, kind });
        }
        let bytes_max = if kind.is_change() { ADMIN_BODY_BYTES_MAX as u64 } else { BODY_BYTES_MAX };
        self.head_read = Some(kind);
        self.body = Some((Body::new(request.framing, bytes_max)?, kind));
        self.head_read = None;
        Ok(Progress::Body { consumed, expects_continue: request.expects_continue })
    }

    /// A part of the body was read past.
    fn pass(&mut self, skipped: BodyRead, kind: RequestKind) -> Progress {
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
    use crate::api::admin::rules::AdminRules;
    use crate::api::idempotency::KeyRules;
    use crate::api::route::Listener;
    use crate::api::take_policy::TakePolicy;
    use crate::counter::CounterNames;
    use std::sync::LazyLock;

    static TAKE_POLICY: LazyLock<TakePolicy> = LazyLock::new(TakePolicy::default);

    static NO_ADMIN: AdminRules = AdminRules { token: None, is_loopback: false };

    fn rules(counters: &CounterNames) -> RouteRules<'_> {
        let (listener, admin) = (Listener::Public, &NO_ADMIN);
        RouteRules { listener, counters, admin, take_policy: &TAKE_POLICY, is_audited: false }
    }

    const TAKE: RequestKind = RequestKind {
        route: Route::Counter(Query::Take, CounterId::FIRST),
        head_only: false,
        persistence: Persistence::KeepAlive,
        cors: CorsLines::NO_ORIGIN,
    };
    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

    #[test]
    fn a_request_of_the_awaited_kind_goes_on_and_another_is_held() {
        let mut reader = Reader::default();
        let whole = Progress::Request { consumed: GET.len(), kind: TAKE };
        assert_eq!(reader.read(GET, Some(TAKE), rules(&CounterNames::default())), Ok(whole));
        let status = RequestKind { route: Route::Counter(Query::Status, CounterId::FIRST), ..TAKE };
        assert_eq!(
            reader.read(GET, Some(status), rules(&CounterNames::default())),
            Ok(Progress::Held)
        );
        assert_eq!(
            reader.read(POST, Some(TAKE), rules(&CounterNames::default())),
            Ok(Progress::Held)
        );
    }

    #[test]
    fn a_refusal_is_held_until_the_awaited_are_answered() {
        let mut reader = Reader::default();
        let bad = b"GET / HTTP/1.1\r\n\r\n";
        assert_eq!(
            reader.read(bad, Some(TAKE), rules(&CounterNames::default())),
            Ok(Progress::Held)
        );
        assert_eq!(
            reader.read(bad, None, rules(&CounterNames::default())),
            Err(Refusal::MissingHost)
        );
    }

    #[test]
    fn a_head_is_known_from_its_method_to_the_end_of_its_body() {
        let mut reader = Reader::default();
        assert!(!reader.is_head(b"HEAD"));
        assert!(reader.is_head(b"HEAD "));
        assert!(!reader.is_head(POST));
        let head = [b"HEAD", &POST[4..]].concat();
        assert!(reader.read(&head, None, rules(&CounterNames::default())).is_ok());
        assert!(reader.is_head(b"GET "), "bytes of the body");
        assert!(reader.read(b"hello", None, rules(&CounterNames::default())).is_ok());
        assert!(!reader.is_head(GET));
        let chunked = b"HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(reader.read(chunked, None, rules(&CounterNames::default())).is_ok());
        assert_eq!(
            reader.read(b"x\r\n", None, rules(&CounterNames::default())),
            Err(Refusal::MalformedChunkLine)
        );
        assert!(reader.is_head(b"x\r\n"), "of a refused one too");
    }

    #[test]
    fn the_admin_listener_allows_no_origin() {
        let take_policy = TakePolicy::new(&[Method::Get], &["*".to_owned()], KeyRules::default());
        let counters = &CounterNames::default();
        let bytes = b"GET /x HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n\r\n";
        for (listener, is_allowed) in [(Listener::Public, true), (Listener::Admin, false)] {
            let rules = RouteRules { listener, take_policy: &take_policy, ..rules(counters) };
            let mut reader = Reader::default();
            let Ok(Progress::Request { kind, .. }) = reader.read(bytes, None, rules) else {
                panic!("it is a whole request");
            };
            for lines in [kind.cors, reader.cors(rules)] {
                assert_eq!(!take_policy.cors().bytes(lines).is_empty(), is_allowed);
            }
        }
    }

    #[test]
    fn a_body_is_read_past_in_any_pieces() {
        let mut reader = Reader::default();
        let head = Progress::Body { consumed: POST.len(), expects_continue: false };
        assert_eq!(reader.read(POST, None, rules(&CounterNames::default())), Ok(head));
        assert!(reader.is_in_body());
        let part = Progress::Body { consumed: 2, expects_continue: false };
        assert_eq!(reader.read(b"he", None, rules(&CounterNames::default())), Ok(part));
        let whole = Progress::Request { consumed: 3, kind: TAKE };
        assert_eq!(reader.read(b"lloGET", None, rules(&CounterNames::default())), Ok(whole));
        assert!(!reader.is_in_body());
    }
}
