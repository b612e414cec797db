//! The text of an engine, and what it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::config::StoreUrl;
use crate::engine::Settings;
use crate::engine::client::{CloseReason, Peer};
use crate::engine::shared::Shared;
use crate::http::Status;
use crate::limits::{LIVE_TURN_AGE_MAX, RESEND_AGE_MAX};
use crate::store::Store;
use crate::store::connection::Connection;
use crate::store::counters::Counters;
use crate::store::memory::Memory;
use crate::store::redis::Redis;
use crate::store::wire::Wire;
use crate::token::Token;

const TAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const TIMEOUT: Duration = Duration::from_millis(500);
const HANDSHAKE_DONE: &[u8] = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n+found\r\n\
    *4\r\n:1\r\n:0\r\n:3\r\n:5\r\n";

/// An engine in virtual time.
struct Fixture {
    engine: Engine,
    shared: Arc<Shared>,
    now: Instant,
}

impl Fixture {
    /// With the counts of two counters in the process: of 2 numbers, and of none.
    fn memory() -> Fixture {
        let known = Counters::new([("shoes", 2), ("hats", 0)].into_iter(), true);
        let store = Store::Memory(Memory::new([2, 0].into_iter(), 1));
        Fixture::new(store, Arc::new(known), Arc::new(Shared::new(2)))
    }

    /// With a Redis that says what it is told to, and has just found the counter.
    fn redis() -> Fixture {
        let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost") else {
            panic!("the URL is good");
        };
        let now = Instant::now();
        let known = Arc::new(Counters::new([("default", 3)].into_iter(), true));
        let wire = Wire::Redis(Box::new(Redis::new(url, Arc::clone(&known), None, TIMEOUT, 7)));
        let connection = Connection::new(wire, Arc::clone(&known), TIMEOUT, 7, now);
        let store = Store::Connection(Box::new(connection));
        let mut fixture = Fixture::new(store, known, Arc::new(Shared::new(1)));
        fixture.connect(HANDSHAKE_DONE);
        fixture
    }

    fn new(store: Store, known: Arc<Counters>, shared: Arc<Shared>) -> Fixture {
        let now = Instant::now();
        let settings =
            Settings { halted_status: Status::Gone, store_timeout: TIMEOUT, ..Settings::default() };
        let engine = Engine::new(store, known, settings, Arc::clone(&shared), now);
        Fixture { engine, shared, now }
    }

    fn connection(&mut self) -> &mut Connection {
        match &mut self.engine.store {
            Store::Connection(connection) => connection,
            _ => unreachable!("it was made with a connection"),
        }
    }

    fn connect(&mut self, handshake: &[u8]) {
        self.pass(Duration::from_secs(1)); // The pause after a loss is shorter.
        let now = self.now;
        self.connection().connected(now);
        self.replied(handshake);
    }

    fn replied(&mut self, bytes: &[u8]) {
        let now = self.now;
        self.connection().received(bytes, now);
        self.engine.finish_turn();
    }

    /// Lets the time pass, and ends a turn.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.engine.clients.turn_mut().now = self.now;
        self.engine.finish_turn();
    }

    /// A new client sends these bytes.
    fn client(&mut self, bytes: &[u8]) -> Token {
        let token = self.engine.clients.insert(Peer::default());
        self.engine.receive(token, bytes);
        self.engine.finish_turn();
        token
    }

    fn answer(&mut self, token: Token) -> String {
        let client = self.engine.clients.get(token).expect("the client is here");
        String::from_utf8(client.send_buffer().unsent().to_vec()).expect("answers are text")
    }

    fn text(&self) -> String {
        self.engine.metrics_text(&ProcessStats::default(), 0)
    }

    fn samples(&self) -> BTreeMap<String, String> {
        samples(&self.text())
    }

    /// Asserts that since `before` these samples have changed, to these values, and no others.
    fn assert_changed(&self, before: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
        let mut changed = self.samples();
        changed.retain(|name, value| before[name] != *value && !name.contains("_bucket{"));
        let changed: Vec<(&str, &str)> =
            changed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(changed, expected);
    }
}

/// The samples by their names with their labels.
fn samples(text: &str) -> BTreeMap<String, String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = samples.map(|line| line.rsplit_once(' ').expect("a sample has a value"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn every_series_is_there_from_the_start_and_at_0() {
    let well = ["headcount_build_info", "headcount_ready", "headcount_store_up"];
    let samples = Fixture::memory().samples();
    let others = samples.iter().filter(|(name, value)| {
        !well.iter().any(|it| name.starts_with(it)) && value.as_str() != "0"
    });
    let others: Vec<_> = others.collect();
    let limit = "headcount_counter_limit{counter=\"shoes\"}".to_owned();
    assert_eq!(others, [(&limit, &"2".to_owned())]);
    for well in &well[1..] {
        assert_eq!(samples[*well], "1");
    }
    for name in [
        "headcount_takes_total{counter=\"shoes\",outcome=\"replayed\"}",
        "headcount_takes_refused_total{reason=\"key\"}",
        "headcount_take_duration_seconds_bucket{le=\"0.5\"}",
        "headcount_http_responses_total{code=\"408\"}",
        "headcount_client_connections_rejected_total",
        "headcount_counter_taken{counter=\"hats\"}",
        "headcount_counter_refused{counter=\"hats\",reason=\"locked\"}",
        "headcount_numbers_in_doubt_total{counter=\"shoes\"}",
        "headcount_store_errors_total{reason=\"unreachable\"}",
        "headcount_store_request_takes_bucket{le=\"4096\"}",
        "headcount_log_lines_dropped_total",
        "process_max_fds",
    ] {
        assert_eq!(samples.get(name).map(String::as_str), Some("0"), "{name}");
    }
}

#[test]
fn requests_add_no_series() {
    let mut fixture = Fixture::redis();
    let before: BTreeSet<String> = fixture.samples().into_keys().collect();
    fixture.client(TAKE);
    fixture.client(b"GET /nowhere HTTP/1.1\r\nHost: \"}\n");
    let now = fixture.now;
    fixture.connection().lost(StoreError::Timeout, "\"}\n", now);
    let after: BTreeSet<String> = fixture.samples().into_keys().collect();
    assert_eq!(before, after);
}

#[test]
fn each_family_has_its_help_and_its_type_once_and_before_its_samples() {
    let text = Fixture::memory().text();
    let (mut families, mut family, mut helped) = (BTreeSet::new(), "", "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            helped = rest.split_once(' ').expect("there is a help").0;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split_once(' ').expect("there is a type").0;
            assert_eq!(family, helped);
            assert!(families.insert(family), "{family} comes twice");
        } else {
            let rest = line.strip_prefix(family).unwrap_or_else(|| panic!("{line} in {family}"));
            let rest = ["_bucket", "_sum", "_count"].iter().find_map(|it| rest.strip_prefix(it));
            let rest = rest.or(line.strip_prefix(family)).expect("it was there before");
            assert!(rest.starts_with(['{', ' ']), "{line} in {family}");
        }
    }
    assert!(families.len() > 25, "only {families:?}");
}

#[test]
fn takes_are_counted_by_what_became_of_them() {
    let mut fixture = Fixture::memory();
    let before = fixture.samples();
    let three = TAKE.repeat(3);
    fixture.client(&three);
    fixture.client(b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n");
    fixture.client(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    fixture.client(b"GET / HTTP/1.1\r\n\r\n");
    let written = fixture.now + Duration::from_millis(2);
    fixture.engine.answers_written(written);
    fixture.engine.answers_written(written + TIMEOUT); // They are counted once.
    fixture.assert_changed(
        &before,
        &[
            ("headcount_counter_taken{counter=\"shoes\"}", "2"),
            ("headcount_http_responses_total{code=\"200\"}", "3"),
            ("headcount_http_responses_total{code=\"400\"}", "1"),
            ("headcount_http_responses_total{code=\"410\"}", "2"),
            ("headcount_take_duration_seconds_count", "3"),
            ("headcount_take_duration_seconds_sum", "0.006"),
            ("headcount_takes_total{counter=\"shoes\",outcome=\"granted\"}", "2"),
            ("headcount_takes_total{counter=\"shoes\",outcome=\"halted\"}", "1"),
        ],
    );
    let samples = fixture.samples();
    assert_eq!(samples["headcount_take_duration_seconds_bucket{le=\"0.001\"}"], "0");
    assert_eq!(samples["headcount_take_duration_seconds_bucket{le=\"0.0025\"}"], "3");
}

#[test]
fn takes_are_counted_by_their_counter_and_refused_ones_by_their_reason() {
    let mut fixture = Fixture::memory();
    fixture.client(b"GET /take/hats HTTP/1.1\r\nHost: a\r\n\r\n");
    fixture.client(b"GET / HTTP/1.1\r\nHost: a\r\nSec-Purpose: prefetch\r\n\r\n");
    fixture.client(b"POST / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: cross-site\r\n\r\n");
    let samples = fixture.samples();
    for (name, expected) in [
        ("headcount_takes_total{counter=\"hats\",outcome=\"halted\"}", "1"),
        ("headcount_takes_total{counter=\"shoes\",outcome=\"halted\"}", "0"),
        ("headcount_takes_refused_total{reason=\"prefetch\"}", "1"),
        ("headcount_takes_refused_total{reason=\"origin\"}", "1"),
        ("headcount_takes_refused_total{reason=\"method\"}", "0"),
    ] {
        assert_eq!(samples[name], expected, "{name}");
    }
}

#[test]
fn a_request_to_the_store_is_counted_with_its_takes_and_its_time() {
    let mut fixture = Fixture::redis();
    fixture.engine.clients.turn_mut().counters.set_time(1_800_000_000);
    let before = fixture.samples();
    fixture.client(&TAKE.repeat(2));
    fixture.pass(Duration::from_millis(40));
    fixture.replied(b"*4\r\n:1\r\n:2\r\n:3\r\n:5\r\n");
    let written = fixture.now + Duration::from_millis(10);
    fixture.engine.answers_written(written);
    fixture.assert_changed(
        &before,
        &[
            ("headcount_counter_last_read_timestamp_seconds{counter=\"default\"}", "1800000000"),
            ("headcount_counter_taken{counter=\"default\"}", "2"),
            ("headcount_http_responses_total{code=\"200\"}", "2"),
            ("headcount_store_request_duration_seconds_count", "1"),
            ("headcount_store_request_duration_seconds_sum", "0.04"),
            ("headcount_store_request_takes_count", "1"),
            ("headcount_store_request_takes_sum", "2"),
            ("headcount_store_requests_total", "1"),
            ("headcount_take_duration_seconds_count", "2"),
            ("headcount_take_duration_seconds_sum", "0.1"),
            ("headcount_takes_total{counter=\"default\",outcome=\"granted\"}", "2"),
        ],
    );
}

#[test]
fn a_take_that_waits_in_vain_has_failed_and_took_as_long_as_it_waited() {
    let mut fixture = Fixture::redis();
    let before = fixture.samples();
    let token = fixture.client(TAKE);
    fixture.pass(TIMEOUT);
    assert!(fixture.answer(token).starts_with("HTTP/1.1 503"));
    let written = fixture.now;
    fixture.engine.answers_written(written);
    let gone = fixture.client(TAKE);
    fixture.engine.disconnect(gone, CloseReason::Reset);
    fixture.pass(TIMEOUT); // Who left is not answered, and not counted.
    let after = fixture.samples();
    let changed = |name: &str| (before[name].as_str(), after[name].as_str());
    assert_eq!(
        changed("headcount_takes_total{counter=\"default\",outcome=\"failed\"}"),
        ("0", "1")
    );
    assert_eq!(changed("headcount_take_duration_seconds_sum"), ("0", "0.5"));
    assert_eq!(changed("headcount_take_duration_seconds_count"), ("0", "1"));
    assert_eq!(changed("headcount_http_responses_total{code=\"503\"}"), ("0", "1"));
}

/// Its deadline is cut when the process stops, and tells no longer when it came.
#[test]
fn a_take_that_is_answered_while_the_process_stops_took_no_longer_than_it_did() {
    let mut fixture = Fixture::redis();
    fixture.client(TAKE);
    fixture.engine.drain();
    fixture.pass(Duration::from_millis(30));
    fixture.replied(b"*4\r\n:1\r\n:1\r\n:3\r\n:5\r\n");
    let written = fixture.now;
    fixture.engine.answers_written(written);
    let samples = fixture.samples();
    assert_eq!(samples["headcount_take_duration_seconds_sum"], "0.03");
    assert_eq!(samples["headcount_ready"], "0", "it is stopping");
}

#[test]
fn a_connection_that_is_lost_and_made_again_shows() {
    let mut fixture = Fixture::redis();
    let before = fixture.samples();
    for name in ["headcount_store_up", "headcount_store_connections", "headcount_ready"] {
        assert_eq!(before[name], "1", "{name}");
    }
    let now = fixture.now;
    fixture.connection().lost(StoreError::Unreachable, "closed", now);
    fixture.assert_changed(
        &before,
        &[
            ("headcount_ready", "0"),
            ("headcount_store_connections", "0"),
            ("headcount_store_errors_total{reason=\"unreachable\"}", "1"),
            ("headcount_store_up", "0"),
        ],
    );
    fixture.connect(b"%0\r\n+hash\r\n+hash\r\n+OK\r\n+found\r\n*4\r\n:1\r\n:0\r\n:3\r\n:5\r\n");
    fixture.assert_changed(
        &before,
        &[
            ("headcount_store_errors_total{reason=\"unreachable\"}", "1"),
            ("headcount_store_reconnects_total", "1"),
        ],
    );
}

#[test]
fn a_refused_counter_names_its_reason_and_only_while_it_lasts() {
    let mut fixture = Fixture::redis();
    let before = fixture.samples();
    fixture.client(TAKE);
    fixture.replied(b"-MISSING the counter has no fields\r\n");
    let after = fixture.samples();
    let refused = |samples: &BTreeMap<String, String>| -> Vec<String> {
        let is_refused = |(name, value): &(&String, &String)| {
            name.starts_with("headcount_counter_refused") && value.as_str() == "1"
        };
        samples.iter().filter(is_refused).map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(refused(&before), [""; 0]);
    let expected = "headcount_counter_refused{counter=\"default\",reason=\"missing\"}";
    assert_eq!(refused(&after), [expected]);
    assert_eq!(after["headcount_store_errors_total{reason=\"missing\"}"], "1");
    assert_eq!(after["headcount_ready"], "0", "it is the only counter");
    assert_eq!(after["headcount_store_up"], "1");
}

#[test]
fn numbers_for_clients_who_left_are_unclaimed_and_those_given_up_in_doubt() {
    let mut fixture = Fixture::redis();
    let token = fixture.client(&TAKE.repeat(2));
    fixture.engine.disconnect(token, CloseReason::Reset);
    fixture.replied(b"*4\r\n:1\r\n:2\r\n:3\r\n:5\r\n");
    let unclaimed = "headcount_numbers_unclaimed{counter=\"default\"}";
    assert_eq!(fixture.samples()[unclaimed], "2");
    fixture.client(TAKE);
    fixture.replied(b"*4\r\n:3\r\n:0\r\n:3\r\n:5\r\n");
    assert_eq!(fixture.samples()[unclaimed], "1");
    fixture.client(&TAKE.repeat(2));
    fixture.now += RESEND_AGE_MAX + Duration::from_secs(1);
    let now = fixture.now;
    fixture.connection().lost(StoreError::Timeout, "silent", now);
    let in_doubt = "headcount_numbers_in_doubt_total{counter=\"default\"}";
    assert_eq!(fixture.samples()[in_doubt], "1", "two were wanted, and one is at hand");
}

/// Each reactor notes that it turns, and each is asked about all of them.
#[test]
fn a_process_of_which_one_reactor_does_not_turn_is_not_alive() {
    let mut turning = Fixture::memory();
    let known = Counters::new([("shoes", 2), ("hats", 0)].into_iter(), true);
    let store = Store::Memory(Memory::new([2, 0].into_iter(), 1));
    let mut stalled = Fixture::new(store, Arc::new(known), Arc::clone(&turning.shared));
    let alive = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    turning.pass(LIVE_TURN_AGE_MAX);
    turning.engine.note_turn();
    stalled.pass(Duration::from_millis(10));
    stalled.engine.note_turn();
    let token = turning.client(alive);
    assert!(turning.answer(token).ends_with(r#"{"status":"alive"}"#));
    turning.pass(LIVE_TURN_AGE_MAX);
    turning.engine.note_turn();
    let token = turning.client(alive);
    let answer = turning.answer(token);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with(r#"{"error":"reactor stalled"}"#), "{answer}");
    let time = turning.now.duration_since(stalled.now);
    stalled.pass(time);
    stalled.engine.note_turn();
    let token = turning.client(alive);
    assert!(turning.answer(token).ends_with(r#"{"status":"alive"}"#));
}
