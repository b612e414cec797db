//! The socket of a store with several hosts, with a name service of the tests.

use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mio::{Events, Poll};

use super::*;
use crate::config::StoreUrl;
use crate::limits::HANDSHAKE_TIMEOUT;
use crate::store::counters::Counters;
use crate::store::open::{self, Purpose};

const WAKER: Token = Token(0);
const SOCKET: Token = Token(1);

/// Whoever holds it keeps names from being resolved.
static SLOW: Mutex<()> = Mutex::new(());

fn look_up(_: &str, port: u16) -> Resolved {
    drop(SLOW.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Else the password of one host would go to another, and its certificate be looked at for the
/// wrong name.
#[test]
fn the_late_address_of_a_name_is_not_connected_to_in_place_of_the_next_host() {
    let ((late, late_port), (next, next_port)) = (listener(), listener());
    let url = format!("postgres://slow:{late_port},127.0.0.1:{next_port}");
    let url = StoreUrl::parse(&url).expect("the URL is good");
    let counters = Arc::new(Counters::new([("default", 9)].into_iter(), true));
    let (mut now, scope) = (Instant::now(), crate::store::survey::Scope::All);
    let opened = open::command(&url, &counters, Purpose::Survey(scope), HANDSHAKE_TIMEOUT, now);
    let mut nodes = opened.expect("it opens").expect("it is elsewhere");
    let connection = &mut nodes.connections()[0];
    let mut poll = Poll::new().expect("a poll");
    let waker = Arc::new(Waker::new(poll.registry(), WAKER).expect("a waker"));
    let registry = Arc::new(poll.registry().try_clone().expect("a registry"));
    let mut socket = StoreSocket::new(SOCKET, registry, Arc::clone(&waker));
    socket.resolver = Resolver::asking(look_up, waker);

    let held = SLOW.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in ["the name", "its end", "the next host"] {
        connection.tick(now);
        socket.run_commands(connection, now);
        now += HANDSHAKE_TIMEOUT;
    }
    let (accepted, _) = next.accept().expect("the next host is connected to");
    drop(held);
    let mut events = Events::with_capacity(8);
    while !events.iter().any(|event| event.token() == WAKER) {
        poll.poll(&mut events, Some(Duration::from_secs(20))).expect("the poll works");
        assert!(!events.is_empty(), "nothing wakes the reactor");
    }
    socket.woken(connection, now);
    assert!(late.accept().is_err(), "the other host is connected to");
    let Some(Stream::Tcp(stream)) = &socket.stream else { panic!("there is a connection") };
    assert_eq!(stream.local_addr().ok(), accepted.peer_addr().ok());
}
