//! The end of a connection when the process stops.

use super::*;
use crate::limits::{DRAIN_ANSWER_TIMEOUT, DRAIN_IDLE_TIMEOUT};

impl Fixture {
    /// The process was told to stop, and still accepts.
    fn announce_end(&mut self) {
        self.turn.draining = true;
    }

    /// Accepting has ended.
    fn drain(&mut self) {
        self.announce_end();
        self.turn.answer_by = Some(self.turn.now + DRAIN_ANSWER_TIMEOUT);
    }

    /// How many of the unsent answers are there, and how many of them say that they are the last.
    fn answers_and_closes(&mut self) -> (usize, usize) {
        let text = String::from_utf8(self.client.send_buffer().unsent().to_vec()).unwrap();
        let closes = text.matches("Connection: close").count();
        assert!(closes == 0 || text.rfind("HTTP/1.1 ") < text.find("Connection: close"), "{text}");
        (text.matches("HTTP/1.1 ").count(), closes)
    }
}

#[test]
fn what_was_sent_before_the_end_is_answered_and_the_last_answer_says_so() {
    let mut fixture = Fixture::new();
    fixture.receive(&GET.repeat(2));
    fixture.drain();
    assert_eq!(fixture.receive(GET), 1);
    for number in 1..=3 {
        assert_eq!(fixture.client.finished(), None);
        fixture.answer(Outcome::Number(number));
    }
    assert_eq!(fixture.answers_and_closes(), (3, 1));
    fixture.sent();
    assert_eq!(fixture.client.finished(), Some(CloseReason::Draining));
    assert!(fixture.client.lingers(false), "what crosses the answer must not reset it");
}

#[test]
fn requests_of_other_kinds_behind_the_awaited_one_are_answered_too() {
    let mut fixture = Fixture::new();
    fixture.announce_end();
    assert_eq!(fixture.receive(&[GET, LIVEZ, LIVEZ, STATUS].concat()), 1);
    fixture.answer(Outcome::Number(1));
    assert_eq!(fixture.receive(""), 1);
    fixture.answer(Outcome::Read(Count { taken: 1, limit: 9 }));
    assert_eq!(fixture.answers_and_closes(), (4, 1));
}

#[test]
fn an_answer_is_not_the_last_while_a_request_is_half_here() {
    let mut fixture = Fixture::new();
    fixture.drain();
    let (start, rest) = LIVEZ.split_at(9);
    fixture.receive(&[LIVEZ, start].concat());
    assert_eq!(fixture.answers_and_closes(), (1, 0));
    fixture.sent();
    fixture.receive(rest);
    assert_eq!(fixture.answers_and_closes(), (1, 1));
}

#[test]
fn one_who_sends_on_for_ever_is_ended_with_the_last_answers() {
    let mut fixture = Fixture::new();
    fixture.drain();
    let endless = [LIVEZ, "GET /"].concat();
    fixture.receive(&endless);
    assert_eq!(fixture.answers_and_closes(), (1, 0));
    fixture.turn.now += DRAIN_ANSWER_TIMEOUT;
    fixture.receive(&LIVEZ[5..]);
    fixture.sent();
    assert_eq!(fixture.client.finished(), Some(CloseReason::Draining));
}

#[test]
fn a_half_request_has_until_the_last_answers_and_then_its_own() {
    for start in ["GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"] {
        let mut fixture = Fixture::new();
        fixture.receive(start);
        fixture.drain();
        assert!(!fixture.pass(DRAIN_ANSWER_TIMEOUT - Duration::from_millis(1)));
        assert!(fixture.pass(Duration::from_millis(1)), "{start:?}");
        assert_eq!(fixture.sent(), [r#"{"error":"request timeout"}"#]);
        assert_eq!(fixture.client.finished(), Some(CloseReason::RequestTimeout));
    }
}

#[test]
fn one_who_was_there_a_moment_ago_is_waited_for_and_the_others_are_not() {
    let mut new = Fixture::new();
    new.drain();
    assert!(!new.pass(DRAIN_IDLE_TIMEOUT - Duration::from_millis(1)));
    assert!(new.pass(Duration::from_millis(1)));
    assert_eq!(new.client.finished(), Some(CloseReason::Idle));

    let mut idle = Fixture::new();
    idle.announce_end();
    assert!(!idle.pass(DRAIN_IDLE_TIMEOUT), "before accepting ends nobody is sent away");
    idle.drain();
    assert!(idle.pass(Duration::ZERO));
}

#[test]
fn who_asks_at_the_last_moment_is_no_idler() {
    for timeout in [IDLE_TIMEOUT, DRAIN_IDLE_TIMEOUT] {
        let mut fixture = Fixture::new();
        if timeout == DRAIN_IDLE_TIMEOUT {
            fixture.drain();
        }
        assert!(fixture.pass(timeout));
        assert_eq!(fixture.client.finished(), Some(CloseReason::Idle));
        assert_eq!(fixture.receive(GET), 1);
        assert_eq!(fixture.client.finished(), None);
        fixture.answer(Outcome::Number(1));
        assert_eq!(fixture.sent(), [number(1)]);
    }
}

#[test]
fn an_answer_is_not_the_last_while_the_socket_has_more() {
    let mut fixture = Fixture::new();
    fixture.drain();
    fixture.client.set_unread(true);
    fixture.receive(&LIVEZ.repeat(2));
    assert_eq!(fixture.answers_and_closes(), (2, 0));
    fixture.sent();
    fixture.client.set_unread(false);
    fixture.receive(LIVEZ);
    assert_eq!(fixture.answers_and_closes(), (1, 1));
}

#[test]
fn an_empty_line_behind_a_request_is_no_other_request() {
    for taking in [false, true] {
        let mut fixture = Fixture::new();
        fixture.drain();
        fixture.receive(&[if taking { GET } else { LIVEZ }, "\r\n\r\n"].concat());
        if taking {
            fixture.answer(Outcome::Number(1));
        }
        assert_eq!(fixture.answers_and_closes(), (1, 1), "{taking}");
    }
}
