//! After the last number: when the store is asked, when it is not, and what ends that.

use super::*;
use crate::api::route::Listener;
use crate::limits::{
    BACKOFF_MAX, BATCH_LINGER, BATCHES_IN_FLIGHT_MAX, HALT_CACHE_TTL, HEARTBEAT, PROBE_TIMEOUT,
};
use crate::store::connection::Command;

/// To a request for one number more than the 9 there are.
const HALTED: &[u8] = b"*4\r\n:10\r\n:0\r\n:9\r\n:5\r\n";
/// To a probe whose changes are told of.
const PROBED_HALTED: &[u8] = b"+OK\r\n*4\r\n:10\r\n:0\r\n:9\r\n:5\r\n";
/// Somebody reset the counter, and somebody emptied the store.
const CHANGED: &[u8] = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$19\r\nheadcount:{default}\r\n";
const EMPTIED: &[u8] = b">2\r\n$10\r\ninvalidate\r\n_\r\n";

impl Linked {
    /// With a Redis that has said halted and tracks the counter.
    fn halted() -> Linked {
        let mut linked = Linked::new();
        let tokens = linked.take(1);
        linked.sent();
        linked.receive(HALTED);
        assert_eq!(linked.answers(&tokens), [Some(-9)]);
        assert_eq!(linked.sent(), [0], "the probe");
        linked.receive(PROBED_HALTED);
        linked
    }

    /// With a Redis that does not track for its user; the counter has numbers.
    fn untracked() -> Linked {
        let mut linked = Linked::new();
        linked.pass(HEARTBEAT);
        linked.receive(b"-NOPERM\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n");
        linked.sent();
        linked
    }

    /// Whether the store is asked for the number of one more client, who else is sent away.
    fn is_asked(&mut self) -> bool {
        let tokens = self.take(1);
        let is_asked = self.sent() == [1];
        assert_ne!(is_asked, self.answers(&tokens) == [Some(-9)]);
        is_asked
    }
}

/// They were granted before the halt, and the store may say that they are no more to be handed out.
#[test]
fn a_halted_counter_is_asked_while_unclaimed_numbers_are_within_its_limit() {
    let mut linked = Linked::new();
    for token in linked.take(9) {
        linked.engine.disconnect(token, CloseReason::Reset);
    }
    linked.grant(1, 9, 9, 5);
    linked.receive(PROBED_HALTED);
    linked.sent();
    let tokens = linked.take(1);
    assert_eq!(linked.sent(), [0]);
    assert_eq!(linked.answers(&tokens), [None]);
    linked.receive(HALTED);
    assert_eq!(linked.answers(&tokens), [Some(1)]);
}

/// Else they would wait for the store, and a slow one would hold them up.
#[test]
fn who_has_no_key_is_sent_away_at_once_while_a_halted_counter_is_asked_for_keys() {
    let mut linked = Linked::halted();
    let with_key = linked.engine.clients.insert(Peer::default());
    linked.engine.receive(with_key, b"GET / HTTP/1.0\r\nIdempotency-Key: a\r\n\r\n");
    linked.engine.finish_turn();
    assert_eq!(linked.sent(), [0], "for the key alone");
    let others = linked.take(2);
    assert_eq!(linked.answers(&others), [Some(-9), Some(-9)]);
    assert_eq!(linked.sent(), [0; 0]);
    linked.receive(b"*5\r\n:10\r\n:0\r\n:9\r\n:5\r\n:-7\r\n");
    assert_eq!(linked.answer(with_key), Some(7));
}

#[test]
fn a_halted_counter_is_asked_for_no_more() {
    let mut linked = Linked::halted();
    for _ in 0..1_000 {
        assert_eq!(linked.take(3).len(), 3);
    }
    assert_eq!(linked.sent(), [0; 0]);
}

#[test]
fn a_change_of_the_counter_ends_the_cached_halt() {
    for change in [CHANGED, EMPTIED] {
        let mut linked = Linked::halted();
        linked.receive(change);
        assert!(linked.is_asked());
    }
}

/// The store sends in the order of what happened: a change before the probe is known to the probe.
#[test]
fn a_change_before_the_answer_to_a_probe_is_older_than_it() {
    let mut linked = Linked::halted();
    linked.receive(CHANGED);
    assert!(linked.is_asked());
    linked.receive(HALTED);
    linked.sent();
    linked.receive(CHANGED);
    linked.receive(PROBED_HALTED);
    assert!(!linked.is_asked());
}

#[test]
fn a_grant_of_the_last_numbers_says_halted_too() {
    let mut linked = Linked::new();
    linked.take(12);
    linked.receive(b"*4\r\n:1\r\n:9\r\n:9\r\n:5\r\n");
    linked.receive(PROBED_HALTED);
    linked.sent();
    linked.pass(BATCH_LINGER);
    assert!(!linked.is_asked());
}

#[test]
fn until_the_probe_is_answered_the_store_is_asked_and_probed_once() {
    let mut linked = Linked::new();
    let tokens = [linked.take(1), linked.take(1)].concat();
    assert_eq!(linked.sent(), [1, 1]);
    linked.receive(HALTED);
    linked.receive(HALTED);
    assert_eq!(linked.answers(&tokens), [Some(-9), Some(-9)]);
    assert_eq!(linked.sent(), [0], "one probe");
    assert!(linked.is_asked());
    linked.receive(PROBED_HALTED);
    linked.receive(HALTED);
    assert_eq!(linked.sent(), [0; 0]);
    assert!(!linked.is_asked());
}

#[test]
fn a_limit_that_was_raised_before_the_probe_is_asked_for() {
    let mut linked = Linked::new();
    linked.take(1);
    linked.receive(HALTED);
    linked.receive(b"+OK\r\n*4\r\n:10\r\n:0\r\n:20\r\n:5\r\n");
    linked.sent();
    assert!(linked.is_asked());
}

#[test]
fn a_lost_connection_ends_the_cached_halt() {
    let mut linked = Linked::halted();
    let now = linked.now;
    linked.connection().lost(StoreError::Unreachable, "reset", now);
    let tokens = linked.take(1);
    assert_eq!(linked.answers(&tokens), [None]);
    linked.pass(BACKOFF_MAX);
    let now = linked.now;
    linked.connection().connected(now);
    linked.receive(b"%0\r\n+hash\r\n+hash\r\n+OK\r\n+found\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n");
    linked.sent();
    assert!(linked.is_asked());
}

#[test]
fn a_silent_store_is_probed_and_the_halt_is_cached_meanwhile() {
    let mut linked = Linked::halted();
    for _ in 0..3 {
        linked.pass(HEARTBEAT - Duration::from_millis(1));
        assert_eq!(linked.sent(), [0; 0]);
        linked.pass(Duration::from_millis(1));
        assert_eq!(linked.sent(), [0]);
        assert!(!linked.is_asked());
        linked.receive(PROBED_HALTED);
    }
}

#[test]
fn a_probe_without_answer_ends_the_connection() {
    let mut linked = Linked::halted();
    linked.pass(HEARTBEAT);
    assert_eq!(linked.engine.deadline(linked.now), Some(linked.now + PROBE_TIMEOUT));
    linked.pass(PROBE_TIMEOUT);
    let commands: Vec<Command> = std::iter::from_fn(|| linked.connection().command()).collect();
    assert_eq!(commands.last(), Some(&Command::Disconnect));
    assert_eq!(linked.connection().last_fault().error, StoreError::Timeout);
}

/// The message of a change was lost, or the key was deleted where none is sent.
#[test]
fn a_probe_that_finds_numbers_or_no_counter_ends_the_cached_halt() {
    for answer in ["*4\r\n:1\r\n:0\r\n:9\r\n:6\r\n", "-NOCOUNTER gone\r\n"] {
        let mut linked = Linked::halted();
        linked.pass(HEARTBEAT);
        linked.sent();
        linked.receive(b"+OK\r\n");
        linked.receive(answer.as_bytes());
        assert!(linked.is_asked(), "{answer}");
    }
}

#[test]
fn a_probe_takes_nothing() {
    let mut linked = Linked::new();
    linked.pass(HEARTBEAT);
    linked.receive(b"+OK\r\n*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n");
    let commands: Vec<Command> = std::iter::from_fn(|| linked.connection().command()).collect();
    assert_eq!(commands.last(), Some(&Command::Disconnect));
}

/// Whether the right to track is missing from the start, or is taken away.
#[test]
fn a_store_that_does_not_track_has_its_halt_cached_for_a_moment() {
    let mut linked = Linked::untracked();
    for _ in 0..3 {
        assert!(linked.is_asked());
        linked.receive(HALTED);
        assert_eq!(linked.sent(), [0; 0]);
        assert!(!linked.is_asked());
        linked.pass(HALT_CACHE_TTL);
    }
}

/// A script of somebody else's runs for too long.
#[test]
fn a_probe_that_is_refused_once_is_tracked_the_next_time() {
    let mut linked = Linked::halted();
    linked.pass(HEARTBEAT);
    linked.sent();
    linked.receive(b"-BUSY Redis is busy running a script.\r\n-BUSY\r\n");
    assert!(linked.is_asked());
    linked.receive(HALTED);
    assert_eq!(linked.sent(), [0]);
    linked.receive(PROBED_HALTED);
    linked.pass(HALT_CACHE_TTL);
    assert!(!linked.is_asked());
}

/// A reset between two requests that were in flight, where the store does not tell of it.
#[test]
fn an_answer_that_contradicts_a_halt_ends_it() {
    let mut linked = Linked::untracked();
    let tokens = [linked.take(1), linked.take(1)].concat();
    linked.sent();
    linked.receive(HALTED);
    linked.receive(b"*4\r\n:1\r\n:1\r\n:9\r\n:6\r\n");
    assert_eq!(linked.answers(&tokens), [Some(-9), Some(1)]);
    linked.sent();
    assert!(linked.is_asked());
}

#[test]
fn what_is_in_flight_is_waited_for_once_a_halt_is_known() {
    let mut linked = Linked::untracked();
    let tokens = [linked.take(1), linked.take(1)].concat();
    linked.sent();
    linked.receive(HALTED);
    let late = linked.take(1);
    assert_eq!(linked.sent(), [0; 0]);
    assert_eq!(linked.answers(&late), [None]);
    linked.receive(HALTED);
    assert_eq!(linked.answers(&[tokens, late].concat()), [Some(-9); 3]);
    assert_eq!(linked.sent(), [0; 0]);
}

/// Whoever asked has a deadline of his own, and the store's answer to him is as good as a probe's.
#[test]
fn no_probe_is_sent_while_a_request_is_in_flight() {
    let mut linked = Linked::with_timeout(Duration::from_secs(2));
    linked.pass(HEARTBEAT - Duration::from_millis(250));
    linked.take(1);
    assert_eq!(linked.sent(), [1]);
    linked.pass(Duration::from_millis(250));
    assert_eq!(linked.sent(), [0; 0]);
}

#[test]
fn no_more_than_the_bound_of_batches_is_in_flight() {
    let mut linked = Linked::new();
    for _ in 0..BATCHES_IN_FLIGHT_MAX {
        linked.take(1);
        assert_eq!(linked.sent(), [1]);
    }
    linked.take(2);
    assert_eq!(linked.sent(), [0; 0]);
    linked.grant(1, 1, 100, 5);
    assert_eq!(linked.sent(), [2]);
}

#[test]
fn a_report_is_of_what_the_store_holds_now_and_not_of_the_cached_halt() {
    let mut linked = Linked::halted();
    assert!(!linked.is_asked());
    let peer = Peer { listener: Listener::Admin, ..Peer::default() };
    let token = linked.engine.clients.insert(peer);
    let request = b"GET /counters/default HTTP/1.1\r\nHost: localhost\r\n\r\n";
    linked.engine.receive(token, request);
    linked.engine.finish_turn();
    assert_eq!(linked.sent(), [0], "it is read");
    linked.receive(b"*4\r\n:10\r\n:0\r\n:20\r\n:5\r\n");
    let client = linked.engine.clients.get(token).expect("it is here");
    let answer = String::from_utf8_lossy(client.send_buffer().unsent()).into_owned();
    assert!(answer.contains(r#""state":"open","taken":9,"limit":20"#), "{answer}");
}
