//! One connection in virtual time: bytes in, bytes out.

use std::time::Duration;

use super::*;
use crate::api::body::Outcome;
use crate::counter::Count;
use crate::counter::CounterId;
use crate::engine::batcher::Op;
use crate::engine::settings::Settings;
use crate::http::{Refusal, Status};
use crate::limits::{
    DISCARDED_BYTES_MAX, IDLE_TIMEOUT, LINGER_TIMEOUT, READ_BYTES_MAX, REQUEST_TIMEOUT,
    SEND_TIMEOUT, SWEEP_INTERVAL,
};
use crate::store::counters::Counters;
use crate::store::error::StoreError;

mod stopping;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const STATUS: &str = "GET /status HTTP/1.1\r\nHost: a\r\n\r\n";
const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

struct Fixture {
    client: Client,
    turn: Turn,
}

impl Fixture {
    fn new() -> Fixture {
        let now = Instant::now();
        let counters = Counters::new([("shoes", 9), ("hats", 9)].into_iter(), true);
        let settings = Settings { halted_status: Status::Gone, ..Settings::default() };
        let turn = Turn::alone(settings, counters, now);
        Fixture { client: Client::new(Peer::default(), now), turn }
    }

    /// Hands bytes in; how many requests now ask the store.
    fn receive(&mut self, bytes: &str) -> usize {
        let asking = self.client.receive(bytes.as_bytes(), &self.turn);
        self.client.update_timer(self.turn.now);
        asking
    }

    fn answer(&mut self, outcome: Outcome) {
        self.client.answer(outcome, &self.turn);
    }

    /// Takes all that is to be sent; the bodies in it, or the status lines where there are none.
    fn sent(&mut self) -> Vec<String> {
        let bytes = self.client.send_buffer().unsent().to_vec();
        self.client.sent(bytes.len());
        self.client.update_timer(self.turn.now);
        let text = String::from_utf8(bytes).unwrap();
        let answers = text.split("HTTP/1.1 ").skip(1);
        answers
            .map(|answer| match answer.split_once("\r\n\r\n").unwrap() {
                (head, "") => head.lines().next().unwrap().to_owned(),
                (_, body) => body.to_owned(),
            })
            .collect()
    }

    fn pass(&mut self, time: Duration) -> bool {
        self.turn.now += time;
        self.client.expire(&self.turn)
    }
}

fn number(number: u64) -> String {
    format!(r#"{{"hello":"world","request_num":{number}}}"#)
}

#[test]
fn pipelined_takes_all_ask_at_once_and_are_answered_in_order() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(&GET.repeat(3)), 3);
    assert_eq!(fixture.client.awaited(), Awaited::Counter(CounterId::FIRST, Op::Take));
    for outcome in [Outcome::Number(7), Outcome::Number(8), Outcome::Halted(8)] {
        fixture.answer(outcome);
    }
    let away = r#"{"Go":"away!","request_num":8}"#.to_owned();
    assert_eq!(fixture.sent(), [number(7), number(8), away]);
}

#[test]
fn every_split_of_a_pipeline_asks_for_the_same() {
    let pipeline = GET.repeat(2);
    for split in 1..pipeline.len() {
        let (start, rest) = pipeline.split_at(split);
        let mut fixture = Fixture::new();
        assert_eq!(fixture.receive(start) + fixture.receive(rest), 2, "split at {split}");
    }
}

#[test]
fn another_kind_of_request_waits_until_those_before_it_are_answered() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(&[GET, LIVEZ, STATUS, GET].concat()), 1);
    assert_eq!(fixture.sent(), [""; 0]);
    fixture.answer(Outcome::Number(1));
    assert_eq!(fixture.receive(""), 1);
    assert_eq!(fixture.client.awaited(), Awaited::Counter(CounterId::FIRST, Op::Peek));
    assert_eq!(fixture.sent(), [number(1), r#"{"status":"alive"}"#.to_owned()]);
    fixture.answer(Outcome::Read(Count { taken: 1, limit: 9 }));
    assert_eq!(fixture.receive(""), 1);
    assert_eq!(fixture.sent(), [r#"{"taken":1,"limit":9,"remaining":8,"halted":false}"#]);
}

#[test]
fn a_bad_request_is_answered_after_those_before_it_and_ends_the_connection() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(&[GET, "GET / HTTP/1.1\r\n\r\n", GET].concat()), 1);
    fixture.answer(Outcome::Number(1));
    assert_eq!(fixture.receive(""), 0);
    let refused = format!(r#"{{"error":"{}"}}"#, Refusal::MissingHost.reason());
    assert_eq!(fixture.sent(), [number(1), refused]);
    assert_eq!(fixture.client.finished(), Some(CloseReason::Refused(Refusal::MissingHost)));
    assert!(fixture.client.lingers(false));
}

/// What a second request of three may be, so that nobody knows where the third begins.
const SMUGGLERS: &[(&str, Refusal)] = &[
    // RFC 9112, section 2.2: line ends.
    ("GET / HTTP/1.1\nHost: a\n\n", Refusal::BareLineFeed),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", Refusal::BareLineFeed),
    ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::MalformedRequestLine),
    ("GET / HTTP/1.1\rHost: a\r\n\r\n", Refusal::MalformedRequestLine),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: b\rC: d\r\n\r\n", Refusal::MalformedFieldValue),
    // RFC 9112, section 3: the first line.
    ("GET /\r\n\r\n", Refusal::MalformedRequestLine),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::MalformedRequestLine),
    ("hello\r\n\r\n", Refusal::MalformedRequestLine),
    ("\0", Refusal::MalformedRequestLine),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::MalformedTarget),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::UnsupportedVersion),
    // RFC 9112, section 3.2: Host.
    ("GET / HTTP/1.1\r\n\r\n", Refusal::MissingHost),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Refusal::RepeatedHost),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Refusal::MalformedHost),
    // RFC 9112, section 5: fields.
    ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", Refusal::MalformedFieldName),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", Refusal::MalformedFieldName),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n", Refusal::MalformedFieldValue),
    // RFC 9112, section 6: framing.
    ("{POST}Content-Length: x\r\n\r\n", Refusal::MalformedContentLength),
    ("{POST}Content-Length: 5, 6\r\n\r\n", Refusal::ConflictingContentLength),
    ("{POST}Content-Length: 65537\r\n\r\n", Refusal::BodyTooLarge),
    (
        "{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refusal::ContentLengthWithTransferEncoding,
    ),
    ("{POST}Transfer-Encoding: chunked, x\r\n\r\n", Refusal::MalformedTransferEncoding),
    ("{POST}Transfer-Encoding: gzip\r\n\r\n", Refusal::UnknownTransferEncoding),
    // RFC 9112, section 7.1: chunks.
    ("{CHUNKED}5\nhello\r\n0\r\n\r\n", Refusal::BareLineFeed),
    ("{CHUNKED}5;\ra\r\nhello\r\n0\r\n\r\n", Refusal::MalformedChunkLine),
    ("{CHUNKED}4\r\nhello\r\n0\r\n\r\n", Refusal::MalformedChunkEnd),
    ("{CHUNKED}10001\r\n", Refusal::BodyTooLarge),
    ("{CHUNKED}0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::MalformedFieldName),
];

/// RFC 9112, section 11.2: whoever takes the third for a request can be made to take it for the
/// next one's.
#[test]
fn nothing_behind_a_bad_request_is_a_request_wherever_the_bytes_are_cut() {
    for (smuggler, refusal) in SMUGGLERS {
        let post = "POST / HTTP/1.1\r\nHost: a\r\n";
        let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
        let smuggler = smuggler.replace("{POST}", post).replace("{CHUNKED}", &chunked);
        let pipeline = [GET, &smuggler, GET, LIVEZ].concat();
        for split in 1..pipeline.len() {
            let (start, rest) = pipeline.split_at(split);
            let mut fixture = Fixture::new();
            let asked = fixture.receive(start) + fixture.receive(rest);
            assert_eq!(asked, 1, "{smuggler:?} split at {split}");
            fixture.answer(Outcome::Number(1));
            assert_eq!(fixture.receive(""), 0, "{smuggler:?} split at {split}");
            let refused = format!(r#"{{"error":"{}"}}"#, refusal.reason());
            assert_eq!(fixture.sent(), [number(1), refused], "{smuggler:?} split at {split}");
            assert_eq!(fixture.client.finished(), Some(CloseReason::Refused(*refusal)));
            assert_eq!(fixture.receive(&[GET, LIVEZ].concat()), 0);
            assert_eq!(fixture.sent(), [""; 0], "{smuggler:?} split at {split}");
        }
    }
}

#[test]
fn nothing_after_a_request_to_close_is_read() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(&[LAST, LAST].concat()), 1);
    assert_eq!(fixture.client.finished(), None);
    fixture.answer(Outcome::Number(1));
    assert_eq!(fixture.receive(""), 0);
    assert_eq!(fixture.sent(), [number(1)]);
    assert_eq!(fixture.client.finished(), Some(CloseReason::Requested));
    assert!(fixture.client.lingers(false), "the second request was not read by its client's end");
}

#[test]
fn a_connection_that_ends_with_its_only_answer_does_not_linger() {
    let mut fixture = Fixture::new();
    fixture.receive("GET / HTTP/1.0\r\n\r\n");
    fixture.answer(Outcome::Number(1));
    fixture.sent();
    assert_eq!(fixture.client.finished(), Some(CloseReason::Requested));
    assert!(!fixture.client.lingers(false));
    assert!(fixture.client.lingers(true));
}

#[test]
fn a_half_closed_client_gets_its_answers_first() {
    let mut fixture = Fixture::new();
    fixture.receive(&[GET, STATUS].concat());
    fixture.client.on_eof();
    assert_eq!(fixture.client.finished(), None);
    fixture.answer(Outcome::Number(1));
    assert_eq!(fixture.receive(""), 1);
    fixture.answer(Outcome::Failed(StoreError::Timeout));
    assert_eq!(fixture.sent(), [number(1), r#"{"error":"store unavailable"}"#.to_owned()]);
    assert_eq!(fixture.client.finished(), Some(CloseReason::Ended));
}

#[test]
fn an_end_in_the_middle_of_a_request_is_told_apart() {
    for start in ["GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"] {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.receive(start), 0);
        fixture.client.on_eof();
        assert_eq!(fixture.client.finished(), Some(CloseReason::Truncated), "{start}");
    }
}

#[test]
fn a_body_is_read_past_before_its_take_and_asked_for_if_it_is_waited_for() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(head), 0);
    assert_eq!(fixture.sent(), ["100 Continue"]);
    assert_eq!(fixture.receive("hello"), 1);
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(&format!("{head}hello{GET}")), 2);
    assert_eq!(fixture.sent(), [""; 0], "the body is here: nobody waits for 100");
}

#[test]
fn parsing_stops_at_the_bound_of_pipelined_requests() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(&GET.repeat(PIPELINED_MAX + 5)), PIPELINED_MAX);
    assert_eq!(fixture.receive(GET), 0);
    fixture.answer(Outcome::Number(1));
    assert_eq!(fixture.receive(""), 1);
}

#[test]
fn parsing_stops_while_the_client_takes_no_answers() {
    let mut fixture = Fixture::new();
    let mut rounds = 0;
    while fixture.client.wants_input() {
        fixture.receive(&LIVEZ.repeat(100));
        rounds += 1;
        assert!(rounds < 1_000, "no bound on what is held for a client that does not read");
    }
    let unsent = fixture.client.send_buffer().unsent().len();
    assert!(unsent < OUTBOUND_BYTES_MAX + 1_024, "{unsent}");
    fixture.sent();
    fixture.receive("");
    assert!(!fixture.client.send_buffer().unsent().is_empty(), "it goes on when they are taken");
}

#[test]
fn each_kind_of_waiting_has_its_own_end() {
    let mut idle = Fixture::new();
    assert!(!idle.pass(IDLE_TIMEOUT - Duration::from_millis(1)));
    assert!(idle.pass(Duration::from_millis(1)));
    assert_eq!(idle.client.finished(), Some(CloseReason::Idle));

    let mut dribbling = Fixture::new();
    dribbling.receive("GET /");
    dribbling.pass(REQUEST_TIMEOUT / 2);
    dribbling.receive(" HTTP/1.1\r\n");
    assert!(dribbling.pass(REQUEST_TIMEOUT / 2), "bytes gain no time");
    assert_eq!(dribbling.sent(), [r#"{"error":"request timeout"}"#]);
    assert_eq!(dribbling.client.finished(), Some(CloseReason::RequestTimeout));

    let mut unread = Fixture::new();
    unread.receive(LIVEZ);
    assert!(unread.pass(SEND_TIMEOUT));
    assert_eq!(unread.client.finished(), Some(CloseReason::SendTimeout));

    let mut lingering = Fixture::new();
    lingering.receive("bad\r\n\r\n");
    lingering.sent();
    assert!(lingering.client.start_lingering());
    lingering.client.update_timer(lingering.turn.now);
    assert!(lingering.pass(LINGER_TIMEOUT));
    assert!(!lingering.client.lingers(true));
}

#[test]
fn no_more_than_a_bound_is_read_past_for_one_who_is_refused() {
    let mut fixture = Fixture::new();
    fixture.receive("bad\r\n\r\n");
    fixture.sent();
    let bytes = "x".repeat(READ_BYTES_MAX);
    for _ in 0..DISCARDED_BYTES_MAX / READ_BYTES_MAX {
        assert!(fixture.client.lingers(true));
        fixture.receive(&bytes);
    }
    fixture.receive(&bytes);
    assert!(!fixture.client.lingers(true));
}

#[test]
fn a_body_has_its_own_time_and_its_chunks_gain_none() {
    for (fields, part) in [("Content-Length: 50\r\n", "a"), (CHUNKED, "1\r\na\r\n")] {
        let mut dribbling = Fixture::new();
        dribbling.receive("POST / HTTP/1.1\r\nHost: a\r\n");
        assert!(!dribbling.pass(REQUEST_TIMEOUT - Duration::from_millis(1)));
        dribbling.receive(&format!("{fields}\r\n"));
        for _ in 1..10 {
            assert!(!dribbling.pass(REQUEST_TIMEOUT / 10), "the head's time is not the body's");
            dribbling.receive(part);
        }
        assert!(dribbling.pass(REQUEST_TIMEOUT / 10), "parts gain no time");
        assert_eq!(dribbling.sent(), [r#"{"error":"request timeout"}"#]);
        assert_eq!(dribbling.client.finished(), Some(CloseReason::RequestTimeout));
    }
}

/// RFC 9110, section 9.3.2.
#[test]
fn a_head_that_is_late_or_refused_is_answered_without_a_body() {
    let chunked = format!("HEAD / HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n");
    let late = ["HEAD /", "\r\nHEAD ", &chunked, &format!("{chunked}1\r\na\r\n1")];
    for start in late {
        let mut fixture = Fixture::new();
        fixture.receive(start);
        assert!(fixture.pass(REQUEST_TIMEOUT));
        assert_eq!(fixture.sent(), ["408 Request Timeout"], "{start:?}");
    }
    for bad in ["HEAD a", "HEAD / HTTP/1.1\r\n", "\r\nHEAD / HTTP/2.0\r\n", &chunked] {
        let request = format!("{bad}\r\n\r\n");
        for split in 1..request.len() {
            let (start, rest) = request.split_at(split);
            let mut fixture = Fixture::new();
            fixture.receive(&format!("{GET}{start}"));
            fixture.answer(Outcome::Number(1));
            fixture.receive(rest);
            fixture.receive("");
            let sent = fixture.sent();
            assert_eq!(sent[0], number(1));
            assert_eq!(sent.len(), 2);
            assert!(sent[1].starts_with("400 ") || sent[1].starts_with("505 "), "{sent:?}");
        }
    }
}

#[test]
fn a_late_request_whose_method_is_not_read_is_answered_with_a_body() {
    for start in ["\r\n", "HEAD", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nHEAD "] {
        let mut fixture = Fixture::new();
        fixture.receive(start);
        assert!(fixture.pass(REQUEST_TIMEOUT));
        assert_eq!(fixture.sent(), [r#"{"error":"request timeout"}"#], "{start:?}");
    }
}

#[test]
fn empty_lines_are_no_idling_and_answers_begin_it_anew() {
    let mut client = Fixture::new();
    client.pass(IDLE_TIMEOUT - Duration::from_millis(1));
    client.receive(LIVEZ);
    client.sent();
    assert!(!client.pass(IDLE_TIMEOUT - Duration::from_millis(1)));
    client.receive("\r\n");
    assert!(!client.pass(REQUEST_TIMEOUT - Duration::from_millis(1)));
    client.receive("\r\n");
    assert!(client.pass(Duration::from_millis(1)));
    assert_eq!(client.client.finished(), None);
    assert_eq!(client.sent(), [r#"{"error":"request timeout"}"#]);
}

#[test]
fn who_waits_for_the_store_is_ended_by_the_batcher() {
    let mut fixture = Fixture::new();
    fixture.receive(GET);
    assert!(!fixture.pass(IDLE_TIMEOUT * 100));
}

#[test]
fn a_halted_take_has_the_status_that_was_chosen() {
    let mut fixture = Fixture::new();
    fixture.receive("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    fixture.answer(Outcome::Read(Count { taken: 9, limit: 9 }));
    assert_eq!(fixture.sent(), ["410 Gone"]);
}

#[test]
fn a_client_that_idles_holds_no_memory() {
    let mut fixture = Fixture::new();
    fixture.receive(LIVEZ);
    fixture.sent();
    assert!(!fixture.pass(SWEEP_INTERVAL / 2));
    assert!(fixture.client.send_buffer().writer().capacity() > 0, "it may ask again at once");
    assert!(!fixture.pass(SWEEP_INTERVAL / 2));
    assert_eq!(fixture.client.send_buffer().writer().capacity(), 0);
}

#[test]
fn who_sent_each_take_is_kept_until_its_answer_and_only_then() {
    let mut fixture = Fixture::new();
    fixture.turn.settings.is_audited = true;
    let take = |id: &str| format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: {id}\r\n\r\n");
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Request-Id: c\r\n{CHUNKED}\r\n1\r\n.\r\n0\r\n\r\n"
    );
    assert_eq!(fixture.receive(&[&take("a"), &take("b"), LIVEZ, &chunked].concat()), 2);
    let answered = |fixture: &mut Fixture, outcome| {
        fixture.answer(outcome);
        let audit = fixture.client.take_answered().expect("it is kept");
        (audit.request_id.clone(), fixture.client.take_answered())
    };
    assert_eq!(answered(&mut fixture, Outcome::Number(1)), (Some("a".to_owned()), None));
    assert_eq!(answered(&mut fixture, Outcome::Halted(1)), (Some("b".to_owned()), None));
    assert_eq!(fixture.receive(""), 1);
    assert_eq!(answered(&mut fixture, Outcome::Number(2)), (Some("c".to_owned()), None));
    assert_eq!(fixture.receive(STATUS), 1);
    fixture.answer(Outcome::Read(Count { taken: 1, limit: 9 }));
    assert_eq!(fixture.client.take_answered(), None, "it took nothing");
}

#[test]
fn who_sent_a_take_is_not_kept_unless_that_is_asked_for() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\n\r\n"), 1);
    fixture.answer(Outcome::Number(1));
    assert_eq!(fixture.client.take_answered(), None);
}
