//! Whose pages may take.

use super::*;

#[test]
fn origins_are_repeated_flags_or_a_list_with_commas() {
    let expected = ["https://shop.example", "http://localhost:3000"];
    let flags = ["--allow-origin", expected[0], "--allow-origin=http://localhost:3000"];
    assert_eq!(config(&flags, &[]).allow_origins, expected);
    let list = ("HEADCOUNT_ALLOW_ORIGIN", "https://shop.example,http://localhost:3000");
    assert_eq!(config(&[], &[list]).allow_origins, expected);
    assert_eq!(config(&["--allow-origin", "*"], &[list]).allow_origins, ["*"]);
    assert!(config(&[], &[("HEADCOUNT_ALLOW_ORIGIN", "")]).allow_origins.is_empty());
}

#[test]
fn one_wrong_origin_of_a_list_is_refused() {
    for list in ["https://a,", "https://a, https://b", "https://a,https://b/"] {
        let error = error(&[], &[("HEADCOUNT_ALLOW_ORIGIN", list)]);
        assert!(error.starts_with("HEADCOUNT_ALLOW_ORIGIN: invalid value "), "{error}");
    }
    assert!(error(&["--allow-origin", "https://a,https://b"], &[]).starts_with("--allow-origin: "));
    assert!(error(&["--allow-origin="], &[]).starts_with("--allow-origin: invalid value \"\""));
}

#[test]
fn a_hundred_origins_are_allowed_and_no_more() {
    let origins: Vec<String> = (0..101).map(|number| format!("https://s{number}")).collect();
    let most = origins[..100].join(",");
    assert_eq!(config(&[], &[("HEADCOUNT_ALLOW_ORIGIN", &most)]).allow_origins.len(), 100);
    let error = error(&[], &[("HEADCOUNT_ALLOW_ORIGIN", &origins.join(","))]);
    assert_eq!(error, "HEADCOUNT_ALLOW_ORIGIN: too many origins: expected 100 or fewer");
}

#[test]
fn the_field_of_the_key_is_named_like_one() {
    let named = Config { key_header: "X-Buyer".to_owned(), is_key_required: true, ..defaults() };
    assert_eq!(config(&["--key-header", "X-Buyer", "--require-key"], &[]), named);
    let variables = [("HEADCOUNT_KEY_HEADER", "X-Buyer"), ("HEADCOUNT_REQUIRE_KEY", "true")];
    assert_eq!(config(&[], &variables), named);
    for wrong in ["", "X Buyer", "X-Buyer:", "K\u{e4}ufer", &"x".repeat(65)] {
        let error = error(&["--key-header", wrong], &[]);
        assert!(error.contains("the name of a header field"), "{error}");
    }
}

#[test]
fn a_field_that_means_something_else_has_no_key() {
    for other in ["Host", "content-length", "Transfer-Encoding", "Origin", "Sec-Fetch-Site"] {
        let error = error(&["--key-header", other], &[]);
        assert!(error.contains("the name of a header field"), "{error}");
    }
}
