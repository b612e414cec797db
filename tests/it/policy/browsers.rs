//! Takes as browsers send them, without any flag, and by `--take-methods`.

use super::{OTHER_ORIGIN, PREFETCH, ask, assert_statuses};
use crate::support::daemon::Daemon;

#[test]
fn only_what_a_person_or_the_own_page_asked_for_takes() {
    let daemon = Daemon::start(&[]);
    let page = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document";
    let rows = [
        ("GET", "Host: a".to_owned(), 200),
        ("POST", "Host: a|User-Agent: curl/8".to_owned(), 200),
        ("GET", format!("Host: a|Sec-Fetch-Site: none|{page}"), 200),
        ("GET", "Host: a|Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: cors".to_owned(), 200),
        ("POST", "Host: a|Sec-Fetch-Site: same-origin|Origin: http://a".to_owned(), 200),
        ("GET", format!("Host: a|Sec-Fetch-Site: cross-site|{page}"), 200),
        ("GET", "Host: a|Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: no-cors".to_owned(), 403),
        ("POST", format!("Host: a|Sec-Fetch-Site: cross-site|{page}"), 403),
        ("POST", "Host: a|Sec-Fetch-Site: same-site|Origin: http://b.a".to_owned(), 403),
        ("GET", format!("Host: a|Sec-Fetch-Site: none|Sec-Purpose: prefetch|{page}"), 403),
        ("GET", "Host: a|X-Moz: prefetch".to_owned(), 403),
        ("GET", "Host: a|Purpose: prefetch".to_owned(), 403),
        ("POST", "Host: shop.example|Origin: https://shop.example".to_owned(), 200),
        ("POST", "Host: shop.example:443|Origin: https://shop.example".to_owned(), 200),
        ("POST", "Host: [::1]:8080|Origin: http://[::1]:8080".to_owned(), 200),
        ("POST", "Host: shop.example|Origin: https://other.example".to_owned(), 403),
        ("POST", "Host: shop.example|Origin: null".to_owned(), 403),
    ];
    assert_statuses(&daemon, &rows.each_ref().map(|(method, it, to)| (*method, &**it, *to)));
}

#[test]
fn a_refusal_says_why_and_the_connection_goes_on() {
    let daemon = Daemon::start(&["--counter", "shoes", "--counter", "hats"]);
    let mut client = daemon.client();
    for target in ["/", "/take/hats", "/?x=1"] {
        let answer = ask(&mut client, "GET", target, "Host: a|Sec-Purpose: prefetch;prerender");
        assert_eq!((answer.status, answer.body.as_str()), (403, PREFETCH));
        assert_eq!(answer.field("Cache-Control"), Some("no-store"));
        let answer = ask(&mut client, "POST", target, "Host: a|Origin: https://b");
        assert_eq!((answer.status, answer.body.as_str()), (403, OTHER_ORIGIN));
    }
    assert_eq!(client.get("/take/hats").number(), Some(1));
    let fields = "Host: a|Origin: https://b|Content-Length: 5|Expect: 100-continue";
    client.send(super::head("POST", "/", fields).as_bytes());
    assert_eq!(client.receive_to("HEAD").status, 100);
    client.send(b"hello");
    assert_eq!(client.receive().status, 403, "the body was read past");
    assert_eq!(client.get("/take/shoes").number(), Some(1));
}

#[test]
fn what_takes_nothing_is_not_judged() {
    let daemon = Daemon::start(&["--take-methods", "POST"]);
    let mut client = daemon.client();
    let fields = "Host: a|Sec-Fetch-Site: cross-site|Origin: https://b|Purpose: prefetch";
    for target in ["/status", "/livez", "/readyz", "/readyz/default"] {
        assert_eq!(ask(&mut client, "GET", target, fields).status, 200, "{target}");
    }
    for target in ["/", "/status", "/take/default"] {
        assert_eq!(ask(&mut client, "HEAD", target, fields).status, 200, "{target}");
        assert_eq!(ask(&mut client, "OPTIONS", target, fields).status, 204, "{target}");
    }
    assert_eq!(ask(&mut client, "GET", "/nowhere", fields).status, 404);
    assert_eq!(ask(&mut client, "GET", "/take/nobody", fields).status, 404);
    assert_eq!(daemon.taken(), 0);
}

#[test]
fn a_method_that_does_not_take_is_refused_and_the_others_are_named() {
    for (methods, refused, takes, allow) in [
        ("POST", "GET", "POST", "HEAD, POST, OPTIONS"),
        ("GET", "POST", "GET", "GET, HEAD, OPTIONS"),
    ] {
        let daemon = Daemon::start_with(&[], &[("HEADCOUNT_TAKE_METHODS", methods)]);
        let mut client = daemon.client();
        for target in ["/", "/take/default"] {
            let answer = client.request(refused, target);
            let body = r#"{"error":"method not allowed"}"#;
            assert_eq!((answer.status, answer.body.as_str()), (405, body));
            assert_eq!(answer.field("Allow"), Some(allow));
            for (method, status) in [("OPTIONS", 204), ("DELETE", 405)] {
                let answer = client.request(method, target);
                assert_eq!((answer.status, answer.field("Allow")), (status, Some(allow)));
            }
            assert_eq!(client.request("HEAD", target).status, 200);
        }
        assert_eq!(client.request("OPTIONS", "*").field("Allow"), Some(allow));
        assert_eq!(client.get("/status").status, 200);
        assert_eq!(daemon.taken(), 0);
        assert_eq!(client.request(takes, "/").number(), Some(1));
    }
}

#[test]
fn a_star_leaves_prefetches_refused() {
    let daemon = Daemon::start(&["--allow-origin", "*"]);
    let rows = [
        ("GET", "Host: a|Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: no-cors", 200),
        ("POST", "Host: a|Origin: null", 200),
        ("GET", "Host: a|Sec-Fetch-Site: cross-site|Sec-Purpose: prefetch", 403),
    ];
    assert_statuses(&daemon, &rows);
}
