//! Requests at the admin listener as a table.

use super::*;
use crate::counter::CounterId;
use crate::http::parse;

const TOKEN: &str = "0123456789abcdef";

fn rules() -> AdminRules {
    AdminRules { token: Some(TOKEN.as_bytes().to_vec()), is_loopback: true }
}

/// The route of a request with these lines, `Host` among them.
fn routed(line: &str, fields: &str, rules: &AdminRules) -> Route {
    let bytes = format!("{line} HTTP/1.1\r\n{fields}\r\n").into_bytes();
    let (request, _) = parse(&bytes).expect("it keeps the rules").expect("it is whole");
    let counters = CounterNames::new(["shoes", "hats"].into_iter());
    route(&request, &counters, rules)
}

fn refused(refusal: AdminRefusal) -> Route {
    Route::Admin(AdminRoute::Refused(refusal))
}

#[test]
fn each_path_has_its_route_and_its_methods() {
    let read = "GET, HEAD, OPTIONS";
    let hats = CounterId(1);
    let rows = [
        ("GET /", Route::Admin(AdminRoute::Page)),
        ("HEAD /metrics", Route::Admin(AdminRoute::Metrics)),
        ("GET /metrics?x=1", Route::Admin(AdminRoute::Metrics)),
        ("GET /counters", Route::Admin(AdminRoute::List)),
        ("GET /counters/hats", Route::Admin(AdminRoute::Counter(hats))),
        ("GET /livez", Route::Alive),
        ("GET /readyz", Route::Ready),
        ("POST /counters", Route::MethodNotAllowed(read)),
        ("POST /counters/hats", Route::MethodNotAllowed(COUNTER_METHODS)),
        ("GET /counters/hats/reset", Route::MethodNotAllowed(RESET_METHODS)),
        ("DELETE /counters/hats", Route::MethodNotAllowed(COUNTER_METHODS)),
        ("OPTIONS /counters/hats", Route::Options(COUNTER_METHODS)),
        ("BREW /counters/hats", Route::NotImplemented),
        ("BREW /counters/caps", Route::NotImplemented),
        ("BREW /nowhere", Route::NotImplemented),
        ("GET /counters/caps", refused(AdminRefusal::NoCounter)),
        ("GET /counters/", refused(AdminRefusal::NoCounter)),
        ("POST /counters/reset", refused(AdminRefusal::NoCounter)),
        ("GET /take/hats", Route::NotFound),
        ("GET /status", Route::NotFound),
        ("POST /", Route::MethodNotAllowed(read)),
        ("OPTIONS *", Route::Options(COUNTER_METHODS)),
    ];
    for (line, expected) in rows {
        assert_eq!(routed(line, "Host: localhost\r\n", &rules()), expected, "{line}");
    }
}

#[test]
fn a_loopback_listener_answers_names_of_this_machine_alone() {
    let own = ["localhost", "LOCALHOST:9080", "127.0.0.1", "127.9.9.9:1", "[::1]:9080", "[::1]"];
    for host in own.into_iter().chain(["[::ffff:127.0.0.1]"]) {
        let fields = format!("Host: {host}\r\n");
        let page = Route::Admin(AdminRoute::Page);
        assert_eq!(routed("GET /", &fields, &rules()), page, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:9080", "10.0.0.1", "[::2]", "", "127.1"] {
        let fields = format!("Host: {host}\r\n");
        let foreign = refused(AdminRefusal::ForeignHost);
        assert_eq!(routed("GET /counters", &fields, &rules()), foreign, "{host}");
        let elsewhere = AdminRules { is_loopback: false, ..rules() };
        let list = Route::Admin(AdminRoute::List);
        assert_eq!(routed("GET /counters", &fields, &elsewhere), list, "{host}");
    }
}

#[test]
fn a_change_needs_the_token_and_json_and_no_other_origin() {
    let json = "Content-Type: application/json\r\n";
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let rows = [
        (format!("{json}{token}"), Route::Admin(AdminRoute::Set(CounterId::FIRST))),
        (
            format!("content-type: Application/JSON;q=1\r\nauthorization: bearer  {TOKEN} \r\n"),
            Route::Admin(AdminRoute::Set(CounterId::FIRST)),
        ),
        (
            format!("{json}{token}Sec-Fetch-Site: same-origin\r\n"),
            Route::Admin(AdminRoute::Set(CounterId::FIRST)),
        ),
        (format!("{json}{token}Sec-Fetch-Site: same-site\r\n"), refused(AdminRefusal::CrossSite)),
        (format!("{json}{token}Sec-Fetch-Site: cross-site\r\n"), refused(AdminRefusal::CrossSite)),
        (
            format!("{json}{token}Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n"),
            refused(AdminRefusal::CrossSite),
        ),
        (json.to_owned(), refused(AdminRefusal::Unauthorized)),
        (format!("{json}{token}{token}"), refused(AdminRefusal::Unauthorized)),
        (format!("{json}Authorization: Bearer {TOKEN}x\r\n"), refused(AdminRefusal::Unauthorized)),
        (format!("{json}Authorization: Basic {TOKEN}\r\n"), refused(AdminRefusal::Unauthorized)),
        (format!("{json}Authorization: {TOKEN}\r\n"), refused(AdminRefusal::Unauthorized)),
        (format!("{json}Authorization: Bearer \r\n"), refused(AdminRefusal::Unauthorized)),
        (token.clone(), refused(AdminRefusal::NotJson)),
        (format!("{token}Content-Type: text/plain\r\n"), refused(AdminRefusal::NotJson)),
    ];
    for (fields, expected) in rows {
        let fields = format!("Host: localhost\r\n{fields}");
        assert_eq!(routed("PUT /counters/shoes", &fields, &rules()), expected, "{fields}");
    }
}

#[test]
fn without_a_token_nothing_is_changed() {
    let rules = AdminRules { token: None, is_loopback: true };
    let fields = "Host: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer \r\n";
    let no_token = refused(AdminRefusal::NoToken);
    assert_eq!(routed("PUT /counters/shoes", fields, &rules), no_token);
    assert_eq!(routed("POST /counters/shoes/reset", fields, &rules), no_token);
}
