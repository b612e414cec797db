//! One wake after another, with a store in the process and with one that says what it is told to.

mod away;
mod halted;
mod many;
mod shared_store;

use std::time::Duration;

use super::*;
use crate::api::admin::change::ChangeRequest;
use crate::config::StoreUrl;
use crate::engine::changes::AdminChange;
use crate::engine::client::Peer;
use crate::limits::DRAIN_ANSWER_TIMEOUT;
use crate::store::connection::Connection;
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::memory::Memory;
use crate::store::redis::Redis;
use crate::store::wire::Wire;

fn counters(limit: u64) -> Arc<Counters> {
    Arc::new(Counters::new([("default", limit)].into_iter(), true))
}

fn engine() -> Engine {
    let settings = Settings { store_timeout: Duration::from_millis(500), ..Settings::default() };
    let store = Store::Memory(Memory::new([9].into_iter(), 1));
    Engine::new(store, counters(9), settings, Arc::new(Shared::new(1)), Instant::now())
}

fn touched(engine: &mut Engine) -> Vec<Token> {
    let mut touched = Vec::new();
    engine.clients.swap_touched(&mut touched);
    touched
}

#[test]
fn one_wake_takes_for_all_who_came_in_it() {
    let mut engine = engine();
    let tokens = [engine.clients.insert(Peer::default()), engine.clients.insert(Peer::default())];
    for token in tokens {
        engine.receive(token, b"GET / HTTP/1.0\r\n\r\n");
    }
    engine.finish_turn();
    for (token, number) in tokens.into_iter().zip(1..) {
        let answer = engine.clients.get(token).unwrap().send_buffer().unsent().to_vec();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.ends_with(&format!(r#""request_num":{number}}}"#)), "{answer}");
    }
}

#[test]
fn an_unfinished_head_is_left_alone_until_more_of_it_comes() {
    let mut engine = engine();
    let token = engine.clients.insert(Peer::default());
    engine.receive(token, b"GET / HTTP/1.1\r\nHost:");
    assert_eq!(touched(&mut engine), [token]);
    engine.finish_turn();
    assert_eq!(touched(&mut engine), []);
}

#[test]
fn what_was_held_back_goes_on_when_the_answers_before_it_are_sent() {
    let mut engine = engine();
    let token = engine.clients.insert(Peer::default());
    let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.0\r\n\r\n";
    engine.receive(token, requests);
    engine.finish_turn();
    let first = engine.clients.get(token).unwrap().send_buffer().unsent().len();
    engine.sent(token, first - 1);
    assert_eq!(engine.clients.get(token).unwrap().send_buffer().unsent().len(), 1);
    engine.sent(token, 1);
    let second = engine.clients.get(token).unwrap().send_buffer().unsent().to_vec();
    assert!(second.starts_with(b"HTTP/1.1 404"));
}

// --- with a store behind a connection -----------------------------------------------------------

const HANDSHAKE_DONE: &[u8] = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n+found\r\n\
    *4\r\n:1\r\n:0\r\n:100\r\n:5\r\n";

/// An engine whose Redis is not connected yet.
fn engine_of_redis(timeout: Duration, now: Instant) -> Engine {
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost") else {
        panic!("the URL is good");
    };
    let known = counters(100);
    let redis = Redis::new(url, Arc::clone(&known), None, timeout, 7);
    let wire = Wire::Redis(Box::new(redis));
    let connection = Connection::new(wire, Arc::clone(&known), timeout, 7, now);
    let settings = Settings { store_timeout: timeout, ..Settings::default() };
    let store = Store::Connection(Box::new(connection));
    Engine::new(store, known, settings, Arc::new(Shared::new(1)), now)
}

/// An engine whose store says what the test has it say.
struct Linked {
    engine: Engine,
    now: Instant,
}

impl Linked {
    fn new() -> Linked {
        Linked::with_timeout(Duration::from_millis(500))
    }

    fn with_timeout(timeout: Duration) -> Linked {
        let now = Instant::now();
        let mut linked = Linked { engine: engine_of_redis(timeout, now), now };
        linked.engine.finish_turn();
        linked.connection().connected(now);
        linked.receive(HANDSHAKE_DONE);
        linked.sent();
        linked
    }

    fn connection(&mut self) -> &mut Connection {
        match &mut self.engine.store {
            Store::Connection(connection) => connection,
            _ => unreachable!("it was made with a connection"),
        }
    }

    /// So many clients come, each with one take.
    fn take(&mut self, count: usize) -> Vec<Token> {
        let tokens: Vec<Token> =
            (0..count).map(|_| self.engine.clients.insert(Peer::default())).collect();
        for token in &tokens {
            self.engine.receive(*token, b"GET / HTTP/1.0\r\n\r\n");
        }
        self.engine.finish_turn();
        tokens
    }

    fn receive(&mut self, bytes: &[u8]) {
        let now = self.now;
        self.connection().received(bytes, now);
        self.engine.finish_turn();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.engine.clients.turn_mut().now = self.now;
        self.engine.finish_turn();
    }

    fn grant(&mut self, first: u64, granted: u64, limit: u64, epoch: u64) {
        let bytes = format!("*4\r\n:{first}\r\n:{granted}\r\n:{limit}\r\n:{epoch}\r\n");
        self.receive(bytes.as_bytes());
    }

    /// How many numbers were asked for in each request to the store since the last call.
    fn sent(&mut self) -> Vec<u64> {
        let sent =
            String::from_utf8(self.connection().seal_and_buffer().unsent().to_vec()).unwrap();
        self.connection().seal_and_buffer().advance(sent.len());
        let counts = sent.split("headcount:{default}\r\n").skip(1);
        counts.map(|rest| rest.lines().nth(1).unwrap().parse().unwrap()).collect()
    }

    /// The `request_num` of the answer, `None` if there is none; negative with a go away.
    fn answer(&mut self, token: Token) -> Option<i64> {
        let answer = self.engine.clients.get(token)?.send_buffer().unsent().to_vec();
        let answer = String::from_utf8(answer).unwrap();
        let number = answer.split_once("\"request_num\":")?.1.trim_end_matches('}');
        let number: i64 = number.parse().unwrap();
        Some(if answer.contains("Go") { -number } else { number })
    }

    fn answers(&mut self, tokens: &[Token]) -> Vec<Option<i64>> {
        tokens.iter().map(|token| self.answer(*token)).collect()
    }

    /// Three ask and leave, and the store grants them 1, 2 and 3.
    fn with_three_unclaimed() -> Linked {
        let mut linked = Linked::new();
        for token in linked.take(3) {
            linked.engine.disconnect(token, CloseReason::Reset);
        }
        assert_eq!(linked.sent(), [3]);
        linked.grant(1, 3, 100, 5);
        linked
    }
}

#[test]
fn unclaimed_numbers_go_to_the_next_who_ask_once_the_store_has_spoken() {
    let mut linked = Linked::with_three_unclaimed();
    let tokens = linked.take(2);
    assert_eq!(linked.sent(), [0], "enough are there: the store is only looked at");
    assert_eq!(linked.answers(&tokens), [None, None]);
    linked.grant(4, 0, 100, 5);
    assert_eq!(linked.answers(&tokens), [Some(1), Some(2)]);
    let tokens = linked.take(3);
    assert_eq!(linked.sent(), [2]);
    linked.grant(4, 2, 100, 5);
    assert_eq!(linked.answers(&tokens), [Some(3), Some(4), Some(5)]);
}

#[test]
fn unclaimed_numbers_end_with_their_epoch_and_who_counted_on_them_asks_again() {
    let mut linked = Linked::with_three_unclaimed();
    let tokens = linked.take(2);
    linked.sent();
    linked.grant(1, 0, 5, 6);
    assert_eq!(linked.sent(), [2]);
    linked.grant(1, 2, 5, 6);
    assert_eq!(linked.answers(&tokens), [Some(1), Some(2)]);
}

#[test]
fn unclaimed_numbers_past_a_lowered_limit_stay_until_it_is_raised() {
    let mut linked = Linked::with_three_unclaimed();
    let tokens = linked.take(3);
    linked.grant(4, 0, 2, 5);
    assert_eq!(linked.answers(&tokens), [Some(1), Some(2), Some(-2)]);
    linked.receive(b"+OK\r\n*4\r\n:4\r\n:0\r\n:2\r\n:5\r\n");
    linked.sent();
    let tokens = linked.take(1);
    assert_eq!(linked.answers(&tokens), [Some(-2)]);
    assert_eq!(linked.sent(), [0; 0], "3 is past the limit: the halt that is known will do");
    linked.receive(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$19\r\nheadcount:{default}\r\n");
    let tokens = linked.take(1);
    linked.grant(4, 0, 100, 5);
    assert_eq!(linked.answers(&tokens), [Some(3)]);
}

/// It went on from an older copy, and may have granted them to others since.
#[test]
fn unclaimed_numbers_are_given_up_when_the_store_has_lost_their_grant() {
    for (outcome, expected) in [("found", 0), ("lost", 1)] {
        let mut linked = Linked::with_three_unclaimed();
        let now = linked.now;
        linked.connection().lost(StoreError::Unreachable, "failover", now);
        linked.now += Duration::from_secs(1);
        linked.engine.clients.turn_mut().now = linked.now;
        linked.engine.finish_turn();
        linked.connection().connected(now);
        let reply = "%0\r\n+hash\r\n+hash\r\n+OK\r\n+OUTCOME\r\n*4\r\n:8\r\n:0\r\n:100\r\n:5\r\n";
        linked.receive(reply.replace("OUTCOME", outcome).as_bytes());
        linked.sent();
        linked.take(1);
        assert_eq!(linked.sent(), [expected], "{outcome}");
    }
}

#[test]
fn unclaimed_numbers_are_not_handed_out_while_the_store_refuses() {
    let mut linked = Linked::with_three_unclaimed();
    let tokens = linked.take(1);
    linked.receive(b"-MISSING the counter has no fields\r\n");
    let answer = linked.engine.clients.get(tokens[0]).unwrap().send_buffer().unsent().to_vec();
    assert!(answer.starts_with(b"HTTP/1.1 503"));
}

#[test]
fn who_waits_when_the_process_stops_is_answered_before_its_end() {
    let mut linked = Linked::with_timeout(Duration::from_secs(60));
    let tokens = linked.take(2);
    linked.engine.drain();
    assert!(!linked.engine.is_idle());
    linked.engine.clients.turn_mut().now += DRAIN_ANSWER_TIMEOUT;
    linked.engine.finish_turn();
    for token in tokens {
        let answer = linked.engine.clients.get(token).unwrap().send_buffer().unsent().to_vec();
        assert!(answer.starts_with(b"HTTP/1.1 503"));
        linked.engine.disconnect(token, CloseReason::Draining);
    }
    assert!(!linked.engine.is_idle(), "the store has not said what it granted");
    linked.grant(1, 2, 100, 5);
    assert!(linked.engine.is_idle());
}

#[test]
fn a_change_that_is_not_done_is_waited_for_at_the_end_and_then_given_up() {
    let mut linked = Linked::new();
    let token = linked.engine.clients.insert(Peer::default());
    let (peer, request) = (Peer::default().address, ChangeRequest::Limit(9));
    let deadline = linked.now + Duration::from_secs(60);
    let change = AdminChange { token, peer, counter: CounterId::FIRST, request, deadline };
    linked.engine.changes.push(change);
    linked.engine.disconnect(token, CloseReason::Reset);
    linked.engine.drain();
    assert!(!linked.engine.is_idle());
    let due = linked.engine.deadline(linked.now).expect("it has an end");
    assert!(due <= linked.now + DRAIN_ANSWER_TIMEOUT);
    linked.pass(DRAIN_ANSWER_TIMEOUT);
    assert!(linked.engine.is_idle());
}

/// A /readyz that was held back behind a take is looked at when the answer before it is
/// sent. The next turn has work then: its write check is to be made.
#[test]
fn a_readyz_that_was_held_back_is_worth_a_turn() {
    let mut engine = engine();
    let token = engine.clients.insert(Peer::default());
    let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
    engine.receive(token, requests);
    engine.finish_turn();
    let first = engine.clients.get(token).unwrap().send_buffer().unsent().len();
    engine.sent(token, first);
    let now = engine.clients.turn_mut().now;
    assert_eq!(engine.deadline(now), Some(now));
}
