//! (method, path) -> what to do: the page to edit for a new route.

use crate::api::admin::rules::{AdminRoute, AdminRules};
use crate::api::cors::CorsLines;
use crate::api::take_policy::{Allow, TakePolicy, TakeRefusal};
use crate::counter::{CounterId, CounterNames};
use crate::http::{Method, Request};

/// Which listener a client has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// `--listen`, for those who take numbers.
    Public,
    /// `--admin-listen`, for those who run the process.
    Admin,
}

impl Listener {
    /// The fields of CORS for one whose origin is not known. The admin listener has none: no page
    /// of another origin has any business there.
    pub fn cors_lines(self) -> CorsLines {
        match self {
            Listener::Public => CorsLines::NO_ORIGIN,
            Listener::Admin => CorsLines::NONE,
        }
    }
}

/// What the answer to a request depends on, beside the request.
#[derive(Clone, Copy, Debug)]
pub struct RouteRules<'a> {
    /// Where it has come in.
    pub listener: Listener,
    /// The counters that are served.
    pub counters: &'a CounterNames,
    /// Who may do what at the admin listener.
    pub admin: &'a AdminRules,
    /// Who may take.
    pub take_policy: &'a TakePolicy,
    /// Whether `--audit` is on.
    pub is_audited: bool,
}

impl RouteRules<'_> {
    /// The fields of CORS for the answer to `request`. Only one that says its origin has its own.
    pub fn cors_lines(self, request: &Request<'_>) -> CorsLines {
        match self.listener {
            Listener::Public if request.has_browser_fields => {
                self.take_policy.cors().lines_for(request)
            }
            listener => listener.cors_lines(),
        }
    }
}

/// What a request asks of headcount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Is answered when the store has replied.
    Counter(Query, CounterId),
    /// `/readyz`: does the store take writes?
    Ready,
    /// `/livez`: does every reactor run its loop?
    Alive,
    /// What only the admin listener has.
    Admin(AdminRoute),
    /// A take that the policy refuses.
    TakeRefused(TakeRefusal),
    /// Which methods the target has.
    Options(Allow),
    /// No such path, or no such counter here.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed(Allow),
    /// No path has such a method.
    NotImplemented,
}

/// What is asked of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// `GET /` or `POST /`, and `/take/NAME`: take a number.
    Take,
    /// `HEAD /`: the head of the answer that a take would get now, and nothing taken.
    Peek,
    /// `/status`, `/status/NAME`: how many are taken.
    Status,
    /// `/readyz/NAME`: can it be taken from?
    Ready,
}

const READ_METHODS: Allow = "GET, HEAD, OPTIONS";

/// The route of a request at the public listener. The path `*` is the asterisk-form of OPTIONS
/// (RFC 9112, section 3.2.4).
///
/// An unknown method is 501 whatever the path, for no path has it (RFC 9110, section 9.1). With a
/// known one, a path that does not exist is 404, and a path without that method is 405.
pub fn route(request: &Request<'_>, rules: RouteRules<'_>) -> Route {
    let (method, first) = (request.method, CounterId::FIRST);
    match request.path {
        b"/" => take(request, first, rules.take_policy),
        b"/status" => read_only(method, Route::Counter(Query::Status, first)),
        b"/readyz" => read_only(method, Route::Ready),
        b"/livez" => read_only(method, Route::Alive),
        b"*" if method == Method::Options => Route::Options(rules.take_policy.allow()),
        path => match named(path, rules.counters) {
            Some((Query::Take, counter)) => take(request, counter, rules.take_policy),
            Some((query, counter)) => read_only(method, Route::Counter(query, counter)),
            None if method == Method::Unknown => Route::NotImplemented,
            None => Route::NotFound,
        },
    }
}

/// What a path with a counter's name in it asks, if that counter is served here.
fn named(path: &[u8], counters: &CounterNames) -> Option<(Query, CounterId)> {
    let (query, name) = if let Some(name) = path.strip_prefix(b"/take/") {
        (Query::Take, name)
    } else if let Some(name) = path.strip_prefix(b"/status/") {
        (Query::Status, name)
    } else {
        (Query::Ready, path.strip_prefix(b"/readyz/")?)
    };
    Some((query, counters.find(name)?))
}

fn take(request: &Request<'_>, counter: CounterId, policy: &TakePolicy) -> Route {
    match request.method {
        Method::Get | Method::Post => match policy.judge(request) {
            Ok(()) => Route::Counter(Query::Take, counter),
            Err(refusal) => Route::TakeRefused(refusal),
        },
        Method::Head => Route::Counter(Query::Peek, counter),
        Method::Options => Route::Options(policy.allow()),
        Method::Put | Method::Other => Route::MethodNotAllowed(policy.allow()),
        Method::Unknown => Route::NotImplemented,
    }
}

pub(super) fn read_only(method: Method, route: Route) -> Route {
    match method {
        Method::Get | Method::Head => route,
        Method::Options => Route::Options(READ_METHODS),
        Method::Post | Method::Put | Method::Other => Route::MethodNotAllowed(READ_METHODS),
        Method::Unknown => Route::NotImplemented,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::idempotency::KeyRules;
    use crate::http::{Fields, Framing, Persistence};

    const TAKE_METHODS: Allow = "GET, HEAD, POST, OPTIONS";

    fn route(method: Method, path: &[u8]) -> Route {
        route_by(&TakePolicy::default(), method, path)
    }

    fn route_by(take_policy: &TakePolicy, method: Method, path: &[u8]) -> Route {
        let request = Request {
            method,
            path,
            persistence: Persistence::KeepAlive,
            framing: Framing::None,
            expects_continue: false,
            has_browser_fields: false,
            has_key_field: false,
            fields: Fields::default(),
        };
        let counters = &CounterNames::new(["shoes", "hats"].into_iter());
        let (listener, admin) = (Listener::Public, &AdminRules::default());
        let rules = RouteRules { listener, counters, admin, take_policy, is_audited: false };
        super::route(&request, rules)
    }

    #[test]
    fn a_path_with_a_name_is_that_counter_s_alone() {
        let hats = CounterId(1);
        let rows = [
            (Method::Post, &b"/take/hats"[..], Route::Counter(Query::Take, hats)),
            (Method::Head, b"/take/hats", Route::Counter(Query::Peek, hats)),
            (Method::Get, b"/status/hats", Route::Counter(Query::Status, hats)),
            (Method::Head, b"/readyz/hats", Route::Counter(Query::Ready, hats)),
            (Method::Get, b"/take/shoes", Route::Counter(Query::Take, CounterId::FIRST)),
            (Method::Options, b"/take/hats", Route::Options(TAKE_METHODS)),
            (Method::Post, b"/status/hats", Route::MethodNotAllowed(READ_METHODS)),
            (Method::Get, b"/take/caps", Route::NotFound),
            (Method::Get, b"/take/", Route::NotFound),
            (Method::Get, b"/take/hats/", Route::NotFound),
            (Method::Get, b"/readyz/caps", Route::NotFound),
            (Method::Get, b"/livez/hats", Route::NotFound),
        ];
        for (method, path, expected) in rows {
            assert_eq!(route(method, path), expected, "{method:?} {path:?}");
        }
    }

    #[test]
    fn only_get_and_post_on_the_root_take_a_number() {
        let known = [Method::Get, Method::Post, Method::Head, Method::Options, Method::Other];
        let methods = known.into_iter().chain([Method::Unknown]);
        let paths: [&[u8]; 7] = [b"/", b"/status", b"/readyz", b"/livez", b"*", b"//", b""];
        for method in methods {
            for path in paths {
                let takes = route(method, path) == Route::Counter(Query::Take, CounterId::FIRST);
                let may_take = path == b"/" && matches!(method, Method::Get | Method::Post);
                assert_eq!(takes, may_take, "{method:?} {path:?}");
            }
        }
    }

    #[test]
    fn a_known_path_refuses_other_methods_and_names_its_own() {
        let refused = Route::MethodNotAllowed(READ_METHODS);
        assert_eq!(route(Method::Post, b"/status"), refused);
        assert_eq!(route(Method::Other, b"/livez"), refused);
        let refused = Route::MethodNotAllowed(TAKE_METHODS);
        assert_eq!(route(Method::Other, b"/"), refused);
    }

    #[test]
    fn a_method_that_does_not_take_here_is_refused_for_takes_alone() {
        let policy = TakePolicy::new(&[Method::Post], &[], KeyRules::default());
        let allow = "HEAD, POST, OPTIONS";
        for path in [&b"/"[..], b"/take/hats"] {
            let refused = Route::TakeRefused(TakeRefusal::Method(allow));
            assert_eq!(route_by(&policy, Method::Get, path), refused);
            assert_eq!(route_by(&policy, Method::Options, path), Route::Options(allow));
            assert_eq!(route_by(&policy, Method::Other, path), Route::MethodNotAllowed(allow));
            let head = route_by(&policy, Method::Head, path);
            assert!(matches!(head, Route::Counter(Query::Peek, _)), "{head:?}");
        }
        assert_eq!(route_by(&policy, Method::Options, b"*"), Route::Options(allow));
        let status = Route::Counter(Query::Status, CounterId::FIRST);
        assert_eq!(route_by(&policy, Method::Get, b"/status"), status);
        assert_eq!(route_by(&policy, Method::Get, b"/take/caps"), Route::NotFound);
    }

    #[test]
    fn an_unknown_method_is_not_implemented_whatever_the_path() {
        for path in [&b"/"[..], b"/status", b"/readyz", b"/livez", b"/nowhere"] {
            assert_eq!(route(Method::Unknown, path), Route::NotImplemented);
        }
    }

    #[test]
    fn another_path_is_not_found_whatever_the_known_method() {
        assert_eq!(route(Method::Get, b"/favicon.ico"), Route::NotFound);
        assert_eq!(route(Method::Other, b"/x"), Route::NotFound);
        assert_eq!(route(Method::Get, b"*"), Route::NotFound);
    }
}
