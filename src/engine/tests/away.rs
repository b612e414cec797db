//! The store is away: for how long a request waits for it, and when it no longer does.

use super::*;
use crate::engine::client::Peer;
use crate::store::connection::Command;

const TIMEOUT: Duration = Duration::from_millis(500);
const MS: Duration = Duration::from_millis(1);
pub const RECONNECTED: &[u8] =
    b"%0\r\n+hash\r\n+hash\r\n+OK\r\n+found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n";
const TAKE: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

impl Linked {
    /// A process that has just started.
    fn started() -> Linked {
        let mut linked = Linked::new();
        linked.engine = engine_of_redis(TIMEOUT, linked.now);
        linked.pass(Duration::ZERO);
        linked
    }

    /// The connection is lost now, and nothing is in flight.
    fn lost() -> Linked {
        let mut linked = Linked::new();
        linked.lose();
        linked
    }

    /// The same, and the timeout has passed since.
    fn away() -> Linked {
        let mut linked = Linked::lost();
        linked.pass(TIMEOUT);
        linked
    }

    fn lose(&mut self) {
        let now = self.now;
        self.connection().lost(StoreError::Unreachable, "closed", now);
        self.pass(Duration::ZERO);
    }

    /// The socket connects now, if that is tried, and the store has not said anything yet.
    fn connect(&mut self) {
        let now = self.now;
        self.connection().connected(now);
        self.pass(Duration::ZERO);
    }

    /// Does what the connection commands for a store that refuses each connection.
    fn refuse(&mut self) -> usize {
        let (now, mut tries) = (self.now, 0);
        while let Some(command) = self.connection().command() {
            if let Command::Connect(_) = command {
                tries += 1;
                self.connection().lost(StoreError::Unreachable, "refused", now);
            }
        }
        tries
    }

    /// One more client sends this in one turn.
    fn ask(&mut self, request: &str) -> Token {
        let token = self.engine.clients.insert(Peer::default());
        self.engine.receive(token, request.as_bytes());
        self.engine.finish_turn();
        token
    }

    fn text(&mut self, token: Token) -> String {
        let unsent = self.engine.clients.get(token).unwrap().send_buffer().unsent().to_vec();
        String::from_utf8(unsent).unwrap()
    }

    fn is_unavailable(&mut self, token: Token) -> bool {
        self.text(token).starts_with("HTTP/1.1 503")
    }

    /// Whether the next take is answered 503 in its own turn.
    fn fails_fast(&mut self) -> bool {
        let token = self.ask(TAKE);
        self.is_unavailable(token)
    }
}

#[test]
fn a_request_waits_for_a_store_that_was_lost_a_moment_ago_and_then_no_longer() {
    let mut linked = Linked::lost();
    let first = linked.ask(TAKE);
    linked.pass(TIMEOUT - MS);
    let second = linked.ask(TAKE);
    assert_eq!([first, second].map(|token| linked.text(token)), ["", ""]);
    linked.pass(MS);
    assert!(linked.is_unavailable(first) && linked.is_unavailable(second));
    assert!(linked.fails_fast());
}

#[test]
fn a_process_that_has_just_started_waits_for_its_first_connection() {
    let mut linked = Linked::started();
    let take = linked.ask(TAKE);
    linked.pass(TIMEOUT - MS);
    assert_eq!(linked.text(take), "");
    linked.pass(MS);
    assert!(linked.is_unavailable(take));
    assert!(linked.fails_fast());
}

#[test]
fn every_request_that_needs_the_store_is_answered_at_once_with_the_reason() {
    let mut linked = Linked::away();
    for head in ["GET /", "POST /", "GET /take/default", "HEAD /", "GET /status"] {
        let token = linked.ask(&format!("{head} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let body = if head == "HEAD /" { "\r\n\r\n" } else { r#"{"error":"store unavailable"}"# };
        let answer = linked.text(token);
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with(body), "{head}: {answer}");
    }
    for path in ["/readyz", "/readyz/default"] {
        let token = linked.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = linked.text(token);
        let body = r#"{"error":"unreachable"}"#;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with(body), "{path}: {answer}");
    }
}

#[test]
fn pipelined_requests_are_all_answered_without_any_time() {
    let mut linked = Linked::away();
    let token = linked.ask(&TAKE.repeat(200));
    let mut answers = 0;
    for _ in 0..200 {
        let text = linked.text(token);
        answers += text.matches("HTTP/1.1 503").count();
        linked.engine.sent(token, text.len());
        linked.engine.finish_turn();
    }
    assert_eq!(answers, 200);
}

/// What was in flight when the connection was lost is sent again: its waiters are gone by then.
#[test]
fn newcomers_are_answered_at_once_though_a_batch_of_before_is_in_flight() {
    let mut linked = Linked::new();
    let [first, second] = linked.take(2)[..] else { unreachable!("two") };
    linked.sent();
    linked.lose();
    linked.pass(TIMEOUT - MS);
    assert_eq!([first, second].map(|token| linked.text(token)), ["", ""]);
    linked.pass(MS);
    assert!(linked.is_unavailable(first) && linked.is_unavailable(second));
    for _ in 0..3 {
        assert!(linked.fails_fast());
        linked.pass(MS);
    }
    linked.connect();
    linked.receive(RECONNECTED);
    linked.sent();
    linked.grant(1, 2, 100, 5);
    let token = linked.take(1)[0];
    linked.grant(3, 0, 100, 5);
    assert_eq!(linked.answer(token), Some(1), "nobody was given it");
}

#[test]
fn failed_tries_do_not_begin_the_absence_anew() {
    let mut linked = Linked::lost();
    let mut tries = 0;
    for _ in 0..500 {
        linked.pass(MS);
        tries += linked.refuse();
    }
    assert!(tries >= 3, "{tries}");
    assert!(linked.fails_fast());
}

#[test]
fn the_absence_ends_with_the_handshake_and_not_before() {
    let mut linked = Linked::away();
    linked.connect();
    assert!(linked.fails_fast(), "connected");
    let (half, rest) = RECONNECTED.split_at(20);
    linked.receive(half);
    assert!(linked.fails_fast(), "in the handshake");
    linked.receive(rest);
    linked.sent();
    let token = linked.take(1)[0];
    assert_eq!(linked.sent(), [1]);
    linked.grant(1, 1, 100, 5);
    assert_eq!(linked.answer(token), Some(1));
}

/// The next loss is another absence: it is waited for again.
#[test]
fn each_loss_begins_an_absence() {
    let mut linked = Linked::away();
    linked.connect();
    linked.receive(RECONNECTED);
    linked.pass(10 * MS);
    linked.lose();
    linked.pass(TIMEOUT - MS);
    assert!(!linked.fails_fast());
    linked.pass(MS);
    assert!(linked.fails_fast());
}

#[test]
fn who_still_waits_when_the_store_is_back_has_all_of_his_own_time() {
    let mut linked = Linked::lost();
    linked.pass(TIMEOUT - 2 * MS);
    let token = linked.ask(TAKE);
    linked.connect();
    linked.receive(RECONNECTED);
    linked.pass(TIMEOUT - MS);
    assert_eq!(linked.text(token), "");
    linked.grant(1, 1, 100, 5);
    assert_eq!(linked.answer(token), Some(1));
}

/// Whoever waits has the engine wake when the absence has lasted as long as it may; nobody else.
#[test]
fn the_engine_wakes_once_for_all_who_wait() {
    let mut linked = Linked::lost();
    linked.pass(TIMEOUT - 10 * MS);
    linked.connect();
    let at = linked.now + 10 * MS;
    let deadline = |linked: &mut Linked| linked.engine.deadline(linked.now).unwrap();
    assert!(deadline(&mut linked) > at, "nobody waits");
    linked.ask(TAKE);
    linked.ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(deadline(&mut linked), at);
    linked.pass(10 * MS);
    assert!(deadline(&mut linked) > linked.now, "nobody waits any more");
    assert!(linked.fails_fast());
    assert!(deadline(&mut linked) > linked.now, "nor after a request");
}

#[test]
fn a_store_in_the_process_is_never_away() {
    let mut engine = engine();
    engine.clients.turn_mut().now += 10 * TIMEOUT;
    let token = engine.clients.insert(Peer::default());
    engine.receive(token, TAKE.as_bytes());
    engine.finish_turn();
    let answer = engine.clients.get(token).unwrap().send_buffer().unsent().to_vec();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}
