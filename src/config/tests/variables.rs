//! Variables that are no settings.

use super::*;

#[test]
fn a_variable_that_is_no_setting_is_refused_with_a_suggestion() {
    let hidden = "unknown variable HEADCOUNT_... (its name is not shown); see --help";
    let table = [
        ("HEADCOUNT_LIMT", "unknown variable HEADCOUNT_LIMT; did you mean HEADCOUNT_LIMIT?"),
        ("HEADCOUNT_LIMITS", "unknown variable HEADCOUNT_LIMITS; did you mean HEADCOUNT_LIMIT?"),
        (
            "HEADCOUNT_STORE_URL",
            "unknown variable HEADCOUNT_STORE_URL; did you mean HEADCOUNT_STORE_URL_FILE?",
        ),
        ("HEADCOUNT_VERBOSE", "unknown variable HEADCOUNT_VERBOSE; see --help"),
        ("HEADCOUNT_RESET", "unknown variable HEADCOUNT_RESET; see --help"),
        ("HEADCOUNT_TAKEN", "unknown variable HEADCOUNT_TAKEN; see --help"),
        ("HEADCOUNT_limit", "unknown variable HEADCOUNT_limit; see --help"),
        ("HEADCOUNT_", "unknown variable HEADCOUNT_; see --help"),
        ("HEADCOUNT_\u{1b}[31m", hidden),
        ("HEADCOUNT_:s3cret@h", hidden),
    ];
    for (name, expected) in table {
        for arguments in [&[][..], &["serve"], &["status"], &["probe"]] {
            assert_eq!(error(arguments, &[(name, "1")]), expected, "{arguments:?}");
        }
    }
    let name = OsString::from_vec(b"HEADCOUNT_\xff".to_vec());
    let parsed = Config::parse([], [(name, "1".into())], no_file, CORES);
    assert_eq!(parsed.unwrap_err().to_string(), hidden);
}

#[test]
fn the_service_links_of_kubernetes_and_what_is_not_ours_are_ignored() {
    let names = [
        "HEADCOUNT_SERVICE_HOST",
        "HEADCOUNT_SERVICE_PORT",
        "HEADCOUNT_SERVICE_PORT_HTTP",
        "HEADCOUNT_PORT",
        "HEADCOUNT_PORT_8080_TCP",
        "HEADCOUNT_PORT_8080_TCP_ADDR",
        "HEADCOUNT_PORT_8080_TCP_PORT",
        "HEADCOUNT_PORT_8080_TCP_PROTO",
        "HEADCOUNT_REDIS_SERVICE_HOST",
        "HEADCOUNT_REDIS_SERVICE_PORT",
        "HEADCOUNT_REDIS_PORT_6379_TCP_ADDR",
        "HEADCOUNTS_LIMIT",
        "HEADCOUNT",
        "headcount_limt",
        "LIMIT",
        "",
    ];
    for name in names {
        assert_eq!(config(&[], &[(name, "tcp://10.0.0.1:8080")]), defaults(), "{name}");
    }
}

#[test]
fn a_wrong_argument_is_said_before_a_wrong_variable() {
    let error = error(&["--limt"], &[("HEADCOUNT_NONSENSE", "1")]);
    assert_eq!(error, "unknown flag --limt; did you mean --limit?");
}

#[test]
fn a_flag_without_a_value_has_a_variable_that_is_true_or_false() {
    let on = Config { is_audited: true, ..defaults() };
    assert_eq!(config(&["--audit"], &[]), on);
    assert_eq!(config(&[], &[("HEADCOUNT_AUDIT", "true")]), on);
    assert_eq!(config(&[], &[("HEADCOUNT_AUDIT", "false")]), defaults());
    assert_eq!(config(&["--audit"], &[("HEADCOUNT_AUDIT", "false")]), on);
    for wrong in ["1", "yes", "True"] {
        let expected =
            format!("HEADCOUNT_AUDIT: invalid value \"{wrong}\": expected true or false");
        assert_eq!(error(&[], &[("HEADCOUNT_AUDIT", wrong)]), expected);
    }
}
