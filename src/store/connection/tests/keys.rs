//! Requests with keys, over the loss of their connection.

use super::*;
use crate::store::keys::{Key, KeyedNumber};
use KeyedNumber::{Granted, NoneLeft};

fn keys(names: &[&str]) -> Keys {
    names.iter().map(|name| Key::new(name.as_bytes()).expect("it is a key")).collect()
}

fn granted_to_keys(first: u64, granted: u64, keyed: &[KeyedNumber]) -> Reply {
    Reply::GrantedToKeys(Grant { first, granted, limit: 9, epoch: 5 }, keyed.into())
}

impl Fixture {
    fn send(&mut self, count: u64, names: &[&str]) {
        self.connection.send(FIRST, count, keys(names), false, self.now);
    }

    /// The connection is lost, and there is another one, whose handshake ends so.
    fn connect_again(&mut self, handshake: &[u8]) {
        self.connection.lost(StoreError::Unreachable, "reset", self.now);
        self.pass(BACKOFF_MAX);
        self.connection.connected(self.now);
        self.sent();
        self.receive(handshake);
    }
}

#[test]
fn keys_go_again_with_their_request_and_what_they_got_is_no_replay() {
    let mut fixture = Fixture::ready();
    fixture.send(1, &["a", "b"]);
    fixture.send(0, &["c"]);
    let requests = fixture.sent();
    fixture.connect_again(HANDSHAKE_DONE_AGAIN);
    let first = fixture.sent();
    assert!(requests.starts_with(&first) && count_of("$1\r\nb\r\n", &first) == 1);
    fixture.receive(b"*6\r\n:3\r\n:1\r\n:9\r\n:5\r\n:1\r\n:2\r\n");
    let seen_since = fixture.sent();
    assert_eq!(count_of("$1\r\nc\r\n", &seen_since), 1);
    fixture.receive(b"*5\r\n:5\r\n:0\r\n:9\r\n:5\r\n:4\r\n");
    let expected =
        [granted_to_keys(3, 1, &[Granted(1), Granted(2)]), granted_to_keys(5, 0, &[Granted(4)])];
    assert_eq!(fixture.replies(), expected);
}

#[test]
fn a_request_with_keys_of_an_epoch_that_has_ended_is_not_sent_again() {
    let mut fixture = Fixture::ready();
    fixture.send(0, &["a"]);
    fixture
        .connect_again(b"%0\r\n+hash\r\n+hash\r\n+OK\r\n+found\r\n*4\r\n:1\r\n:0\r\n:9\r\n:6\r\n");
    assert_eq!(fixture.replies(), [Reply::NotRun]);
    assert_eq!(count_of("EVALSHA", &fixture.sent()), 0);
}

#[test]
fn keys_are_told_of_another_epoch_and_of_nothing_else() {
    let mut fixture = Fixture::ready();
    fixture.send(1, &["a"]);
    fixture.receive(b"*5\r\n:1\r\n:0\r\n:9\r\n:6\r\n+reset\r\n");
    let grant = Grant { first: 1, granted: 0, limit: 9, epoch: 6 };
    assert_eq!(fixture.replies(), [Reply::Granted(grant)]);
}

#[test]
fn other_than_one_number_for_each_key_is_never_handed_out() {
    let rows: [(&[&str], &[u8]); 4] = [
        (&["a", "b"], b"*5\r\n:2\r\n:0\r\n:9\r\n:5\r\n:1\r\n"),
        (&["a"], b"*6\r\n:3\r\n:0\r\n:9\r\n:5\r\n:1\r\n:2\r\n"),
        (&["a"], b"*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n"),
        (&[], b"*5\r\n:2\r\n:0\r\n:9\r\n:5\r\n:1\r\n"),
    ];
    for (names, answer) in rows {
        let mut fixture = Fixture::ready();
        fixture.send(1, names);
        fixture.receive(answer);
        assert_eq!(fixture.replies(), [], "{names:?}");
        assert_eq!(fixture.commands(), [Command::Disconnect], "{names:?}");
    }
}

/// The store was rolled back between two requests in flight: a key's number counts as any other.
#[test]
fn a_keys_number_that_was_granted_before_is_not_handed_out() {
    let mut fixture = Fixture::ready();
    fixture.send(0, &["a"]);
    fixture.send(0, &["b"]);
    fixture.send(0, &["a", "c"]);
    fixture.receive(b"*5\r\n:2\r\n:0\r\n:9\r\n:5\r\n:1\r\n*5\r\n:2\r\n:0\r\n:9\r\n:5\r\n:1\r\n");
    fixture.receive(b"*6\r\n:2\r\n:0\r\n:9\r\n:5\r\n:-1\r\n:0\r\n");
    let expected = [
        granted_to_keys(2, 0, &[Granted(1)]),
        Reply::Failed(StoreError::Backwards),
        granted_to_keys(2, 0, &[KeyedNumber::Replayed { number: 1, epoch: 5 }, NoneLeft]),
    ];
    assert_eq!(fixture.replies(), expected);
}
