//! `postgres://` with libpq's `sslmode` and what goes with it.

use super::{detail, outcome};
use crate::support::certificates::{Authority, Certificate};
use crate::support::daemon::{Daemon, run};
use crate::support::pgbouncer::Pgbouncer;
use crate::support::postgres_server::{PostgresServer, give_key_away};
use crate::support::process::free_port;

/// Who is let in where nobody is refused.
const EVERYBODY: &str = "host all all 127.0.0.1/32 trust";

fn start(
    authority: &Authority,
    certificate: &Certificate,
    access: &str,
    settings: &[&str],
) -> PostgresServer {
    give_key_away(&certificate.key);
    let tls = [
        "ssl=on".to_owned(),
        format!("ssl_ca_file={}", authority.file()),
        format!("ssl_cert_file={}", certificate.certificate),
        format!("ssl_key_file={}", certificate.key),
    ];
    let tls = tls.each_ref().map(String::as_str);
    PostgresServer::start_for(access, &[&tls[..], settings].concat())
}

/// A server without TLS, behind a pooler that wants it.
fn start_pooler(authority: &Authority) -> (PostgresServer, Pgbouncer) {
    let certificate = authority.issue("server", "DNS:localhost", 1);
    give_key_away(&certificate.key);
    let server = PostgresServer::start();
    let settings = format!(
        "client_tls_sslmode = require\nclient_tls_cert_file = {}\nclient_tls_key_file = {}",
        certificate.certificate, certificate.key
    );
    let pooler = Pgbouncer::start_with(&server, "transaction", &settings);
    (server, pooler)
}

/// The URL with these parameters.
fn url(server: &PostgresServer, host: &str, query: &str) -> String {
    format!("postgres://postgres@{host}:{}/postgres?{query}", server.port())
}

/// Whether the program's sessions are encrypted, as the server sees it.
fn is_encrypted(server: &PostgresServer) -> bool {
    let sessions = "pg_stat_ssl join pg_stat_activity using (pid)";
    let those = "application_name = 'headcount'";
    server.sql(&format!("select bool_and(ssl) from {sessions} where {those}")) == "t"
}

#[test]
fn each_sslmode_is_what_it_is_in_libpq() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let ca = authority.file();
    for (protocol, version) in [("TLSv1.3", "TLS 1.3"), ("TLSv1.2", "TLS 1.2")] {
        let setting = format!("ssl_max_protocol_version={protocol}");
        let server = start(&authority, &certificate, EVERYBODY, &[&setting]);
        for (host, query, expected) in [
            ("localhost", "sslmode=disable".to_owned(), "not said"),
            ("localhost", "sslmode=allow".to_owned(), "none: the connection is not encrypted"),
            ("127.0.0.1", String::new(), "certificate is not verified"),
            ("127.0.0.1", "sslmode=require".to_owned(), "certificate is not verified"),
            ("127.0.0.1", format!("sslmode=require&sslrootcert={ca}"), "issuer of the server's"),
            ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ca}"), "issuer of the server's"),
            (
                "localhost",
                format!("sslmode=verify-full&sslrootcert={ca}"),
                "server's certificate is",
            ),
        ] {
            let url = url(&server, host, &query);
            let tls = outcome(&url);
            assert!(tls.contains(expected), "{url}: {tls}");
            let daemon = Daemon::start_with_store(&url, &["--threads=1"]);
            assert_eq!(is_encrypted(&server), tls.starts_with(version), "{url}: {tls}");
            drop(daemon);
        }
    }
}

#[test]
fn a_server_without_tls_is_told_from_one_with_it() {
    let server = PostgresServer::start();
    for mode in ["allow", "prefer"] {
        let tls = outcome(&url(&server, "localhost", &format!("sslmode={mode}")));
        assert_eq!(tls, "none: the connection is not encrypted");
    }
    let words = detail(&url(&server, "localhost", "sslmode=require"), "tls");
    assert!(words.contains("set ssl=on there, or sslmode=prefer"), "{words}");
}

#[test]
fn each_wrong_certificate_has_words_of_its_own() {
    let [authority, other] = [Authority::create(), Authority::create()];
    let expired = authority.issue("expired", "DNS:localhost", -1);
    let server = start(&authority, &expired, EVERYBODY, &[]);
    let query = format!("sslmode=verify-ca&sslrootcert={}", authority.file());
    let words = detail(&url(&server, "localhost", &query), "tls");
    assert!(words.contains("has expired"), "{words}");
    let good = authority.issue("server", "DNS:localhost", 1);
    let server = start(&authority, &good, EVERYBODY, &[]);
    for (root, expected) in [
        (authority.file(), "is not for 127.0.0.1, but for localhost"),
        (other.file(), "sslrootcert=FILE in --store"),
    ] {
        let query = format!("sslmode=verify-full&sslrootcert={root}");
        let words = detail(&url(&server, "127.0.0.1", &query), "tls");
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn allow_and_prefer_go_the_other_way_where_the_server_wants_that() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let encrypted = "hostssl all all 127.0.0.1/32 trust";
    let server = start(&authority, &certificate, encrypted, &[]);
    let tls = outcome(&url(&server, "localhost", "sslmode=allow"));
    assert!(tls.contains("certificate is not verified"), "{tls}");
    let words = detail(&url(&server, "localhost", "sslmode=disable"), "authentication");
    assert!(words.contains("no encryption"), "{words}");
    let plain = "hostnossl all all 127.0.0.1/32 trust";
    let server = start(&authority, &certificate, plain, &[]);
    let tls = outcome(&url(&server, "localhost", "sslmode=prefer"));
    assert_eq!(tls, "none: the connection is not encrypted");
    let url = url(&server, "localhost", "sslmode=prefer");
    let made = run(&["create", "sale", "--limit", "5", "--store", &url], &[]);
    assert_eq!(made.stdout, ["counter sale created: 0 of 5 taken"], "{made:?}");
}

/// It refuses a login without TLS with `08P01`, which says nothing of a login.
#[test]
fn allow_finds_its_way_to_a_pooler_that_wants_tls() {
    let authority = Authority::create();
    let (_server, pooler) = start_pooler(&authority);
    let tls = outcome(&format!("{}?sslmode=allow", pooler.url()));
    assert!(tls.contains("certificate is not verified"), "{tls}");
    let words = detail(&format!("{}?sslmode=disable", pooler.url()), "refused");
    assert!(words.contains("08P01"), "{words}");
}

#[test]
fn certificates_that_may_not_count_are_warned_of_once() {
    let root = "sslrootcert=tests/certificates/authority.pem";
    let keys = "sslcert=tests/certificates/server.pem&sslkey=tests/certificates/server.key";
    for (query, count) in [
        (format!("sslmode=prefer&{root}"), 1),
        (format!("sslmode=allow&{keys}"), 1),
        (format!("sslmode=verify-full&{root}"), 0),
        ("sslmode=prefer".to_owned(), 0),
    ] {
        let url = format!("postgres://127.0.0.1:{}?{query}", free_port());
        let mut daemon = Daemon::start(&["--store", &url]);
        daemon.stop();
        let lines = daemon.log_to_the_end();
        let warnings = lines.iter().filter(|line| line["hint"] == "use sslmode=verify-full");
        let levels: Vec<_> = warnings.map(|line| line["level"].as_str()).collect();
        assert_eq!(levels, vec![Some("WARN"); count], "{query}: {lines:?}");
    }
}

#[test]
fn a_client_certificate_that_is_wanted_is_given_and_asked_for() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let client = authority.issue("postgres", "DNS:client", 1);
    let server = start(&authority, &certificate, "hostssl all all 127.0.0.1/32 cert", &[]);
    let query = format!("sslmode=verify-full&sslrootcert={}", authority.file());
    let keys = format!("&sslcert={}&sslkey={}", client.certificate, client.key);
    let tls = outcome(&url(&server, "localhost", &format!("{query}{keys}")));
    assert!(tls.ends_with("is verified"), "{tls}");
    let words = detail(&url(&server, "localhost", &query), "authentication");
    assert!(words.contains("client certificate"), "{words}");
}

/// A server that wants a password in this way, and the URL for it.
fn start_with_password(
    method: &str,
    certificate: &Certificate,
    authority: &Authority,
) -> (PostgresServer, String) {
    let access = format!("hostssl all all 127.0.0.1/32 {method}");
    let server = start(authority, certificate, &access, &[]);
    server.sql("alter role postgres password 'zq'");
    let url = format!("postgres://postgres:zq@localhost:{}/postgres", server.port());
    (server, url)
}

/// The URL is as Neon's console gives it.
#[test]
fn a_login_is_bound_to_its_tls_connection() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let (_server, url) = start_with_password("scram-sha-256", &certificate, &authority);
    for binding in ["require", "prefer", "disable"] {
        let tls = outcome(&format!("{url}?sslmode=require&channel_binding={binding}"));
        assert!(tls.contains("not verified"), "{binding}: {tls}");
    }
    for (method, words) in [("trust", "wants no password"), ("password", "in clear text")] {
        let (_server, url) = start_with_password(method, &certificate, &authority);
        let url = format!("{url}?sslmode=require&channel_binding=require");
        let found = detail(&url, "authentication");
        assert!(found.contains(words), "{found}");
    }
}

/// No hash is defined for Ed25519 to bind to. libpq fails with `prefer`, too.
#[test]
fn a_certificate_that_nothing_can_be_bound_to_will_do_where_nothing_must() {
    let authority = Authority::create_with_ed25519();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let (_server, url) = start_with_password("scram-sha-256", &certificate, &authority);
    let tls = outcome(&format!("{url}?sslmode=require"));
    assert!(tls.contains("not verified"), "{tls}");
    let words = detail(&format!("{url}?channel_binding=require"), "authentication");
    assert!(words.contains("no hash to bind to"), "{words}");
}

/// It takes TLS from us, and speaks plainly to the server behind: nothing can be bound through it.
#[test]
fn a_pooler_that_cannot_bind_is_used_unless_the_login_must_be_bound() {
    let authority = Authority::create();
    let (_server, pooler) = start_pooler(&authority);
    let tls = outcome(&format!("{}?sslmode=require", pooler.url()));
    assert!(tls.contains("not verified"), "{tls}");
    let url = format!("{}?channel_binding=require", pooler.url());
    let words = detail(&url, "authentication");
    assert!(words.contains("wants no password"), "{words}");
}

/// A login that this side refuses is not tried again in plain text.
#[test]
fn prefer_stays_with_tls_where_this_side_refuses_the_login() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let access = "hostssl all all 127.0.0.1/32 password\nhostnossl all all 127.0.0.1/32 trust";
    let server = start(&authority, &certificate, access, &[]);
    let words = detail(&url(&server, "localhost", "sslmode=prefer"), "authentication");
    assert!(words.contains("in clear text"), "{words}");
}

#[test]
fn a_password_is_proved_over_tls() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let access = "host all all 127.0.0.1/32 scram-sha-256";
    let server = start(&authority, &certificate, access, &[]);
    server.sql("alter role postgres password 'zq'");
    let url = format!("postgres://postgres:zq@localhost:{}?sslmode=require", server.port());
    assert!(outcome(&url).contains("not verified"));
}
