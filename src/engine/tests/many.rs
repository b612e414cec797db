//! Several counters in one reactor: each has its own waiters, requests, halt and numbers.

use super::*;
use crate::counter::CounterId;
use crate::engine::client::Peer;

const SHOES: CounterId = CounterId(0);
const HATS: CounterId = CounterId(1);
const TRACKED: &[u8] = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n\
    +found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n+found\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n";

/// An engine of two counters, whose Redis says what the test has it say.
struct Two {
    engine: Engine,
    now: Instant,
}

impl Two {
    fn new() -> Two {
        Two::answered(TRACKED)
    }

    /// The handshake, and the confirming of both counters, are answered so.
    fn answered(bytes: &[u8]) -> Two {
        let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost") else {
            panic!("the URL is good");
        };
        let (now, timeout) = (Instant::now(), Duration::from_millis(500));
        let counters = [("shoes", 100), ("hats", 9)];
        let counters = Arc::new(Counters::new(counters.into_iter(), true));
        let wire = Wire::Redis(Box::new(Redis::new(url, Arc::clone(&counters), None, timeout, 7)));
        let connection = Connection::new(wire, Arc::clone(&counters), timeout, 7, now);
        let store = Store::Connection(Box::new(connection));
        let settings = Settings { store_timeout: timeout, ..Settings::default() };
        let engine = Engine::new(store, counters, settings, Arc::new(Shared::new(2)), now);
        let mut two = Two { engine, now };
        two.engine.finish_turn();
        two.connection().connected(now);
        two.receive(bytes);
        two.sent();
        two
    }

    fn connection(&mut self) -> &mut Connection {
        match &mut self.engine.store {
            Store::Connection(connection) => connection,
            _ => unreachable!("it was made with a connection"),
        }
    }

    /// Clients come, each with one request for such a path, in one wake.
    fn get(&mut self, paths: &[&str]) -> Vec<Token> {
        let tokens = paths.iter().map(|path| {
            let token = self.engine.clients.insert(Peer::default());
            self.engine.receive(token, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
            token
        });
        let tokens = tokens.collect();
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

    /// The counters and counts of the requests since the last call.
    fn sent(&mut self) -> Vec<(String, u64)> {
        let sent =
            String::from_utf8(self.connection().seal_and_buffer().unsent().to_vec()).unwrap();
        self.connection().seal_and_buffer().advance(sent.len());
        let requests = sent.split("headcount:{").skip(1).map(|rest| {
            let (name, rest) = rest.split_once("}\r\n").unwrap();
            (name.to_owned(), rest.lines().nth(1).unwrap().parse().unwrap())
        });
        requests.collect()
    }

    /// The start of the answer, or nothing if there is none.
    fn answer(&mut self, token: Token) -> String {
        let answer = self.engine.clients.get(token).unwrap().send_buffer().unsent().to_vec();
        let answer = String::from_utf8(answer).unwrap();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    fn answers(&mut self, tokens: &[Token]) -> Vec<String> {
        tokens.iter().map(|token| self.answer(*token)).collect()
    }
}

fn number(number: u64) -> String {
    format!(r#"{{"hello":"world","request_num":{number}}}"#)
}

fn sent(requests: &[(&str, u64)]) -> Vec<(String, u64)> {
    requests.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn one_wake_sends_one_request_for_each_counter() {
    let mut two = Two::new();
    let tokens = two.get(&["/", "/take/hats", "/take/shoes", "/take/hats"]);
    assert_eq!(two.sent(), sent(&[("shoes", 2), ("hats", 2)]));
    two.receive(b"*4\r\n:1\r\n:2\r\n:100\r\n:5\r\n*4\r\n:7\r\n:2\r\n:9\r\n:5\r\n");
    assert_eq!(two.answers(&tokens), [number(1), number(7), number(2), number(8)]);
}

#[test]
fn a_halted_counter_is_answered_from_its_cache_and_another_from_the_store() {
    let mut two = Two::new();
    two.get(&["/take/hats"]);
    two.receive(b"*4\r\n:10\r\n:0\r\n:9\r\n:5\r\n");
    two.receive(b"+OK\r\n*4\r\n:10\r\n:0\r\n:9\r\n:5\r\n");
    two.sent();
    let tokens = two.get(&["/take/hats", "/take/shoes"]);
    assert_eq!(two.sent(), sent(&[("shoes", 1)]));
    two.receive(b"*4\r\n:1\r\n:1\r\n:100\r\n:5\r\n");
    let away = r#"{"Go":"away!","request_num":9}"#.to_owned();
    assert_eq!(two.answers(&tokens), [away, number(1)]);
    two.receive(b">2\r\n+invalidate\r\n*1\r\n+headcount:{shoes}\r\n");
    two.get(&["/take/hats"]);
    assert_eq!(two.sent(), sent(&[]), "the change was another's");
    two.receive(b">2\r\n+invalidate\r\n*1\r\n+headcount:{hats}\r\n");
    two.get(&["/take/hats"]);
    assert_eq!(two.sent(), sent(&[("hats", 1)]));
}

/// Its requests fail at once, and after a pause it is confirmed again, while somebody asks.
#[test]
fn a_refused_counter_fails_alone_and_is_tried_again_after_a_pause() {
    let refused = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n\
        +found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n-WRONGTYPE no\r\n-WRONGTYPE no\r\n";
    let mut two = Two::answered(refused);
    let tokens = two.get(&["/take/hats", "/", "/readyz/hats"]);
    assert_eq!(two.sent(), sent(&[("shoes", 0), ("shoes", 1)]), "a write is tried, too");
    two.receive(b":0\r\n*4\r\n:1\r\n:1\r\n:100\r\n:5\r\n");
    let answers = two.answers(&tokens);
    assert_eq!(answers, [r#"{"error":"store unavailable"}"#, &number(1), r#"{"error":"type"}"#]);
    two.pass(crate::limits::REFUSED_PAUSE);
    let tokens = two.get(&["/take/hats"]);
    assert_eq!(two.sent(), sent(&[("hats", 1), ("hats", 0)]), "created if it may be, and read");
    two.receive(b"+created\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n");
    assert_eq!(two.sent(), sent(&[("hats", 1)]));
    two.receive(b"*4\r\n:1\r\n:1\r\n:9\r\n:5\r\n");
    assert_eq!(two.answers(&tokens), [number(1)]);
}

#[test]
fn unclaimed_numbers_are_their_counter_s_alone() {
    let mut two = Two::new();
    for token in two.get(&["/take/hats", "/take/hats"]) {
        two.engine.disconnect(token, CloseReason::Reset);
    }
    two.receive(b"*4\r\n:1\r\n:2\r\n:9\r\n:5\r\n");
    assert_eq!(two.engine.counters[HATS.index()].unclaimed.len(), 2);
    assert_eq!(two.engine.counters[SHOES.index()].unclaimed.len(), 0);
    two.sent();
    two.get(&["/take/shoes", "/take/hats"]);
    assert_eq!(two.sent(), sent(&[("shoes", 1), ("hats", 0)]));
}

#[test]
fn ready_is_a_process_whose_store_takes_writes_and_broken_counters_are_named() {
    let mut two = Two::new();
    two.get(&["/take/hats"]);
    two.receive(b"-DAMAGED the field limit\r\n");
    two.sent();
    let token = two.get(&["/readyz"])[0];
    assert_eq!(two.answer(token), "", "a write is tried");
    two.receive(b"+found\r\n-DAMAGED the field limit\r\n-WRONGTYPE a hash\r\n");
    let named = r#"{"status":"ready","refused":{"hats":"damaged"},"refused_total":1}"#;
    assert_eq!(two.answer(token), named);
    let token = two.get(&["/readyz"])[0];
    assert_eq!(two.answer(token), named, "known for a second");
    two.pass(Duration::from_secs(1));
    let token = two.get(&["/readyz"])[0];
    let probed = b"+OK\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n"; // The store was silent for a second.
    let confirmed = b"+found\r\n-DAMAGED the field limit\r\n";
    two.receive(&[&probed[..], confirmed, b"-OOM no memory\r\n"].concat());
    assert_eq!(two.answer(token), r#"{"error":"memory"}"#);
    two.engine.drain();
    let token = two.get(&["/readyz"])[0];
    assert_eq!(two.answer(token), r#"{"error":"draining"}"#);
}

/// An ACL forbids both counters: every take is 503.
#[test]
fn a_user_who_may_not_touch_any_counter_is_not_ready() {
    let noperm = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n\
        -NOPERM this user has no permissions to access one of the keys\r\n\
        -NOPERM this user has no permissions to access one of the keys\r\n\
        -NOPERM this user has no permissions to access one of the keys\r\n\
        -NOPERM this user has no permissions to access one of the keys\r\n";
    let mut two = Two::answered(noperm);
    let token = two.get(&["/readyz"])[0];
    two.receive(b"-NOPERM this user has no permissions to run the 'setrange' command\r\n");
    let answer = two.answer(token);
    assert!(answer.contains("error"), "{answer}");
}

/// An ACL forbids one of two counters.
#[test]
fn a_forbidden_counter_among_others_is_named() {
    let noperm = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n\
        +found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n\
        -NOPERM this user has no permissions to access one of the keys\r\n\
        -NOPERM this user has no permissions to access one of the keys\r\n";
    let mut two = Two::answered(noperm);
    let token = two.get(&["/readyz"])[0];
    two.receive(b"-WRONGTYPE a hash\r\n");
    let answer = two.answer(token);
    assert!(answer.contains(r#""refused":{"hats":"permission"}"#), "{answer}");
}

/// A trigger, an error of a script, a right that was taken away.
#[test]
fn one_counter_s_own_error_does_not_make_the_process_unready() {
    let mut two = Two::new();
    let shoes = two.get(&["/take/shoes"])[0];
    two.receive(b"*4\r\n:1\r\n:1\r\n:100\r\n:5\r\n");
    assert_eq!(two.answer(shoes), number(1));
    two.get(&["/take/hats"]);
    two.receive(b"-NOPERM this user has no permissions to access one of the keys\r\n");
    let token = two.get(&["/readyz"])[0];
    let answer = two.answer(token);
    assert!(!answer.contains("error"), "{answer}");
}

/// The store is 30 ms away: confirming all of them takes longer than the pause after a refusal.
#[test]
fn readyz_is_answered_though_many_counters_are_refused() {
    let names: Vec<String> = (0..400).map(|number| format!("c{number}")).collect();
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost") else { panic!() };
    let (now, timeout) = (Instant::now(), Duration::from_millis(500));
    let counters = names.iter().map(|name| (name.as_str(), 100));
    let counters = Arc::new(Counters::new(counters, false));
    let wire = Wire::Redis(Box::new(Redis::new(url, Arc::clone(&counters), None, timeout, 7)));
    let connection = Connection::new(wire, Arc::clone(&counters), timeout, 7, now);
    let store = Store::Connection(Box::new(connection));
    let settings = Settings { store_timeout: timeout, ..Settings::default() };
    let engine = Engine::new(store, counters, settings, Arc::new(Shared::new(400)), now);
    let mut two = Two { engine, now };
    two.engine.finish_turn();
    two.connection().connected(now);
    let mut answers = Vec::new();
    let mut token = None;
    for turn in 0..200 {
        // What was sent arrives, is answered, and the replies are here 30 ms later.
        let sent = String::from_utf8(two.connection().seal_and_buffer().unsent().to_vec()).unwrap();
        two.connection().seal_and_buffer().advance(sent.len());
        let mut replies = String::new();
        for command in sent.split("\r\n*").filter(|command| !command.is_empty()) {
            let is_well = command.contains("headcount:{c0}");
            replies += if command.contains("HELLO") {
                "%0\r\n"
            } else if command.contains("\r\nLOAD\r\n") || command.contains("CLIENT") {
                "+OK\r\n"
            } else if command.contains("INFO") {
                "-NOPERM\r\n"
            } else if command.contains("SETRANGE") {
                "-WRONGTYPE a hash\r\n"
            } else if command.trim_start_matches('*').starts_with("10\r\n") {
                "+found\r\n"
            } else if is_well {
                "*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n"
            } else {
                "-MISSING gone\r\n"
            };
        }
        two.now += Duration::from_millis(30);
        two.engine.clients.turn_mut().now = two.now;
        two.receive(replies.as_bytes());
        if turn < 30 {
            continue;
        }
        if token.is_none() {
            token = Some(two.get(&["/readyz"])[0]);
        } else if !two.answer(token.unwrap()).is_empty() {
            answers.push(two.answer(token.unwrap()));
            token = None;
        }
    }
    let ready = answers.iter().filter(|answer| answer.contains("ready")).count();
    assert!(ready * 2 > answers.len(), "{ready} of {}: {}", answers.len(), answers[0]);
}

/// It is refused at once as any other.
#[test]
fn a_held_back_take_of_a_refused_counter_is_worth_a_turn() {
    let refused = b"%0\r\n+hash\r\n+hash\r\n-NOPERM\r\n+OK\r\n\
        +found\r\n*4\r\n:1\r\n:0\r\n:100\r\n:5\r\n-WRONGTYPE no\r\n-WRONGTYPE no\r\n";
    let mut two = Two::answered(refused);
    let token = two.engine.clients.insert(Peer::default());
    let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /take/hats HTTP/1.1\r\nHost: a\r\n\r\n";
    two.engine.receive(token, requests);
    two.engine.finish_turn();
    two.receive(b"*4\r\n:1\r\n:1\r\n:100\r\n:5\r\n");
    let first = two.engine.clients.get(token).unwrap().send_buffer().unsent().len();
    two.engine.sent(token, first);
    let now = two.now;
    assert_eq!(two.engine.deadline(now), Some(now));
}
