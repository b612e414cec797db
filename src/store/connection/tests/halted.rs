//! After the last number: who is asked, who is not, and what ends that.

use super::*;

/// To an ask for one number more than the 9 there are.
const HALTED: &[u8] = b"*4\r\n:10\r\n:0\r\n:9\r\n:5\r\n";
/// To a probe whose changes are told of.
const PROBED_HALTED: &[u8] = b"+OK\r\n*4\r\n:10\r\n:0\r\n:9\r\n:5\r\n";
/// Somebody reset the counter, and somebody emptied the store.
const CHANGED: &[u8] = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$19\r\nheadcount:{default}\r\n";
const EMPTIED: &[u8] = b">2\r\n$10\r\ninvalidate\r\n_\r\n";

const GO_AWAY: Reply = Reply::Granted(Grant { first: 10, granted: 0, limit: 9, epoch: 5 });

impl Fixture {
    /// A connection to a Redis that has said halted and tracks the counter.
    fn halted() -> Fixture {
        let mut fixture = Fixture::ready();
        fixture.connection.send(1, None, fixture.now);
        fixture.sent();
        fixture.receive(HALTED);
        assert_eq!(fixture.replies(), [GO_AWAY]);
        let probe = fixture.sent();
        assert_eq!((count_of("CACHING", &probe), count_of("EVALSHA", &probe)), (1, 1));
        fixture.receive(PROBED_HALTED);
        fixture
    }

    /// A connection to a Redis that does not track for its user; the counter has numbers.
    fn untracked() -> Fixture {
        let mut fixture = Fixture::ready();
        fixture.pass(HEARTBEAT);
        fixture.receive(b"-NOPERM\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n");
        fixture.sent();
        fixture
    }

    fn is_awaiting_reply(&mut self) -> bool {
        self.connection.send(1, None, self.now);
        let is_awaiting_reply = count_of("EVALSHA", &self.sent()) == 1;
        assert_ne!(is_awaiting_reply, self.replies() == [GO_AWAY]);
        is_awaiting_reply
    }
}

/// They were granted before the halt, and the store may say that they are no more to be handed out.
#[test]
fn a_halted_counter_is_asked_while_unclaimed_numbers_are_within_its_limit() {
    let mut fixture = Fixture::halted();
    fixture.connection.send(0, Some(9), fixture.now);
    assert_eq!(count_of("EVALSHA", &fixture.sent()), 1);
    assert_eq!(fixture.replies(), []);
    fixture.receive(HALTED);
    assert_eq!(fixture.replies(), [GO_AWAY]);
    fixture.connection.send(0, Some(10), fixture.now);
    assert!(fixture.sent().is_empty(), "10 is past the limit");
    assert_eq!(fixture.replies(), [GO_AWAY]);
}

#[test]
fn a_halted_counter_is_asked_for_no_more() {
    let mut fixture = Fixture::halted();
    for _ in 0..1_000 {
        fixture.connection.send(3, None, fixture.now);
        assert_eq!(fixture.replies(), [GO_AWAY]);
    }
    assert!(fixture.sent().is_empty());
}

#[test]
fn a_change_of_the_counter_ends_the_belief() {
    for change in [CHANGED, EMPTIED] {
        let mut fixture = Fixture::halted();
        fixture.receive(change);
        assert!(fixture.is_awaiting_reply());
    }
}

/// The store sends in the order of what happened: a change before the probe is known to the probe.
#[test]
fn a_change_before_the_answer_to_a_probe_is_older_than_it() {
    let mut fixture = Fixture::halted();
    fixture.receive(CHANGED);
    assert!(fixture.is_awaiting_reply());
    fixture.receive(HALTED);
    fixture.replies();
    fixture.sent();
    fixture.receive(CHANGED);
    fixture.receive(PROBED_HALTED);
    assert!(!fixture.is_awaiting_reply());
}

#[test]
fn a_grant_of_the_last_numbers_says_halted_too() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(12, None, fixture.now);
    fixture.receive(b"*4\r\n:1\r\n:9\r\n:9\r\n:5\r\n");
    fixture.receive(PROBED_HALTED);
    fixture.replies();
    fixture.sent();
    assert!(!fixture.is_awaiting_reply());
}

#[test]
fn until_the_probe_is_answered_the_store_is_asked_and_probed_once() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(1, None, fixture.now);
    fixture.connection.send(1, None, fixture.now);
    fixture.sent();
    fixture.receive(HALTED);
    fixture.receive(HALTED);
    assert_eq!(fixture.replies(), [GO_AWAY, GO_AWAY]);
    assert_eq!(count_of("EVALSHA", &fixture.sent()), 1);
    assert!(fixture.is_awaiting_reply());
    fixture.receive(PROBED_HALTED);
    fixture.receive(HALTED);
    assert_eq!(fixture.replies(), [GO_AWAY]);
    assert_eq!(fixture.sent(), b"");
    assert!(!fixture.is_awaiting_reply());
}

#[test]
fn a_limit_that_was_raised_before_the_probe_is_asked_for() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(1, None, fixture.now);
    fixture.receive(HALTED);
    fixture.receive(b"+OK\r\n*4\r\n:10\r\n:0\r\n:20\r\n:5\r\n");
    fixture.replies();
    fixture.sent();
    assert!(fixture.is_awaiting_reply());
}

#[test]
fn a_lost_connection_ends_the_belief() {
    let mut fixture = Fixture::halted();
    fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
    assert!(!fixture.connection.can_send());
    fixture.pass(BACKOFF_MAX);
    fixture.connection.connected();
    fixture.receive(HANDSHAKE_DONE_AGAIN);
    fixture.sent();
    assert!(fixture.is_awaiting_reply());
}

#[test]
fn a_silent_store_is_probed_and_believed_meanwhile() {
    let mut fixture = Fixture::halted();
    for _ in 0..3 {
        fixture.pass(HEARTBEAT - Duration::from_millis(1));
        assert!(fixture.sent().is_empty());
        fixture.pass(Duration::from_millis(1));
        assert_eq!(count_of("EVALSHA", &fixture.sent()), 1);
        assert!(!fixture.is_awaiting_reply());
        fixture.receive(PROBED_HALTED);
    }
}

#[test]
fn a_probe_without_answer_ends_the_connection() {
    let mut fixture = Fixture::halted();
    fixture.pass(HEARTBEAT);
    assert_eq!(fixture.connection.deadline(), Some(fixture.now + PROBE_TIMEOUT));
    fixture.pass(PROBE_TIMEOUT);
    assert_eq!(fixture.commands().last(), Some(&Command::Disconnect));
    assert_eq!(fixture.connection.last_error().error, StoreError::Timeout);
}

/// The word of a change was lost, or the key was deleted where none is sent.
#[test]
fn a_probe_that_finds_numbers_or_no_counter_ends_the_belief() {
    for answer in ["*4\r\n:1\r\n:0\r\n:9\r\n:6\r\n", "-NOCOUNTER gone\r\n"] {
        let mut fixture = Fixture::halted();
        fixture.pass(HEARTBEAT);
        fixture.sent();
        fixture.receive(b"+OK\r\n");
        fixture.receive(answer.as_bytes());
        assert!(fixture.is_awaiting_reply(), "{answer}");
    }
}

#[test]
fn a_probe_takes_nothing() {
    let mut fixture = Fixture::ready();
    fixture.pass(HEARTBEAT);
    fixture.receive(b"+OK\r\n*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n");
    assert_eq!(fixture.commands().last(), Some(&Command::Disconnect));
    assert_eq!(fixture.replies(), []);
}

/// Whether the right to track is missing from the start, or is taken away.
#[test]
fn a_store_that_does_not_track_is_believed_for_a_moment() {
    let mut fixture = Fixture::untracked();
    for _ in 0..3 {
        assert!(fixture.is_awaiting_reply());
        fixture.receive(HALTED);
        assert_eq!(fixture.replies(), [GO_AWAY]);
        assert!(fixture.sent().is_empty());
        assert!(!fixture.is_awaiting_reply());
        fixture.pass(HALT_CACHE_TTL);
    }
}

#[test]
fn a_postgres_is_believed_for_a_moment() {
    let mut fixture = Fixture::postgres();
    assert_eq!(fixture.connection.deadline(), None);
    fixture.connection.send(1, None, fixture.now);
    let mut halted = POSTGRES_GRANTED.to_vec();
    halted[18] = 10; // The last byte of the first number.
    fixture.receive(&halted);
    assert_eq!(fixture.replies(), [GO_AWAY]);
    fixture.sent();
    fixture.connection.send(1, None, fixture.now);
    assert_eq!(fixture.replies(), [GO_AWAY]);
    assert!(fixture.sent().is_empty());
    fixture.pass(HALT_CACHE_TTL);
    fixture.connection.send(1, None, fixture.now);
    assert_eq!(fixture.replies(), []);
    assert!(!fixture.sent().is_empty());
}

/// A script of somebody else's runs for too long.
#[test]
fn a_probe_that_is_refused_once_is_tracked_the_next_time() {
    let mut fixture = Fixture::halted();
    fixture.pass(HEARTBEAT);
    fixture.sent();
    fixture.receive(b"-BUSY Redis is busy running a script.\r\n-BUSY\r\n");
    fixture.connection.send(1, None, fixture.now);
    fixture.sent();
    fixture.receive(HALTED);
    assert_eq!(fixture.replies(), [GO_AWAY]);
    assert_eq!(count_of("CACHING", &fixture.sent()), 1);
    fixture.receive(PROBED_HALTED);
    fixture.pass(HALT_CACHE_TTL);
    assert!(!fixture.is_awaiting_reply());
}

/// A reset between two asks that were in flight, where the store does not tell of it.
#[test]
fn an_answer_that_contradicts_a_halt_ends_the_belief() {
    let mut fixture = Fixture::untracked();
    fixture.connection.send(1, None, fixture.now);
    fixture.connection.send(1, None, fixture.now);
    fixture.receive(HALTED);
    fixture.receive(b"*4\r\n:1\r\n:1\r\n:9\r\n:6\r\n");
    let granted = Grant { first: 1, granted: 1, limit: 9, epoch: 6 };
    assert_eq!(fixture.replies(), [GO_AWAY, Reply::Granted(granted)]);
    fixture.sent();
    assert!(fixture.is_awaiting_reply());
}

#[test]
fn what_is_in_flight_is_waited_for_once_a_halt_is_known() {
    let mut fixture = Fixture::untracked();
    fixture.connection.send(1, None, fixture.now);
    fixture.connection.send(1, None, fixture.now);
    fixture.receive(HALTED);
    assert!(!fixture.connection.can_send());
    fixture.receive(HALTED);
    assert!(fixture.connection.can_send());
    fixture.replies();
    fixture.sent();
    assert!(!fixture.is_awaiting_reply());
}

/// Whoever asked has a deadline of his own, and the store's answer to him is as good as a probe's.
#[test]
fn no_probe_is_sent_while_an_ask_is_in_flight() {
    let mut fixture = Fixture::ready();
    fixture.pass(HEARTBEAT - TIMEOUT / 2);
    fixture.connection.send(1, None, fixture.now);
    fixture.sent();
    fixture.pass(TIMEOUT / 2);
    assert!(fixture.sent().is_empty());
}
