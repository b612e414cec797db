//! The transport against rustls's own server, over every split of the bytes.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::*;
use crate::config::Config;
use crate::config::{Invocation, StoreUrl};

const AUTHORITY: &[u8] = include_bytes!("../../../../tests/certificates/authority.pem");
const SERVER: &[u8] = include_bytes!("../../../../tests/certificates/server.pem");
const OTHER_KEY: &[u8] = include_bytes!("../../../../tests/certificates/other.key");
const KEY: &[u8] = include_bytes!("../../../../tests/certificates/server.key");

/// The URL with the files that it names: they all hold the authority's certificate.
fn url(text: &str) -> StoreUrl {
    let arguments = ["--store", text].map(Into::into);
    let read_file = |_: &Path| Ok(AUTHORITY.to_vec());
    match Config::parse(arguments, [], read_file, 1) {
        Ok(Invocation::Serve(config)) => config.store,
        other => panic!("{other:?}"),
    }
}

/// A transport that is connected to `host`.
fn begun(text: &str, host: &str) -> Transport {
    let url = url(text);
    let dialect = match url {
        StoreUrl::Postgres(_) => Dialect::Postgres,
        _ => Dialect::Redis,
    };
    let mut transport = Transport::plain(dialect);
    if let Some(tls) = url.tls() {
        transport.encrypt(Encryption::new(tls, dialect).unwrap());
    }
    begin(&mut transport, host);
    transport
}

fn begin(transport: &mut Transport, host: &str) {
    transport.begin(&Endpoint::Tcp { host: host.to_owned(), port: 1 }).unwrap();
}

fn sent(transport: &mut Transport) -> Vec<u8> {
    let bytes = transport.send_buffer().unsent().to_vec();
    transport.send_buffer().advance(bytes.len());
    bytes
}

/// The other end: answers an SSLRequest if one comes, speaks TLS, and echoes.
struct Server {
    tls: ServerConnection,
    received: Vec<u8>,
}

impl Server {
    fn new() -> Server {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(SERVER).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Server { tls: ServerConnection::new(Arc::new(config)).unwrap(), received: Vec::new() }
    }

    /// Takes bytes, and gives what it sends.
    fn turn(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            let state = self.tls.process_new_packets().unwrap();
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut plain).unwrap();
            self.received.extend_from_slice(&plain);
            self.tls.writer().write_all(&plain).unwrap();
        }
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        out
    }
}

/// Carries bytes to and fro, `piece` at a time, until nobody has any; gives what came back.
fn exchange(
    transport: &mut Transport,
    server: &mut Server,
    piece: usize,
) -> Result<Vec<u8>, Fault> {
    let mut echoed = Vec::new();
    loop {
        let bytes = sent(transport);
        if bytes.is_empty() {
            return Ok(echoed);
        }
        for bytes in bytes.chunks(piece) {
            for bytes in server.turn(bytes).chunks(piece) {
                echoed.extend_from_slice(transport.receive(bytes)?);
            }
        }
    }
}

/// The closing alert needs no key to be followed by a byte of somebody else.
#[test]
fn a_connection_that_the_server_has_closed_is_given_up_though_bytes_follow() {
    for with_a_byte in [false, true] {
        let mut transport = begun("rediss://localhost?ca=f", "localhost");
        let mut server = Server::new();
        transport.writer().extend_from_slice(b"hello");
        exchange(&mut transport, &mut server, 100).unwrap();
        server.tls.send_close_notify();
        let mut closing = server.turn(&[]);
        if with_a_byte {
            closing.push(0);
        }
        let fault = transport.receive(&closing).unwrap_err();
        assert_eq!(fault.error, StoreError::Unreachable, "{}", fault.detail);
    }
}

#[test]
fn what_is_written_comes_to_the_other_end_and_back_in_any_splits() {
    for piece in [1, 2, 3, 5, 7, 100, 1_000, 16 * 1024] {
        let mut transport = begun("rediss://localhost?ca=f", "localhost");
        let mut server = Server::new();
        transport.writer().extend_from_slice(b"hello");
        assert_eq!(exchange(&mut transport, &mut server, piece).unwrap(), b"hello", "{piece}");
        let outcome = transport.outcome().unwrap();
        let expected = "TLS 1.3, TLS13_AES_128_GCM_SHA256; the server's certificate is verified";
        assert_eq!(outcome, expected);
        transport.writer().extend_from_slice(b"again");
        let bytes = sent(&mut transport);
        assert!(!bytes.windows(5).any(|window| window == b"again"), "it is encrypted");
        let back = server.turn(&bytes);
        assert_eq!(transport.receive(&back).unwrap(), b"again");
    }
}

#[test]
fn a_burst_that_is_larger_than_a_record_and_than_any_buffer_comes_whole() {
    let mut transport = begun("rediss://127.0.0.1?ca=f", "127.0.0.1");
    let mut server = Server::new();
    let burst: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
    transport.writer().extend_from_slice(&burst);
    exchange(&mut transport, &mut server, 16 * 1024).unwrap();
    assert_eq!(server.received, burst);
}

#[test]
fn nothing_is_sent_to_a_server_that_is_not_verified() {
    for (text, host, words) in [
        ("rediss://other.example?ca=f", "other.example", "is not for other.example, but for "),
        ("rediss://localhost", "localhost", "ca=FILE in --store"),
        ("postgres://localhost?sslmode=verify-full&sslrootcert=f", "10.0.0.1", "not for 10.0.0.1"),
        ("postgres://localhost?sslrootcert=system", "localhost", "sslrootcert=FILE in --store"),
    ] {
        let mut transport = begun(text, host);
        let mut server = Server::new();
        transport.writer().extend_from_slice(b"the password");
        if text.starts_with("postgres") {
            assert_eq!(sent(&mut transport), SSL_REQUEST);
            transport.receive(b"S").unwrap();
        }
        let fault = exchange(&mut transport, &mut server, 1_000).expect_err(text);
        assert_eq!(fault.error, StoreError::Tls);
        assert!(fault.detail.contains(words), "{}", fault.detail);
        assert_eq!(server.received, b"");
    }
}

#[test]
fn verify_ca_forgives_the_name_and_require_the_issuer_too() {
    for (text, verified) in [
        ("postgres://h?sslmode=verify-ca&sslrootcert=f", "the issuer of the server's certificate"),
        ("postgres://h?sslmode=require&sslrootcert=f", "the issuer of the server's certificate"),
        ("postgres://h?sslmode=require", "the server's certificate is not verified"),
        ("postgres://h", "the server's certificate is not verified"),
    ] {
        let mut transport = begun(text, "other.example");
        transport.writer().extend_from_slice(b"hello");
        assert_eq!(sent(&mut transport), SSL_REQUEST);
        assert_eq!(transport.receive(b"S").unwrap(), b"");
        let echoed = exchange(&mut transport, &mut Server::new(), 1_000).unwrap();
        assert_eq!(echoed, b"hello", "{text}");
        let outcome = transport.outcome().unwrap();
        assert!(outcome.contains(verified), "{text}: {outcome}");
    }
}

#[test]
fn a_server_without_tls_will_do_unless_tls_is_required() {
    let mut transport = begun("postgres://h", "h");
    transport.writer().extend_from_slice(b"hello");
    assert_eq!(sent(&mut transport), SSL_REQUEST);
    assert_eq!(transport.receive(b"Nrest").unwrap(), b"rest");
    assert_eq!(sent(&mut transport), b"hello");
    assert_eq!(transport.outcome().unwrap(), "none: the connection is not encrypted");
    let mut transport = begun("postgres://h?sslmode=require", "h");
    transport.writer().extend_from_slice(b"hello");
    sent(&mut transport);
    assert_eq!(transport.receive(b"N"), Err(tls_fault(NO_TLS)));
    assert_eq!(sent(&mut transport), b"");
}

/// Else whoever puts a byte there has the login in plain text (CVE-2021-23222).
#[test]
fn bytes_that_stand_behind_the_answer_do_not_lead_to_plain_text() {
    let mut transport = begun("postgres://h", "h");
    sent(&mut transport);
    let fault = transport.receive(b"SZ").unwrap_err();
    assert!(!lose(&mut transport, fault.error, false), "{}", fault.detail);
    assert!(asks(&mut transport));
}

/// A server that runs must not look at its logs in vain.
#[test]
fn a_server_that_is_not_verified_is_told_why() {
    let mut transport = begun("rediss://localhost", "localhost");
    let mut server = Server::new();
    let fault = exchange(&mut transport, &mut server, 1_000).unwrap_err();
    assert_eq!(fault.error, StoreError::Tls);
    transport.end();
    let alert = transport.take_last_words();
    server.tls.read_tls(&mut alert.as_slice()).unwrap();
    let heard = server.tls.process_new_packets().unwrap_err();
    let unknown = rustls::AlertDescription::UnknownCA;
    assert_eq!(heard, rustls::Error::AlertReceived(unknown));
    assert_eq!(transport.take_last_words(), b"");
    assert_eq!(sent(&mut transport), b"", "none of it goes to the next connection");
}

#[test]
fn what_a_login_can_be_bound_to_is_told_once() {
    let mut transport = begun("postgres://h?sslmode=require", "h");
    assert_eq!(transport.take_channel(), None);
    encrypt(&mut transport, &mut Server::new());
    let server = CertificateDer::from_pem_slice(SERVER).unwrap();
    let hash = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = hash.tls13().unwrap().common.hash_provider.hash(&server).as_ref().to_vec();
    assert_eq!(transport.take_channel(), Some(Channel::EndPoint(hash)));
    assert_eq!(transport.take_channel(), None);
}

/// A certificate is no secret: who shows it must have its key, or a login that is bound to it would
/// be bound to nothing.
#[test]
fn a_certificate_without_its_key_is_refused_though_no_issuer_is_verified() {
    let chain = vec![CertificateDer::from_pem_slice(SERVER).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(OTHER_KEY).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    let certified = Arc::new(rustls::sign::CertifiedKey::new(chain, key));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let resolver = rustls::sign::SingleCertAndKey::from(Arc::clone(&certified));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        let tls = ServerConnection::new(Arc::new(config)).unwrap();
        let mut server = Server { tls, received: Vec::new() };
        let mut transport = begun("postgres://h?sslmode=require", "h");
        sent(&mut transport);
        transport.receive(b"S").unwrap();
        let fault = exchange(&mut transport, &mut server, 16 * 1024).unwrap_err();
        assert!(fault.detail.contains("does not prove that it has the key"), "{}", fault.detail);
    }
}

#[test]
fn what_stands_behind_the_answer_is_taken_for_nothing() {
    for (answer, error) in [
        (&b"Smore"[..], StoreError::Tls),
        (b"E", StoreError::Protocol),
        (b"HTTP/1.1", StoreError::Protocol),
    ] {
        let mut transport = begun("postgres://h", "h");
        sent(&mut transport);
        assert_eq!(transport.receive(answer).unwrap_err().error, error);
    }
}

/// Connects to `h` anew, and tells whether that asks for TLS.
fn asks(transport: &mut Transport) -> bool {
    begin(transport, "h");
    sent(transport) == SSL_REQUEST
}

/// Ends a connection, and tells whether the next one tries the other way.
fn lose(transport: &mut Transport, error: StoreError, is_login_refused: bool) -> bool {
    let is_other_way_next = transport.choose_way(error, is_login_refused);
    transport.end();
    is_other_way_next
}

#[test]
fn prefer_and_allow_try_the_other_way_once_where_it_may_help() {
    for error in [StoreError::Authentication, StoreError::Refused, StoreError::Connections] {
        let mut prefer = begun("postgres://h", "h");
        encrypt(&mut prefer, &mut Server::new());
        assert!(!lose(&mut prefer, error, false), "{error:?}: this side has refused");
        let mut allow = begun("postgres://h?sslmode=allow", "h");
        assert!(lose(&mut allow, error, true));
        assert!(asks(&mut allow), "{error:?}");
        assert!(!lose(&mut allow, error, true));
        assert!(!asks(&mut allow), "{error:?}");
        let mut prefer = begun("postgres://h", "h");
        encrypt(&mut prefer, &mut Server::new());
        assert!(lose(&mut prefer, error, true));
        assert!(!asks(&mut prefer), "{error:?}");
        assert!(!lose(&mut prefer, error, true));
        assert!(asks(&mut prefer), "{error:?}");
    }
    let mut require = begun("postgres://h?sslmode=require", "h");
    assert!(!lose(&mut require, StoreError::Authentication, true));
    assert!(asks(&mut require));
}

#[test]
fn prefer_does_without_tls_where_its_start_fails() {
    for error in [StoreError::Tls, StoreError::Unreachable, StoreError::Timeout] {
        let mut transport = begun("postgres://h", "h");
        sent(&mut transport);
        transport.receive(b"S").unwrap();
        assert!(lose(&mut transport, error, false), "{error:?}");
        assert!(!asks(&mut transport), "{error:?}");
    }
}

#[test]
fn the_other_way_is_not_tried_where_it_would_not_help() {
    for error in [StoreError::Unreachable, StoreError::Timeout, StoreError::Loading] {
        for mode in ["allow", "prefer"] {
            let mut transport = begun(&format!("postgres://h?sslmode={mode}"), "h");
            assert!(!lose(&mut transport, error, false), "{mode}, {error:?}: before any answer");
        }
        let mut transport = begun("postgres://h", "h");
        encrypt(&mut transport, &mut Server::new());
        assert!(!lose(&mut transport, error, false), "{error:?}: with TLS");
    }
    let mut transport = begun("postgres://h", "h");
    sent(&mut transport);
    transport.receive(b"N").unwrap();
    assert!(!lose(&mut transport, StoreError::Authentication, true), "it was without TLS already");
    let mut transport = begun("postgres://h", "h");
    encrypt(&mut transport, &mut Server::new());
    assert!(!lose(&mut transport, StoreError::Tls, false), "TLS broke when it had served");
    let mut transport = begun("postgres://h?sslmode=allow", "h");
    transport.begin(&Endpoint::Unix("/s".into())).unwrap();
    assert!(!lose(&mut transport, StoreError::Authentication, true), "a socket has no other way");
}

/// Until the server has said something behind the TLS handshake.
fn encrypt(transport: &mut Transport, server: &mut Server) {
    transport.writer().extend_from_slice(b"hello");
    sent(transport);
    transport.receive(b"S").unwrap();
    assert_eq!(exchange(transport, server, 16 * 1024).unwrap(), b"hello");
}

#[test]
fn a_password_is_in_no_debug_output() {
    let mut transport = begun("postgres://h", "h");
    transport.writer().extend_from_slice(b"s3cret");
    let bytes = format!("{:?}", b"s3cret");
    let bytes = bytes.trim_matches(['[', ']']);
    assert!(!format!("{transport:?}").contains(bytes), "{transport:?}");
    let mut plain = begun("postgres://h?sslmode=disable", "h");
    plain.writer().extend_from_slice(b"s3cret");
    assert!(!format!("{plain:?}").contains(bytes), "{plain:?}");
    let mut transport = begun("postgres://h", "h");
    encrypt(&mut transport, &mut Server::new());
    let bytes = format!("{:?}", b"hello");
    assert!(!format!("{transport:?}").contains(bytes.trim_matches(['[', ']'])), "{transport:?}");
}

#[test]
fn a_port_of_the_other_kind_is_seen() {
    let mut plain = begun("redis://h", "h");
    let fault = plain.receive(b"\x15\x03\x01\0\x02\x02\x46").unwrap_err();
    assert_eq!(
        (fault.error, fault.detail),
        (StoreError::Tls, Dialect::Redis.plain_to_tls().into())
    );
    let mut encrypted = begun("rediss://h", "h");
    sent(&mut encrypted);
    let fault = encrypted.receive(b"-ERR unknown command\r\n").unwrap_err();
    assert_eq!((fault.error, fault.detail), (StoreError::Tls, Dialect::Redis.not_tls().into()));
    let silent = begun("rediss://h", "h");
    assert_eq!(silent.suspicion(StoreError::Timeout), Some(Dialect::Redis.silence()));
}
