//! `rediss://`.

use super::{detail, outcome};
use crate::support::certificates::{Authority, Certificate, flags};
use crate::support::daemon::{Daemon, run};
use crate::support::process::free_port;
use crate::support::redis_server::RedisServer;

/// A Redis with TLS on a second port.
struct TlsRedis {
    server: RedisServer,
    port: u16,
}

impl TlsRedis {
    fn start(authority: &Authority, certificate: &Certificate, options: &[&str]) -> TlsRedis {
        let port = free_port();
        let flags = flags(&certificate.of_redis(port, authority));
        let tls: Vec<&str> = flags.iter().map(String::as_str).collect();
        let server = RedisServer::start(&[&tls, options].concat());
        TlsRedis { server, port }
    }
}

/// It asks clients for no certificate.
const ANYBODY: &[&str] = &["--tls-auth-clients", "no"];

#[test]
fn a_counter_is_taken_from_over_tls_by_name_and_by_address() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost,IP:127.0.0.1", 1);
    for (protocols, version) in [("TLSv1.3", "TLS 1.3"), ("TLSv1.2", "TLS 1.2")] {
        let options = [ANYBODY, &["--tls-protocols", protocols, "--requirepass", "zq"]].concat();
        let redis = TlsRedis::start(&authority, &certificate, &options);
        for (scheme, host) in [("rediss", "localhost"), ("valkeys", "127.0.0.1")] {
            let url = format!("{scheme}://:zq@{host}:{}?ca={}", redis.port, authority.file());
            let tls = outcome(&url);
            assert!(tls.starts_with(version) && tls.ends_with("is verified"), "{tls}");
        }
        assert_eq!(redis.server.counter("default"), Some((2, 100)));
    }
}

#[test]
fn commands_go_over_tls_and_a_connection_that_is_cut_is_made_again() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let mut redis = TlsRedis::start(&authority, &certificate, ANYBODY);
    let url = format!("rediss://localhost:{}?ca={}", redis.port, authority.file());
    let created = run(&["create", "default", "--limit", "1000", "--store", &url], &[]);
    assert_eq!(created.code, Some(0), "{created:?}");
    let daemon = Daemon::start_with_store(&url, &["--threads=1"]);
    let take = |daemon: &Daemon| daemon.client().get("/").number();
    assert_eq!(take(&daemon), Some(1));
    let _: u64 = redis.server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    daemon.wait_until_ready();
    assert_eq!(take(&daemon), Some(2));
    redis.server.kill();
    daemon.last_error(&["unreachable"]);
}

#[test]
fn each_wrong_certificate_has_words_of_its_own() {
    let [authority, other] = [Authority::create(), Authority::create()];
    let good = "DNS:localhost,IP:127.0.0.1";
    let cases = [
        (authority.issue("expired", good, -1), authority.file(), "has expired"),
        (authority.issue("unknown", good, 1), other.file(), "ca=FILE in --store"),
        (
            authority.issue("name", "DNS:redis.example,DNS:x.example", 1),
            authority.file(),
            "is not for 127.0.0.1, but for redis.example, x.example",
        ),
    ];
    for (certificate, root, expected) in &cases {
        let redis = TlsRedis::start(&authority, certificate, ANYBODY);
        let words = detail(&format!("rediss://127.0.0.1:{}?ca={root}", redis.port), "tls");
        assert!(words.contains(expected), "{words}");
    }
    // Without a file it is the public authorities that count.
    let redis = TlsRedis::start(&authority, &authority.issue("public", good, 1), ANYBODY);
    let words = detail(&format!("rediss://127.0.0.1:{}", redis.port), "tls");
    assert!(words.contains("self-signed, or of an authority"), "{words}");
}

#[test]
fn a_port_of_the_other_kind_is_said() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost,IP:127.0.0.1", 1);
    let redis = TlsRedis::start(&authority, &certificate, ANYBODY);
    // OpenSSL closes without a word, so that it may be something else.
    let words = detail(&format!("redis://127.0.0.1:{}", redis.port), "unreachable");
    assert!(words.contains("use rediss://"), "{words}");
    let plain = redis.server.port();
    let daemon = Daemon::start(&["--store", &format!("rediss://127.0.0.1:{plain}"), "--threads=1"]);
    // It answers what it takes for a line, if the random bytes have the end of one.
    let line = daemon.last_error(&["tls", "timeout", "unreachable"]);
    let words = line["detail"].as_str().unwrap();
    assert!(words.contains("speaks no TLS on this port"), "{line}");
}

#[test]
fn a_client_certificate_that_is_wanted_is_given_and_asked_for() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost,IP:127.0.0.1", 1);
    let client = authority.issue("client", "DNS:client", 1);
    for protocols in ["TLSv1.3", "TLSv1.2"] {
        let redis = TlsRedis::start(&authority, &certificate, &["--tls-protocols", protocols]);
        let url = format!("rediss://localhost:{}?ca={}", redis.port, authority.file());
        let with = format!("{url}&cert={}&key={}", client.certificate, client.key);
        assert!(outcome(&with).ends_with("is verified"));
        let daemon = Daemon::start(&["--store", &url, "--threads=1"]);
        // The alert that says so may be lost when the server closes behind it.
        let line = daemon.last_error(&["tls", "unreachable"]);
        let words = line["detail"].as_str().unwrap();
        assert!(words.contains("client certificate"), "{line}");
        assert!(words.contains("cert=FILE and key=FILE"), "{line}");
    }
}
