//! The admin listener: (method, path) -> what to do, once it may be done.

pub mod answer;
pub mod change;
pub mod rules;

use crate::api::route::{self, Route};
use crate::api::take_policy::Allow;
use crate::counter::CounterNames;
use crate::http::{Method, Request};
use rules::{AdminRefusal, AdminRoute, AdminRules};

const COUNTER_METHODS: Allow = "GET, HEAD, PUT, OPTIONS";
const RESET_METHODS: Allow = "POST, OPTIONS";

/// The route of a request at the admin listener.
pub fn route(request: &Request<'_>, counters: &CounterNames, rules: &AdminRules) -> Route {
    if let Err(refusal) = rules.check_host(request.fields) {
        return Route::Admin(AdminRoute::Refused(refusal));
    }
    let read_only = |route| route::read_only(request.method, route);
    match request.path {
        b"/" => read_only(Route::Admin(AdminRoute::Page)),
        b"/metrics" => read_only(Route::Admin(AdminRoute::Metrics)),
        b"/counters" => read_only(Route::Admin(AdminRoute::List)),
        b"/livez" => read_only(Route::Alive),
        b"/readyz" => read_only(Route::Ready),
        b"*" if request.method == Method::Options => Route::Options(COUNTER_METHODS),
        path => match path.strip_prefix(b"/counters/") {
            Some(name) => counter_route(request, name, counters, rules),
            None if request.method == Method::Unknown => Route::NotImplemented,
            None => Route::NotFound,
        },
    }
}

fn counter_route(
    request: &Request<'_>,
    name: &[u8],
    counters: &CounterNames,
    rules: &AdminRules,
) -> Route {
    let (name, is_reset) = match name.strip_suffix(b"/reset") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let Some(counter) = counters.find(name) else {
        return match request.method {
            Method::Unknown => Route::NotImplemented,
            _ => Route::Admin(AdminRoute::Refused(AdminRefusal::NoCounter)),
        };
    };
    let allow = if is_reset { RESET_METHODS } else { COUNTER_METHODS };
    let changed = |route| {
        let allowed = rules.check_change(request.fields).map(|()| route);
        Route::Admin(allowed.unwrap_or_else(AdminRoute::Refused))
    };
    match (request.method, is_reset) {
        (Method::Get | Method::Head, false) => Route::Admin(AdminRoute::Counter(counter)),
        (Method::Put, false) => changed(AdminRoute::Set(counter)),
        (Method::Post, true) => changed(AdminRoute::Reset(counter)),
        (Method::Options, _) => Route::Options(allow),
        (Method::Unknown, _) => Route::NotImplemented,
        _ => Route::MethodNotAllowed(allow),
    }
}

#[cfg(test)]
mod tests;
