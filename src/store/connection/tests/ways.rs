//! With `sslmode=allow` and `prefer` there are two ways to each host: with TLS, and without.

use super::*;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A connection to two hosts of which nothing was tried yet.
fn two_hosts() -> Fixture {
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse("postgres://h1,h2?sslmode=allow") else {
        panic!("the URL is good");
    };
    let tls = url.tls.clone().expect("it may be encrypted");
    let (now, known) = (Instant::now(), counters());
    let postgres = Postgres::new(*url, Arc::clone(&known), None, TIMEOUT, 7);
    let wire = Wire::Postgres(Box::new(postgres));
    let mut connection = Connection::new(wire, known, TIMEOUT, 7, now);
    connection.encrypt(Encryption::new(&tls, Dialect::Postgres).expect("it names no file"));
    Fixture { connection, now }
}

/// Connects at once, and tells to which host, and whether it asks for TLS.
fn connect_at_once(fixture: &mut Fixture) -> (String, bool) {
    fixture.tick();
    let commands = fixture.commands();
    let Some(Command::Connect(Endpoint::Tcp { host, .. })) = commands.last() else {
        panic!("{commands:?}");
    };
    fixture.connection.connected(fixture.now);
    (host.clone(), fixture.sent() == SSL_REQUEST)
}

/// An error that ends the session.
fn fatal(code: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0C{code}\0Mno\0\0");
    let length = u32::try_from(fields.len() + 4).expect("it is short");
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}

#[test]
fn each_host_is_tried_both_ways_before_the_next_one() {
    for code in ["57P03", "53300"] {
        let mut fixture = two_hosts();
        assert_eq!(connect_at_once(&mut fixture), ("h1".to_owned(), false));
        fixture.receive(&fatal(code));
        assert_eq!(connect_at_once(&mut fixture), ("h1".to_owned(), true), "{code}");
        fixture.receive(b"N");
        fixture.receive(&fatal(code));
        assert_eq!(connect_at_once(&mut fixture), ("h2".to_owned(), false), "{code}");
        fixture.connection.lost(StoreError::Unreachable, "closed", fixture.now);
        let pause = fixture.connection.deadline().expect("it is tried again") - fixture.now;
        assert!(pause > Duration::ZERO, "all were tried");
    }
}

/// pgbouncer says so where its `client_tls_sslmode` is `require`.
#[test]
fn whatever_error_comes_before_the_login_leads_the_other_way() {
    let mut fixture = two_hosts();
    connect_at_once(&mut fixture);
    fixture.receive(&fatal("08P01"));
    assert_eq!(connect_at_once(&mut fixture), ("h1".to_owned(), true));
}

#[test]
fn an_error_behind_the_login_has_nothing_to_do_with_tls() {
    let mut fixture = two_hosts();
    connect_at_once(&mut fixture);
    fixture.receive(b"R\0\0\0\x08\0\0\0\0");
    fixture.receive(&fatal("3D000"));
    let pause = fixture.connection.deadline().expect("it is tried again") - fixture.now;
    assert!(pause > Duration::ZERO);
    fixture.now += pause;
    assert_eq!(connect_at_once(&mut fixture), ("h1".to_owned(), false));
}
