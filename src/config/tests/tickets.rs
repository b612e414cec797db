//! The tickets: their secret, their issuer, and how long they are good.

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// With a file that holds `secret`.
fn parse_with(secret: &[u8], flags: &[&str]) -> Result<Invocation, ConfigError> {
    let arguments = ["--ticket-secret-file", "/run/secret"].iter().chain(flags);
    let read_file = |path: &Path| {
        assert_eq!(path, Path::new("/run/secret"));
        Ok(secret.to_vec())
    };
    Config::parse(arguments.map(OsString::from), [], read_file, CORES)
}

fn tickets(secret: &[u8], flags: &[&str]) -> TicketConfig {
    match parse_with(secret, flags) {
        Ok(Invocation::Serve(config)) => config.tickets.expect("they are on"),
        other => panic!("{flags:?} gave {other:?}"),
    }
}

fn error_with(secret: &[u8], flags: &[&str]) -> String {
    parse_with(secret, flags).expect_err("it is wrong").to_string()
}

#[test]
fn a_secret_turns_tickets_on_and_one_line_end_is_not_part_of_it() {
    for end in ["", "\n", "\r\n"] {
        let tickets = tickets(format!("{SECRET}{end}").as_bytes(), &[]);
        assert_eq!(tickets.secret.bytes(), SECRET.as_bytes(), "{end:?}");
        assert_eq!((tickets.issuer.as_str(), tickets.ttl_s), ("headcount", Some(3_600)));
        assert!(!format!("{tickets:?}").contains(SECRET));
    }
    assert_eq!(tickets(&[0xff; 32], &[]).secret.bytes(), [0xff; 32], "any bytes");
    assert_eq!(tickets(&[b'x'; 65_536], &[]).secret.bytes().len(), 65_536);
}

#[test]
fn issuer_and_ttl_are_as_they_are_said() {
    let most = "i".repeat(128);
    for issuer in ["https://shop.example/queue", "a'b", &most] {
        assert_eq!(tickets(SECRET.as_bytes(), &["--ticket-issuer", issuer]).issuer, issuer);
    }
    for (ttl, expected) in [
        ("0", None),
        ("0s", None),
        ("1s", Some(1)),
        ("5000ms", Some(5)),
        ("90m", Some(5_400)),
        ("8760h", Some(31_536_000)),
    ] {
        assert_eq!(tickets(SECRET.as_bytes(), &["--ticket-ttl", ttl]).ttl_s, expected, "{ttl}");
    }
}

#[test]
fn a_wrong_secret_is_refused_and_not_shown() {
    let short = &SECRET[..31];
    let error = error_with(format!("{short}\n").as_bytes(), &[]);
    let expected = "--ticket-secret-file: the secret in \"/run/secret\" has 31 bytes: expected 32 \
        or more";
    assert_eq!(error, expected);
    let error = error_with(&[b'x'; 65_537], &[]);
    assert_eq!(error, "--ticket-secret-file: \"/run/secret\" has more than 65536 bytes");
    let error = super::error(&[], &[("HEADCOUNT_TICKET_SECRET_FILE", "/nowhere")]);
    assert!(
        error.starts_with("HEADCOUNT_TICKET_SECRET_FILE: cannot read \"/nowhere\": "),
        "{error}"
    );
}

#[test]
fn a_wrong_issuer_or_ttl_is_refused() {
    let long = "i".repeat(129);
    for issuer in ["", "a b", "a\"b", "a\\b", "é", "a\nb", &long] {
        let error = error_with(SECRET.as_bytes(), &["--ticket-issuer", issuer]);
        assert!(error.starts_with("--ticket-issuer: invalid value "), "{error}");
    }
    for ttl in ["", "1", "500ms", "1500ms", "8761h", "-1s", "1d"] {
        let error = error_with(SECRET.as_bytes(), &["--ticket-ttl", ttl]);
        let expected = format!(
            "--ticket-ttl: invalid value {ttl:?}: expected 0 for ever, or a duration from 1s to \
             8760h, such as 90s or 1h"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn issuer_and_ttl_alone_are_refused() {
    for (flag, value) in [("--ticket-issuer", "shop"), ("--ticket-ttl", "5s")] {
        let expected = format!("{flag}: only together with --ticket-secret-file");
        assert_eq!(error(&[flag, value], &[]), expected);
        let variable = variable(flag);
        let expected = format!("{variable}: only together with --ticket-secret-file");
        assert_eq!(error(&[], &[(&variable, value)]), expected);
    }
}
