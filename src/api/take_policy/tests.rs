//! The rules as tables: the fields of a request, and whether it takes.

use super::*;
use crate::http;

const SHOP: &str = "https://shop.example";
const OK: Result<(), TakeRefusal> = Ok(());
const PREFETCH: Result<(), TakeRefusal> = Err(TakeRefusal::Prefetch);
const ORIGIN: Result<(), TakeRefusal> = Err(TakeRefusal::Origin);

fn policy(origins: &[&str]) -> TakePolicy {
    let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
    TakePolicy::new(&[Method::Get, Method::Post], &origins, KeyRules::default())
}

/// Judges a request with these fields, a Host among them. A `|` is the end of a field.
fn judge(policy: &TakePolicy, method: &str, fields: &str) -> Result<(), TakeRefusal> {
    let fields: Vec<&str> = fields.split('|').filter(|field| !field.is_empty()).collect();
    let head = format!("{method} / HTTP/1.1\r\n{}\r\n\r\n", fields.join("\r\n"));
    judge_bytes(policy, head.as_bytes())
}

fn judge_bytes(policy: &TakePolicy, head: &[u8]) -> Result<(), TakeRefusal> {
    let parsed = http::parse(head).expect("it keeps the rules");
    let (request, _) = parsed.expect("it is whole");
    policy.judge(&request)
}

/// Of one field beside Host, for GET and POST.
fn assert_both(policy: &TakePolicy, rows: &[(&str, Result<(), TakeRefusal>)]) {
    for (fields, expected) in rows {
        for method in ["GET", "POST"] {
            let judged = judge(policy, method, &format!("Host: shop.example|{fields}"));
            assert_eq!(judged, *expected, "{method} {fields}");
        }
    }
}

#[test]
fn a_request_without_the_fields_of_a_browser_takes() {
    let rows = [("", OK), ("Accept: */*|User-Agent: curl/8|Sec-Fetch-Mode: cors", OK)];
    assert_both(&policy(&[]), &rows);
    assert_both(&policy(&[SHOP]), &rows);
}

#[test]
fn a_prefetch_takes_nothing_in_whatever_way_it_is_said() {
    let rows = [
        ("Sec-Purpose: prefetch", PREFETCH),
        ("sec-purpose: PreFetch", PREFETCH),
        ("Sec-Purpose: prefetch;prerender", PREFETCH),
        ("Sec-Purpose: prefetch; anonymous-client-ip", PREFETCH),
        ("Sec-Purpose: prerender, prefetch", PREFETCH),
        ("Sec-Purpose: prerender;prefetch", PREFETCH),
        ("Sec-Purpose: a|Sec-Purpose: b|Sec-Purpose: prefetch", PREFETCH),
        ("Purpose: prefetch", PREFETCH),
        ("Purpose: \"prefetch\"", PREFETCH),
        ("X-Moz: prefetch", PREFETCH),
        ("Purpose: |X-Moz: prefetch", PREFETCH),
        ("Sec-Purpose: prefetch|Sec-Fetch-Site: same-origin", PREFETCH),
        ("Sec-Purpose: ", OK),
        ("Sec-Purpose: prerender", OK),
        ("Purpose: prefetched", OK),
        ("Purpose: no-prefetch", OK),
        ("Purpose: pre fetch", OK),
        ("X-Moz: livebookmarks", OK),
        ("X-Purpose: prefetch", OK),
    ];
    assert_both(&policy(&[]), &rows);
    for origins in [[SHOP], ["*"]] {
        let prefetch = format!("Sec-Purpose: prefetch|Origin: {SHOP}");
        assert_both(&policy(&origins), &[(&prefetch, PREFETCH)]);
    }
}

#[test]
fn the_own_origin_and_the_user_take_and_other_sites_do_not() {
    let rows = [
        ("Sec-Fetch-Site: same-origin", OK),
        ("Sec-Fetch-Site: none", OK),
        ("sec-fetch-site: Same-Origin", OK),
        ("Sec-Fetch-Site: same-origin|Origin: null", OK),
        ("Sec-Fetch-Site: same-site", ORIGIN),
        ("Sec-Fetch-Site: cross-site", ORIGIN),
        ("Sec-Fetch-Site: cross-site|Origin: https://shop.example", ORIGIN),
        ("Sec-Fetch-Site: ", ORIGIN),
        ("Sec-Fetch-Site: cross-origin", ORIGIN),
        ("Sec-Fetch-Site: same-origin, none", ORIGIN),
        ("Sec-Fetch-Site: \"same-origin\"", ORIGIN),
        ("Sec-Fetch-Site: same-origin|Sec-Fetch-Site: same-origin", ORIGIN),
        ("Sec-Fetch-Site: none|Sec-Fetch-Site: cross-site", ORIGIN),
        ("Sec-Fetch-Site: none|Origin: https://a|Origin: https://a", ORIGIN),
    ];
    assert_both(&policy(&[]), &rows);
}

#[test]
fn a_link_from_another_site_takes_where_it_opens_a_page() {
    let page = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document";
    let rows = [
        (page, OK),
        ("sec-fetch-mode: NAVIGATE|sec-fetch-dest: Document", OK),
        ("Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe", ORIGIN),
        ("Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: frame", ORIGIN),
        ("Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: embed", ORIGIN),
        ("Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: document", ORIGIN),
        ("Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image", ORIGIN),
        ("Sec-Fetch-Mode: navigate", ORIGIN),
        ("Sec-Fetch-Dest: document", ORIGIN),
        ("Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document|Sec-Fetch-Dest: document", ORIGIN),
        ("Sec-Fetch-Mode: navigate|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: document", ORIGIN),
    ];
    for site in ["same-site", "cross-site"] {
        for (fields, expected) in rows {
            let fields = format!("Host: shop.example|Sec-Fetch-Site: {site}|{fields}");
            assert_eq!(judge(&policy(&[]), "GET", &fields), expected, "{fields}");
            assert_eq!(judge(&policy(&[]), "POST", &fields), ORIGIN, "POST: a form: {fields}");
        }
    }
    let unknown = format!("Host: a|Sec-Fetch-Site: elsewhere|{page}");
    assert_eq!(judge(&policy(&[]), "GET", &unknown), ORIGIN);
}

#[test]
fn without_fetch_metadata_an_origin_must_be_of_the_host() {
    let rows = [
        ("shop.example", "https://shop.example", OK),
        ("shop.example", "http://shop.example", OK),
        ("shop.example", "http://shop.example:80", OK),
        ("shop.example", "https://shop.example:443", OK),
        ("shop.example:443", "https://shop.example", OK),
        ("shop.example:80", "http://shop.example", OK),
        ("shop.example:", "https://shop.example", OK),
        ("SHOP.example", "https://shop.EXAMPLE", OK),
        ("shop.example:8443", "https://shop.example:8443", OK),
        ("shop.example:08443", "https://shop.example:8443", OK),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", OK),
        ("[::1]:8080", "http://[::1]:8080", OK),
        ("[0:0::1]", "http://[::1]", OK),
        ("[::1]:443", "https://[::1]", OK),
        ("shop.example:80", "https://shop.example", ORIGIN),
        ("shop.example", "https://shop.example:8443", ORIGIN),
        ("shop.example:8443", "https://shop.example", ORIGIN),
        ("[::1]:8080", "http://[::2]:8080", ORIGIN),
        ("[::1]:8080", "http://::1:8080", ORIGIN),
        ("localhost:8080", "http://127.0.0.1:8080", ORIGIN),
        ("shop.example", "https://www.shop.example", ORIGIN),
        ("shop.example", "https://shop.example.evil.example", ORIGIN),
        ("shop.example", "https://shop.example@evil.example", ORIGIN),
        ("shop.example", "https://evil.example@shop.example", ORIGIN),
        ("shop.example", "https://shop.example/", ORIGIN),
        ("shop.example", "https://shop.example:x", ORIGIN),
        ("shop.example", "https://shop.example:99999", ORIGIN),
        ("shop.example:99999", "https://shop.example:99999", ORIGIN),
        ("shop.example", "https://shop.example, https://shop.example", ORIGIN),
        ("shop.example", "https://shop.example https://a", ORIGIN),
        ("shop.example", "HTTPS://shop.example", ORIGIN),
        ("shop.example", "ftp://shop.example", ORIGIN),
        ("shop.example", "shop.example", ORIGIN),
        ("shop.example", "", ORIGIN),
        ("null", "null", ORIGIN),
        ("", "https://", ORIGIN),
        ("", "null", ORIGIN),
        (":443", "https://:443", ORIGIN),
    ];
    for (host, origin, expected) in rows {
        for method in ["GET", "POST"] {
            let judged = judge(&policy(&[]), method, &format!("Host: {host}|Origin: {origin}"));
            assert_eq!(judged, expected, "{method} {origin} at {host}");
        }
    }
    let repeated = [(format!("Origin: {SHOP}|Origin: {SHOP}"), ORIGIN)];
    assert_both(&policy(&[SHOP]), &repeated.each_ref().map(|(it, to)| (it.as_str(), *to)));
}

/// A field's value may have bytes beyond ASCII (RFC 9110, section 5.5), and HTTP/1.0 no Host.
#[test]
fn bytes_beyond_ascii_and_a_missing_host_are_no_origin_of_ours() {
    let heads = [
        &b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://\xff\xfe\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://a\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://a:\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://[\xff]\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\xa0\r\n\r\n",
        b"GET / HTTP/1.0\r\nOrigin: https://a\r\n\r\n",
        b"POST / HTTP/1.0\r\nOrigin: null\r\n\r\n",
    ];
    for head in heads {
        let judged = judge_bytes(&policy(&[SHOP]), head);
        assert_eq!(judged, ORIGIN, "{}", head.escape_ascii());
    }
    let purpose = b"GET / HTTP/1.1\r\nHost: a\r\nPurpose: \xff,prefetch\r\n\r\n";
    assert_eq!(judge_bytes(&policy(&[]), purpose), PREFETCH);
}

#[test]
fn an_allowed_origin_takes_from_anywhere() {
    let policy = policy(&[SHOP, "http://localhost:3000"]);
    let rows = [
        ("Origin: https://shop.example|Sec-Fetch-Site: cross-site", OK),
        ("Origin: http://localhost:3000|Sec-Fetch-Site: same-site", OK),
        ("Origin: http://localhost:3000", OK),
        ("Origin: https://other.example|Sec-Fetch-Site: cross-site", ORIGIN),
        ("Origin: https://other.example", ORIGIN),
        ("Origin: null|Sec-Fetch-Site: cross-site", ORIGIN),
        ("Origin: http://localhost:3000|Origin: http://localhost:3000", ORIGIN),
        ("Origin: https://shop.example|Origin: https://other.example", ORIGIN),
        // An image of an allowed page: it says no Origin.
        ("Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image", ORIGIN),
    ];
    assert_both(&policy, &rows);
}

#[test]
fn a_star_turns_the_check_of_origins_off_and_no_other() {
    let rows = [
        ("Origin: https://other.example|Sec-Fetch-Site: cross-site", OK),
        ("Origin: null", OK),
        ("Sec-Fetch-Site: cross-site|Sec-Fetch-Site: what", OK),
        ("Sec-Fetch-Site: cross-site|Sec-Purpose: prefetch", PREFETCH),
    ];
    assert_both(&policy(&["*"]), &rows);
    let post = TakePolicy::new(&[Method::Post], &["*".to_owned()], KeyRules::default());
    let refused = Err(TakeRefusal::Method("HEAD, POST, OPTIONS"));
    assert_eq!(judge(&post, "GET", "Host: a"), refused);
}

#[test]
fn only_the_methods_that_are_chosen_take() {
    let both = TakePolicy::default();
    let get = TakePolicy::new(&[Method::Get], &[], KeyRules::default());
    let post = TakePolicy::new(&[Method::Post], &[], KeyRules::default());
    let only = |allow| Err(TakeRefusal::Method(allow));
    let rows = [
        (&both, "GET", OK),
        (&both, "POST", OK),
        (&get, "GET", OK),
        (&get, "POST", only("GET, HEAD, OPTIONS")),
        (&post, "GET", only("HEAD, POST, OPTIONS")),
        (&post, "POST", OK),
    ];
    for (policy, method, expected) in rows {
        assert_eq!(judge(policy, method, "Host: a"), expected, "{method} {policy:?}");
    }
    assert_eq!(both.allow(), "GET, HEAD, POST, OPTIONS");
    // The method comes first: it is what the client can change.
    assert_eq!(judge(&post, "GET", "Host: a|Purpose: prefetch"), only("HEAD, POST, OPTIONS"));
}
