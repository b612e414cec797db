//! (method, path) -> what to do: the page to edit for a new route.

use crate::http::Method;

/// What a request asks of headcount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Asks the store, and is answered when it has spoken.
    Store(Question),
    /// The process runs its loops, or this would not be answered.
    Alive,
    /// Which methods the target has.
    Options(Allow),
    /// No such path.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed(Allow),
    /// No path has such a method.
    NotImplemented,
}

/// The questions that need the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `GET /` or `POST /`: take a number.
    Take,
    /// `HEAD /`: the head of the answer that a take would get now, and nothing taken.
    Peek,
    /// `/status`: how many are taken.
    Status,
    /// `/readyz`: does the store answer?
    Ready,
}

/// The value of an `Allow` field.
pub type Allow = &'static str;

const TAKE_METHODS: Allow = "GET, HEAD, POST, OPTIONS";
const LOOK_METHODS: Allow = "GET, HEAD, OPTIONS";

/// The route of a request. `path` has no query; `*` is the asterisk-form of OPTIONS
/// (RFC 9112, section 3.2.4).
///
/// An unknown method is 501 whatever the path, for no path has it (RFC 9110, section 9.1). With a
/// known one, a path that does not exist is 404, and a path without that method is 405.
pub fn route(method: Method, path: &[u8]) -> Route {
    match path {
        b"/" => match method {
            Method::Get | Method::Post => Route::Store(Question::Take),
            Method::Head => Route::Store(Question::Peek),
            Method::Options => Route::Options(TAKE_METHODS),
            Method::Other => Route::MethodNotAllowed(TAKE_METHODS),
            Method::Unknown => Route::NotImplemented,
        },
        b"/status" => look(method, Route::Store(Question::Status)),
        b"/readyz" => look(method, Route::Store(Question::Ready)),
        b"/livez" => look(method, Route::Alive),
        b"*" if method == Method::Options => Route::Options(TAKE_METHODS),
        _ if method == Method::Unknown => Route::NotImplemented,
        _ => Route::NotFound,
    }
}

fn look(method: Method, route: Route) -> Route {
    match method {
        Method::Get | Method::Head => route,
        Method::Options => Route::Options(LOOK_METHODS),
        Method::Post | Method::Other => Route::MethodNotAllowed(LOOK_METHODS),
        Method::Unknown => Route::NotImplemented,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_get_and_post_on_the_root_take_a_number() {
        let known = [Method::Get, Method::Post, Method::Head, Method::Options, Method::Other];
        let methods = known.into_iter().chain([Method::Unknown]);
        let paths: [&[u8]; 7] = [b"/", b"/status", b"/readyz", b"/livez", b"*", b"//", b""];
        for method in methods {
            for path in paths {
                let takes = route(method, path) == Route::Store(Question::Take);
                let may_take = path == b"/" && matches!(method, Method::Get | Method::Post);
                assert_eq!(takes, may_take, "{method:?} {path:?}");
            }
        }
    }

    #[test]
    fn a_known_path_refuses_other_methods_and_names_its_own() {
        let refused = Route::MethodNotAllowed(LOOK_METHODS);
        assert_eq!(route(Method::Post, b"/status"), refused);
        assert_eq!(route(Method::Other, b"/livez"), refused);
        let refused = Route::MethodNotAllowed(TAKE_METHODS);
        assert_eq!(route(Method::Other, b"/"), refused);
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
