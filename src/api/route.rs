//! (method, path) -> what to do: the page to edit for a new route.

use crate::counter::{CounterId, CounterNames};
use crate::http::Method;

/// What a request asks of headcount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Is answered when the store has replied.
    Counter(Query, CounterId),
    /// `/readyz`: does the store take writes?
    Ready,
    /// The process runs its loops, or this would not be answered.
    Alive,
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

/// The value of an `Allow` field.
pub type Allow = &'static str;

const TAKE_METHODS: Allow = "GET, HEAD, POST, OPTIONS";
const READ_METHODS: Allow = "GET, HEAD, OPTIONS";

/// The route of a request. `path` has no query; `*` is the asterisk-form of OPTIONS
/// (RFC 9112, section 3.2.4).
///
/// An unknown method is 501 whatever the path, for no path has it (RFC 9110, section 9.1). With a
/// known one, a path that does not exist is 404, and a path without that method is 405.
pub fn route(method: Method, path: &[u8], counters: &CounterNames) -> Route {
    let first = CounterId::FIRST;
    match path {
        b"/" => take(method, first),
        b"/status" => read_only(method, Route::Counter(Query::Status, first)),
        b"/readyz" => read_only(method, Route::Ready),
        b"/livez" => read_only(method, Route::Alive),
        b"*" if method == Method::Options => Route::Options(TAKE_METHODS),
        _ => match named(path, counters) {
            Some((Query::Take, counter)) => take(method, counter),
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

fn take(method: Method, counter: CounterId) -> Route {
    match method {
        Method::Get | Method::Post => Route::Counter(Query::Take, counter),
        Method::Head => Route::Counter(Query::Peek, counter),
        Method::Options => Route::Options(TAKE_METHODS),
        Method::Other => Route::MethodNotAllowed(TAKE_METHODS),
        Method::Unknown => Route::NotImplemented,
    }
}

fn read_only(method: Method, route: Route) -> Route {
    match method {
        Method::Get | Method::Head => route,
        Method::Options => Route::Options(READ_METHODS),
        Method::Post | Method::Other => Route::MethodNotAllowed(READ_METHODS),
        Method::Unknown => Route::NotImplemented,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> CounterNames {
        CounterNames::new(["shoes", "hats"].into_iter())
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
            assert_eq!(route(method, path, &names()), expected, "{method:?} {path:?}");
        }
    }

    #[test]
    fn only_get_and_post_on_the_root_take_a_number() {
        let known = [Method::Get, Method::Post, Method::Head, Method::Options, Method::Other];
        let methods = known.into_iter().chain([Method::Unknown]);
        let paths: [&[u8]; 7] = [b"/", b"/status", b"/readyz", b"/livez", b"*", b"//", b""];
        for method in methods {
            for path in paths {
                let takes =
                    route(method, path, &names()) == Route::Counter(Query::Take, CounterId::FIRST);
                let may_take = path == b"/" && matches!(method, Method::Get | Method::Post);
                assert_eq!(takes, may_take, "{method:?} {path:?}");
            }
        }
    }

    #[test]
    fn a_known_path_refuses_other_methods_and_names_its_own() {
        let refused = Route::MethodNotAllowed(READ_METHODS);
        assert_eq!(route(Method::Post, b"/status", &names()), refused);
        assert_eq!(route(Method::Other, b"/livez", &names()), refused);
        let refused = Route::MethodNotAllowed(TAKE_METHODS);
        assert_eq!(route(Method::Other, b"/", &names()), refused);
    }

    #[test]
    fn an_unknown_method_is_not_implemented_whatever_the_path() {
        for path in [&b"/"[..], b"/status", b"/readyz", b"/livez", b"/nowhere"] {
            assert_eq!(route(Method::Unknown, path, &names()), Route::NotImplemented);
        }
    }

    #[test]
    fn another_path_is_not_found_whatever_the_known_method() {
        assert_eq!(route(Method::Get, b"/favicon.ico", &names()), Route::NotFound);
        assert_eq!(route(Method::Other, b"/x", &names()), Route::NotFound);
        assert_eq!(route(Method::Get, b"*", &names()), Route::NotFound);
    }
}
