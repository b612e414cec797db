//! The life of a connection in virtual time, with a store of a few canned replies.

use super::*;
use crate::config::{Endpoint, RedisUrl, StoreUrl};
use crate::counter::Grant;
use crate::limits::{
    BACKOFF_MAX, BACKOFF_MIN, HANDSHAKE_TIMEOUT, HEARTBEAT, REPLY_BYTES_MAX, RESEND_AGE_MAX,
};
use crate::store::counters::Counters;
use crate::store::keys::Keys;
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;
use crate::store::request::Reply;

const FIRST: CounterId = CounterId::FIRST;
const TIMEOUT: Duration = Duration::from_millis(500);
const HANDSHAKE_DONE: &[u8] = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n+found\r\n\
    *4\r\n:1\r\n:0\r\n:9\r\n:5\r\n";
const HANDSHAKE_DONE_AGAIN: &[u8] =
    b"%0\r\n+hash\r\n+hash\r\n+OK\r\n+found\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n";

/// It may be written to, and no pooler is in between; four settings.
const POSTGRES_SETTLED: &[u8] = b"D\0\0\0\x2b\0\x07\0\0\0\x03off\0\0\0\x01f\
    \0\0\0\x01x\0\0\0\x01x\0\0\0\x01x\0\0\0\x01x\0\0\0\x01xZ\0\0\0\x05I";

/// One row (1, 0, 9, 5, 1, 2, 0, 0, 0), and the end of its transaction.
const POSTGRES_GRANTED: &[u8] = b"D\0\0\0\x72\0\x09\0\0\0\x08\0\0\0\0\0\0\0\x01\
    \0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x09\
    \0\0\0\x08\0\0\0\0\0\0\0\x05\0\0\0\x08\0\0\0\0\0\0\0\x01\
    \0\0\0\x08\0\0\0\0\0\0\0\x02\0\0\0\x08\0\0\0\0\0\0\0\0\
    \0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";

fn count_of(what: &str, bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).matches(what).count()
}

fn counters() -> Arc<Counters> {
    Arc::new(Counters::new([("default", 9)].into_iter(), true))
}

struct Fixture {
    connection: Connection,
    now: Instant,
}

fn endpoint() -> Endpoint {
    Endpoint::Tcp { host: "localhost".to_owned(), port: 6379 }
}

fn connect() -> Command {
    Command::Connect(endpoint())
}

impl Fixture {
    fn new() -> Fixture {
        let url = RedisUrl {
            endpoint: endpoint(),
            user: None,
            password: None,
            database: 0,
            tls: None,
            sentinels: None,
            seeds: Vec::new(),
            wait: 0,
        };
        let now = Instant::now();
        let known = counters();
        let redis = Redis::new(url, Arc::clone(&known), None, TIMEOUT, 7);
        let connection = Connection::new(Wire::Redis(Box::new(redis)), known, TIMEOUT, 7, now);
        Fixture { connection, now }
    }

    fn ready() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.tick();
        assert_eq!(fixture.commands(), [connect()]);
        fixture.connection.connected(fixture.now);
        fixture.receive(HANDSHAKE_DONE);
        assert!(fixture.connection.is_ready(FIRST));
        fixture.sent();
        fixture
    }

    /// A connection to PostgreSQL that is ready.
    fn postgres() -> Fixture {
        let url = StoreUrl::parse("postgres://localhost?connect_timeout=3");
        let Ok(StoreUrl::Postgres(url)) = url else { panic!("the URL is good") };
        let known = counters();
        let postgres = Postgres::new(*url, Arc::clone(&known), None, TIMEOUT, 7);
        let now = Instant::now();
        let connection =
            Connection::new(Wire::Postgres(Box::new(postgres)), known, TIMEOUT, 7, now);
        let mut fixture = Fixture { connection, now };
        fixture.tick();
        fixture.connection.connected(fixture.now);
        fixture.receive(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I");
        fixture.receive(POSTGRES_SETTLED);
        for _step in ["clean", "prepare"] {
            fixture.receive(b"Z\0\0\0\x05I");
        }
        fixture.receive(POSTGRES_GRANTED);
        assert!(fixture.connection.is_ready(FIRST));
        fixture.commands();
        fixture
    }

    fn tick(&mut self) {
        self.connection.tick(self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.tick();
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.connection.received(bytes, self.now);
    }

    fn commands(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.connection.command()).collect()
    }

    fn events(&mut self) -> Vec<StoreEvent> {
        std::iter::from_fn(|| self.connection.poll()).collect()
    }

    fn replies(&mut self) -> Vec<Reply> {
        let reply = |event| match event {
            StoreEvent::Replied(FIRST, reply) => Some(reply),
            _ => None,
        };
        self.events().into_iter().filter_map(reply).collect()
    }

    /// What was written since the last call.
    fn sent(&mut self) -> Vec<u8> {
        let sent = self.connection.seal_and_buffer().unsent().to_vec();
        self.connection.seal_and_buffer().advance(sent.len());
        sent
    }
}

#[test]
fn it_connects_at_the_first_tick_and_sends_only_after_the_handshake() {
    let mut fixture = Fixture::new();
    assert!(!fixture.connection.is_ready(FIRST));
    assert_eq!(fixture.connection.deadline(), Some(fixture.now));
    fixture.tick();
    assert_eq!(fixture.commands(), [connect()]);
    fixture.connection.connected(fixture.now);
    assert!(!fixture.sent().is_empty());
    assert!(!fixture.connection.is_ready(FIRST));
    fixture.receive(HANDSHAKE_DONE);
    assert!(fixture.connection.is_ready(FIRST));
    assert_eq!(fixture.connection.deadline(), Some(fixture.now + HEARTBEAT));
}

#[test]
fn replies_come_in_the_order_of_the_asks() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.connection.send(FIRST, 2, Keys::NONE, false, fixture.now);
    fixture.receive(b"*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n*4\r\n:2\r\n:2\r\n:9\r\n:5\r\n");
    let expected = [(1, 1), (2, 2)].map(|(first, granted)| {
        let limit = 9;
        Reply::Granted(Grant { first, granted, limit, epoch: 5 })
    });
    assert_eq!(fixture.replies(), expected);
    assert!(fixture.connection.is_ready(FIRST));
}

#[test]
fn what_is_in_flight_when_the_connection_is_lost_is_asked_again_under_the_same_number() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.connection.send(FIRST, 2, Keys::NONE, false, fixture.now);
    let asks = fixture.sent();
    fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
    assert_eq!(fixture.replies(), []);
    assert_eq!(fixture.commands(), [Command::Disconnect]);
    fixture.pass(BACKOFF_MAX);
    assert_eq!(fixture.commands(), [connect()]);
    fixture.connection.connected(fixture.now);
    fixture.sent();
    fixture.receive(HANDSHAKE_DONE_AGAIN);
    let first = fixture.sent();
    fixture.receive(b"*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n");
    let second = fixture.sent();
    assert!(asks.starts_with(&first) && first.len() < asks.len(), "one after the other");
    let sequence = b"$1\r\n2\r\n$20\r\na:0000000000000007:0\r\n";
    assert!(second.windows(sequence.len()).any(|bytes| bytes == sequence));
    fixture.receive(b"*4\r\n:2\r\n:2\r\n:9\r\n:5\r\n");
    assert_eq!(fixture.replies().len(), 2);
}

/// The first time it may have run, and its answer may be remembered: to say that it failed would
/// lose its numbers.
#[test]
fn what_is_asked_again_is_asked_until_it_is_answered() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    let request = fixture.sent();
    for _ in 0..3 {
        fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
        fixture.pass(BACKOFF_MAX);
        fixture.connection.connected(fixture.now);
        fixture.sent();
        fixture.receive(HANDSHAKE_DONE_AGAIN);
        assert_eq!(fixture.sent(), request);
        fixture.receive(b"-OOM command not allowed\r\n");
        assert_eq!(fixture.replies(), []);
        assert_eq!(fixture.connection.last_error(FIRST), StoreError::OutOfMemory);
        assert!(!fixture.connection.is_ready(FIRST));
    }
}

#[test]
fn an_ask_too_old_to_be_remembered_fails_and_is_not_sent_again() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.sent();
    fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
    assert_eq!(fixture.replies(), []);
    fixture.pass(RESEND_AGE_MAX);
    fixture.connection.lost(StoreError::Unreachable, "refused", fixture.now + BACKOFF_MAX);
    assert_eq!(fixture.replies(), [Reply::Failed(StoreError::Unreachable)]);
}

/// The process was frozen after the connection was lost: by the time of the next one the store has
/// forgotten, and would grant the request once more.
#[test]
fn a_request_that_grew_too_old_between_two_connections_is_not_sent_again() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.sent();
    fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
    assert_eq!(fixture.replies(), []);
    fixture.pass(RESEND_AGE_MAX + Duration::from_secs(20));
    fixture.connection.connected(fixture.now);
    fixture.sent();
    fixture.receive(HANDSHAKE_DONE_AGAIN);
    assert_eq!(fixture.replies(), [Reply::Failed(StoreError::Unreachable)]);
    assert_eq!(count_of("EVALSHA", &fixture.sent()), 0);
    assert!(fixture.connection.is_ready(FIRST));
}

/// What it took, if it ran, has ended with its epoch.
#[test]
fn an_ask_of_an_epoch_that_has_ended_is_not_sent_again() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.connection.send(FIRST, 2, Keys::NONE, false, fixture.now);
    fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
    fixture.pass(BACKOFF_MAX);
    fixture.connection.connected(fixture.now);
    fixture.sent();
    fixture.receive(&HANDSHAKE_DONE_AGAIN[..HANDSHAKE_DONE_AGAIN.len() - 4]);
    fixture.receive(b":6\r\n");
    assert_eq!(fixture.replies(), [Reply::NotRun, Reply::NotRun]);
    assert_eq!(count_of("EVALSHA", &fixture.sent()), 0);
}

#[test]
fn an_ask_without_reply_ends_the_connection_at_its_deadline() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    assert_eq!(fixture.connection.deadline(), Some(fixture.now + TIMEOUT));
    fixture.pass(TIMEOUT - Duration::from_millis(1));
    assert_eq!(fixture.replies(), []);
    fixture.pass(Duration::from_millis(1));
    assert_eq!(fixture.commands(), [Command::Disconnect]);
    assert_eq!(fixture.connection.last_error(FIRST), StoreError::Timeout);
}

#[test]
fn a_store_that_never_answers_the_handshake_is_given_up() {
    let mut fixture = Fixture::new();
    fixture.tick();
    fixture.connection.connected(fixture.now);
    fixture.pass(HANDSHAKE_TIMEOUT);
    assert_eq!(fixture.commands(), [connect(), Command::Disconnect]);
    assert_eq!(fixture.connection.last_error(FIRST), StoreError::Timeout);
}

#[test]
fn the_backoff_grows_to_its_bound_and_starts_anew_after_a_handshake() {
    let mut fixture = Fixture::new();
    let mut waits = Vec::new();
    for _ in 0..40 {
        fixture.now = fixture.connection.deadline().unwrap();
        fixture.tick();
        fixture.connection.lost(StoreError::Unreachable, "refused", fixture.now);
        waits.push(fixture.connection.deadline().unwrap() - fixture.now);
    }
    assert!(waits[0] <= BACKOFF_MIN && waits[0] >= BACKOFF_MIN / 2);
    assert!(waits.iter().all(|wait| *wait <= BACKOFF_MAX));
    assert!(waits.iter().skip(10).all(|wait| *wait >= BACKOFF_MAX / 2));
    assert!(waits[10..].windows(2).any(|pair| pair[0] != pair[1]), "no jitter");

    fixture.now = fixture.connection.deadline().unwrap();
    fixture.tick();
    fixture.connection.connected(fixture.now);
    fixture.receive(HANDSHAKE_DONE);
    fixture.connection.lost(StoreError::Unreachable, "closed", fixture.now);
    assert!(fixture.connection.deadline().unwrap() - fixture.now <= BACKOFF_MIN);
}

#[test]
fn an_error_refuses_its_ask_and_keeps_the_connection() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.receive(b"-OOM command not allowed\r\n");
    assert_eq!(fixture.replies(), [Reply::Failed(StoreError::OutOfMemory)]);
    assert!(fixture.connection.is_ready(FIRST));
    assert_eq!(fixture.commands(), []);
}

#[test]
fn what_did_not_run_may_be_asked_again_and_names_its_hindrance() {
    let mut fixture = Fixture::postgres();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.connection.finish_requests();
    fixture.receive(b"E\0\0\0\x19SERROR\0C55P03\0Mlock\0\0Z\0\0\0\x05I");
    assert_eq!(fixture.replies(), [Reply::NotRun]);
    assert_eq!(fixture.connection.last_error(FIRST), StoreError::Locked);
    assert!(fixture.connection.is_ready(FIRST));
    assert_eq!(fixture.commands(), []);
    fixture.connection.send(FIRST, 0, Keys::NONE, false, fixture.now);
    fixture.connection.finish_requests();
    fixture.receive(POSTGRES_GRANTED);
    assert_eq!(fixture.connection.last_error(FIRST), StoreError::Timeout);
}

#[test]
fn a_protocol_has_its_own_bounds() {
    let mut fixture = Fixture::postgres();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.connection.finish_requests();
    assert!(!fixture.connection.is_ready(FIRST));
    fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
    fixture.pass(BACKOFF_MAX);
    assert_eq!(fixture.connection.deadline(), Some(fixture.now + Duration::from_secs(3)));
}

#[test]
fn more_granted_than_asked_for_is_never_handed_out() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.receive(b"*4\r\n:1\r\n:2\r\n:9\r\n:5\r\n");
    assert_eq!(fixture.replies(), []);
    assert_eq!(fixture.commands(), [Command::Disconnect]);
}

/// The store was rolled back between two requests in flight, and neither had seen the other.
#[test]
fn a_number_granted_again_is_not_handed_out() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.receive(b"*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n");
    let grant = Grant { first: 1, granted: 1, limit: 9, epoch: 5 };
    let refused = Reply::Failed(StoreError::Backwards);
    let [granted, refused] = [Reply::Granted(grant), refused];
    let expected = [
        StoreEvent::Replied(FIRST, granted),
        StoreEvent::AnswersLost(FIRST),
        StoreEvent::Replied(FIRST, refused),
    ];
    assert_eq!(fixture.events(), expected);
}

#[test]
fn replies_after_a_loss_are_not_taken_for_those_of_the_next_connection() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    let unfinished = vec![b'1'; REPLY_BYTES_MAX / 2];
    fixture.receive(b"$40000\r\n");
    fixture.receive(&unfinished);
    fixture.connection.lost(StoreError::Unreachable, "reset", fixture.now);
    fixture.replies();
    fixture.pass(BACKOFF_MAX);
    fixture.connection.connected(fixture.now);
    fixture.receive(HANDSHAKE_DONE_AGAIN);
    fixture.receive(b"*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n");
    assert!(fixture.connection.is_ready(FIRST));
}

#[test]
fn a_connecting_that_was_given_up_cannot_come_to_life() {
    let mut fixture = Fixture::new();
    fixture.tick();
    fixture.pass(HANDSHAKE_TIMEOUT);
    fixture.connection.connected(fixture.now);
    assert!(fixture.sent().is_empty());
    assert!(!fixture.connection.is_ready(FIRST));
}

/// an idle process (which an orchestrator has taken out of service because of its
/// `/readyz`) finds by its write check that the server was demoted. It must resolve the name anew
/// as a take would make it do, or it is unready for ever.
#[test]
fn a_write_check_that_meets_a_replica_connects_anew() {
    let mut fixture = Fixture::ready();
    assert_eq!(fixture.connection.check_writes(fixture.now), None);
    fixture.receive(b"-READONLY You can't write against a read only replica.\r\n");
    for _ in 0..10 {
        fixture.pass(Duration::from_secs(1));
        let _ = fixture.connection.check_writes(fixture.now);
        fixture.receive(b"+OK\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n-READONLY You can't write\r\n");
    }
    assert_eq!(fixture.commands().first(), Some(&Command::Disconnect));
}

/// the same with PostgreSQL (25006).
#[test]
fn a_write_check_that_meets_a_standby_connects_anew() {
    let mut fixture = Fixture::postgres();
    fixture.sent();
    assert_eq!(fixture.connection.check_writes(fixture.now), None);
    fixture.receive(b"E\0\0\0\x1aSERROR\0VERROR\0C25006\0\0Z\0\0\0\x05I");
    assert_eq!(fixture.commands().first(), Some(&Command::Disconnect));
}

/// two in flight; the first is told UNCONFIRMED, and so the counter is confirmed anew; the
/// second is refused with LINKS. The pause after that refusal must not lead to a second confirming
/// beside the first: what is sent in between would be sent again though it was not lost.
#[test]
fn a_counter_is_confirmed_once_at_a_time() {
    let mut fixture = Fixture::ready();
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.connection.send(FIRST, 1, Keys::NONE, false, fixture.now);
    fixture.sent();
    fixture.receive(b"-UNCONFIRMED the last answer to this link is gone\r\n");
    fixture.receive(b"-LINKS 4096 links took from this counter within a minute\r\n");
    fixture.sent();
    fixture.now += Duration::from_millis(150);
    fixture.connection.send_state(FIRST, fixture.now);
    assert_eq!(count_of("EVALSHA", &fixture.sent()), 0, "it is being confirmed already");
}

/// all counters are refused and the connection dies without a word: nobody finds out.
#[test]
fn a_dead_connection_is_found_though_all_counters_are_refused() {
    let mut fixture = Fixture::new();
    fixture.tick();
    fixture.commands();
    fixture.connection.connected(fixture.now);
    fixture
        .receive(b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n-WRONGTYPE no\r\n-WRONGTYPE no\r\n");
    for _ in 0..100 {
        fixture.pass(Duration::from_millis(100));
    }
    assert_eq!(fixture.commands().first(), Some(&Command::Disconnect));
}

/// Refused, silent, in the handshake without an end, or with the wrong password: it is one absence.
#[test]
fn the_store_is_away_from_the_loss_until_the_next_handshake_is_done() {
    let mut fixture = Fixture::new();
    let away_at = Some(fixture.now + TIMEOUT);
    fixture.tick();
    fixture.connection.lost(StoreError::Unreachable, "refused", fixture.now);
    fixture.pass(BACKOFF_MAX); // Connects, and is given up while it does.
    fixture.pass(HANDSHAKE_TIMEOUT);
    fixture.pass(BACKOFF_MAX);
    fixture.connection.connected(fixture.now);
    fixture.pass(HANDSHAKE_TIMEOUT);
    fixture.pass(BACKOFF_MAX);
    fixture.connection.connected(fixture.now);
    fixture.receive(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    assert_eq!(fixture.connection.last_fault().error, StoreError::Authentication);
    assert_eq!(fixture.connection.away_at(), away_at);
    fixture.pass(BACKOFF_MAX);
    fixture.connection.connected(fixture.now);
    let (most, rest) = HANDSHAKE_DONE.split_at(20);
    fixture.receive(most);
    assert_eq!(fixture.connection.away_at(), away_at);
    fixture.receive(rest);
    assert_eq!(fixture.connection.away_at(), None);
    fixture.pass(HEARTBEAT / 2);
    fixture.connection.lost(StoreError::Unreachable, "closed", fixture.now);
    assert_eq!(fixture.connection.away_at(), Some(fixture.now + TIMEOUT));
}

/// The same with PostgreSQL, whose handshake has many steps.
#[test]
fn postgres_is_back_when_its_last_statement_is_prepared() {
    let mut fixture = Fixture::postgres();
    assert_eq!(fixture.connection.away_at(), None);
    fixture.connection.lost(StoreError::Unreachable, "closed", fixture.now);
    let away_at = Some(fixture.now + TIMEOUT);
    fixture.pass(BACKOFF_MAX);
    fixture.connection.connected(fixture.now);
    for step in [&b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"[..], POSTGRES_SETTLED, b"Z\0\0\0\x05I"] {
        fixture.receive(step);
        assert_eq!(fixture.connection.away_at(), away_at);
    }
    fixture.receive(b"Z\0\0\0\x05I");
    assert_eq!(fixture.connection.away_at(), None);
}

#[test]
fn each_host_is_tried_at_once_and_a_pause_comes_after_the_last() {
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse("postgres://h1,h2/d") else {
        panic!("the URL is good");
    };
    let (now, known) = (Instant::now(), counters());
    let postgres = Postgres::new(*url, Arc::clone(&known), None, TIMEOUT, 7);
    let wire = Wire::Postgres(Box::new(postgres));
    let mut fixture = Fixture { connection: Connection::new(wire, known, TIMEOUT, 7, now), now };
    let connect =
        |host: &str| Command::Connect(Endpoint::Tcp { host: host.to_owned(), port: 5432 });
    let fail = |fixture: &mut Fixture, host: &str, error| {
        fixture.tick();
        assert_eq!(fixture.commands(), [connect(host)]);
        fixture.connection.lost(error, "no", now);
        assert_eq!(fixture.connection.last_fault().detail, format!("{host}:5432: no"));
        assert_eq!(fixture.commands(), [Command::Disconnect]);
        fixture.connection.deadline() == Some(now)
    };
    assert!(fail(&mut fixture, "h1", StoreError::Unreachable));
    assert!(fixture.connection.has_more_to_try(), "h2 is not known yet");
    assert!(!fail(&mut fixture, "h2", StoreError::ReadOnly), "both have failed");
    assert!(!fixture.connection.has_more_to_try());
    fixture.now += BACKOFF_MAX;
    let now = fixture.now;
    fixture.tick();
    assert_eq!(fixture.commands(), [connect("h1")]);
    fixture.connection.lost(StoreError::Authentication, "no", now);
    fixture.commands();
    fixture.now += BACKOFF_MAX;
    fixture.tick();
    assert_eq!(fixture.commands(), [connect("h1")], "another host would refuse it as well");
}

#[test]
fn a_sentinel_is_asked_at_every_connect_and_then_the_primary_that_it_names() {
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis+sentinel://s1,s2/shop") else {
        panic!("the URL is good");
    };
    let (now, known) = (Instant::now(), counters());
    let wire = Wire::Redis(Box::new(Redis::new(url, Arc::clone(&known), None, TIMEOUT, 7)));
    let mut fixture = Fixture { connection: Connection::new(wire, known, TIMEOUT, 7, now), now };
    let connect =
        |host: &str, port| Command::Connect(Endpoint::Tcp { host: host.to_owned(), port });
    let ask = |fixture: &mut Fixture, host: &str, reply: &[u8]| {
        fixture.tick();
        assert_eq!(fixture.commands(), [connect(host, 26_379)]);
        fixture.connection.connected(now);
        let sent = fixture.sent();
        assert!(sent.ends_with(b"GET-MASTER-ADDR-BY-NAME\r\n$4\r\nshop\r\n"), "{sent:?}");
        fixture.receive(reply);
    };
    ask(&mut fixture, "s1", b"%0\r\n*2\r\n$4\r\nnode\r\n$4\r\n6380\r\n");
    assert_eq!(fixture.commands(), [Command::Disconnect, connect("node", 6380)]);
    fixture.connection.connected(now);
    fixture.receive(HANDSHAKE_DONE);
    assert!(fixture.connection.is_ready(FIRST));
    fixture.connection.lost(StoreError::ReadOnly, "demoted", now);
    assert!(fixture.connection.has_more_to_try(), "a sentinel is asked anew");
    assert_eq!(fixture.connection.last_fault().detail, "node:6380: demoted");
    assert_eq!(fixture.commands(), [Command::Disconnect]);
    let pause = fixture.connection.deadline().expect("it is tried again") - now;
    assert!(pause > Duration::ZERO, "one who serves and is lost, again and again, is not hammered");
    assert!(pause <= BACKOFF_MIN);
    fixture.now += pause;
    ask(&mut fixture, "s1", b"%0\r\n_\r\n");
    assert_eq!(fixture.connection.last_fault().error, StoreError::Unresolved);
    assert_eq!(fixture.commands(), [Command::Disconnect]);
    ask(&mut fixture, "s2", b"%0\r\n*2\r\n$1\r\n/\r\n$4\r\n6380\r\n");
    assert_eq!(fixture.connection.last_fault().error, StoreError::Protocol);
    assert_eq!(fixture.commands(), [Command::Disconnect]);
    assert!(fixture.connection.deadline() > Some(now), "both were asked");
    assert!(!fixture.connection.has_more_to_try());
}

#[cfg(feature = "tls")]
mod keys;
mod ways;
