//! Any bytes from a store, with requests for two counters, losses and time between them: no reply
//! but to a request, in the order of its counter, and no number that the store did not grant of it.

#[path = "links/speech.rs"] // A fuzz target includes this file by its path.
mod speech;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::config::StoreUrl;
use headcount::counter::{CounterId, Grant};
use headcount::limits::LIMIT_MAX;
use headcount::store::connection::{Command, Connection};
use headcount::store::counters::Counters;
use headcount::store::error::StoreError;
use headcount::store::high_water::Position;
use headcount::store::keys::Keys;
use headcount::store::postgres::Postgres;
use headcount::store::redis::Redis;
use headcount::store::request::{Reply, SendState, StoreEvent};
use headcount::store::wire::Wire;
use speech::{Due, Speech};

const TIMEOUT: Duration = Duration::from_millis(500);
const LIMIT: u64 = 40;
const EPOCH: u64 = 5;
const NAMES: [&str; 2] = ["shoes", "hats"];

/// See the module.
pub fn run_redis(data: &[u8]) {
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost") else {
        panic!("the URL is good");
    };
    let counters = counters();
    let redis = Redis::new(url, Arc::clone(&counters), None, TIMEOUT, 7);
    Script::new(Wire::Redis(Box::new(redis)), counters, speech::REDIS).run(data);
}

/// See the module.
pub fn run_postgres(data: &[u8]) {
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse("postgres://localhost") else {
        panic!("the URL is good");
    };
    let counters = counters();
    let postgres = Postgres::new(*url, Arc::clone(&counters), None, TIMEOUT, 7);
    Script::new(Wire::Postgres(Box::new(postgres)), counters, speech::POSTGRES).run(data);
}

fn counters() -> Arc<Counters> {
    Arc::new(Counters::new(NAMES.into_iter().map(|name| (name, LIMIT)), true))
}

/// A counter, as its honest store has it.
#[derive(Default)]
struct Held {
    taken: u64,
    /// The counts of the requests without a reply.
    asked: VecDeque<u64>,
    /// What the oldest of them was granted.
    told: Option<Grant>,
}

impl Held {
    fn grant(&self, count: u64) -> Grant {
        let granted = count.min(LIMIT - self.taken);
        Grant { first: self.taken + 1, granted, limit: LIMIT, epoch: EPOCH }
    }
}

/// A connection, and what its store has granted.
struct Script {
    connection: Connection,
    counters: Arc<Counters>,
    speech: Speech,
    now: Instant,
    /// What was sent on this connection and is not answered: as bytes, and as what is due.
    sent: Vec<u8>,
    due: VecDeque<Due>,
    /// The counters that were read on this connection.
    read: Vec<usize>,
    held: [Held; 2],
    /// The store has said nothing on this connection but what is honest.
    is_honest: bool,
    /// A lie was believed, and so the truth need not be any more: it may look like a step back.
    is_fooled: bool,
}

impl Script {
    fn new(wire: Wire, counters: Arc<Counters>, speech: Speech) -> Script {
        let now = Instant::now();
        Script {
            connection: Connection::new(wire, Arc::clone(&counters), TIMEOUT, 7, now),
            counters,
            speech,
            now,
            sent: Vec::new(),
            due: VecDeque::new(),
            read: Vec::new(),
            held: Default::default(),
            is_honest: false,
            is_fooled: false,
        }
    }

    /// Each step is a byte, some with more behind it.
    fn run(&mut self, mut data: &[u8]) {
        while let Some((&step, rest)) = data.split_first() {
            let (argument, count) = (step >> 3, usize::from(step >> 3).min(rest.len()));
            data = rest;
            match step & 7 {
                0 => self.pass(Duration::from_millis(u64::from(argument) * 20)),
                1 => self.pass(Duration::from_secs(u64::from(argument))),
                2 => self.request(CounterId(u32::from(argument & 1)), u64::from(argument >> 1)),
                3 => self.lose(),
                4 => self.connect(),
                5 => self.answer(),
                _ => {
                    self.is_honest = false;
                    let (bytes, rest) = data.split_at(count);
                    self.connection.received(bytes, self.now);
                    data = rest;
                }
            }
            self.look_around();
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.connection.tick(self.now);
    }

    fn request(&mut self, counter: CounterId, count: u64) {
        if self.connection.send_state(counter, self.now) == SendState::Ready {
            self.connection.send(counter, count, Keys::NONE, false, self.now);
            self.connection.finish_requests();
            self.held[counter.index()].asked.push_back(count);
        }
    }

    fn lose(&mut self) {
        self.is_honest = false;
        self.connection.lost(StoreError::Unreachable, "cut", self.now);
    }

    /// A new connection to an honest store, up to the first request that is sent again.
    fn connect(&mut self) {
        self.lose();
        self.look_around();
        self.pass(Duration::from_secs(1));
        self.look_around();
        self.connection.connected(self.now);
        self.is_honest = !self.is_fooled;
        self.look_around();
        while self.is_honest && !matches!(self.due.front(), None | Some(Due::Request(..))) {
            self.answer();
            self.look_around();
        }
        let is_ready = self.connection.is_ready(CounterId::FIRST);
        assert!(
            !self.is_honest || is_ready || !self.due.is_empty(),
            "an honest store is waited for"
        );
    }

    /// The honest answer to the oldest of what was sent.
    fn answer(&mut self) {
        if !self.is_honest {
            return;
        }
        let bytes = match self.due.pop_front() {
            None => return,
            Some(Due::Step(bytes)) => bytes.to_vec(),
            Some(Due::Read(counter)) => (self.speech.grant)(self.held[counter].grant(0)),
            Some(Due::Request(counter, before)) => {
                let held = &mut self.held[counter];
                let count = *held.asked.front().expect("what is sent was asked for");
                let grant = held.grant(count);
                held.taken += grant.granted;
                held.told = Some(grant);
                [before, &(self.speech.grant)(grant)].concat()
            }
        };
        self.connection.received(&bytes, self.now);
    }

    /// Whatever came, a reply belongs to a request, and a grant keeps its bounds.
    fn look_around(&mut self) {
        self.read_sent();
        while let Some(command) = self.connection.command() {
            if command == Command::Disconnect {
                self.is_honest = false;
                self.sent.clear();
                self.due.clear();
            }
        }
        while let Some(event) = self.connection.poll() {
            match event {
                StoreEvent::Replied(counter, reply) => self.replied(counter, reply),
                StoreEvent::AnswersLost(_) => {
                    assert!(!self.is_honest, "an honest store loses no answer");
                }
                StoreEvent::Halted(counter, grant)
                | StoreEvent::HaltedUntracked(counter, grant)
                    if self.is_honest =>
                {
                    assert_eq!(grant.count(), self.held[counter.index()].grant(0).count());
                }
                StoreEvent::Halted(..)
                | StoreEvent::HaltedUntracked(..)
                | StoreEvent::MayHaveChanged(_)
                | StoreEvent::Written(_) => {}
            }
        }
        for (counter, held) in self.counters.ids().zip(&self.held) {
            let position = self.counters.get(counter).high_water.position();
            let Position { epoch, taken } = position;
            self.is_fooled |= (epoch, taken) > (EPOCH, held.taken);
        }
        if self.is_honest && self.due.is_empty() {
            let is_owed = self.held.iter().any(|held| !held.asked.is_empty());
            assert!(!is_owed, "all was answered, and somebody waits");
        }
    }

    fn read_sent(&mut self) {
        self.sent.extend_from_slice(self.connection.seal_and_buffer().unsent());
        let unsent = self.connection.seal_and_buffer().unsent().len();
        self.connection.seal_and_buffer().advance(unsent);
        while let Some(due) = (self.speech.next)(&mut self.sent, &mut self.read) {
            self.due.push_back(due);
        }
    }

    fn replied(&mut self, counter: CounterId, reply: Reply) {
        let held = &mut self.held[counter.index()];
        let count = held.asked.pop_front().expect("a reply belongs to a request");
        let told = held.told.take();
        let Reply::Granted(grant) = reply else {
            // One that is too old is given up without the store.
            let is_refused = self.is_honest && told.is_some();
            assert!(!is_refused, "an honest store refuses nothing: {reply:?}");
            return;
        };
        if self.is_honest {
            assert_eq!(Some(grant), told, "not what the store has told of {counter:?}");
        }
        let Grant { first, granted, limit, .. } = grant;
        self.is_fooled |= Some(grant) != told;
        assert!(granted <= count && first >= 1, "{reply:?} of {count}");
        assert!(granted == 0 || first + granted - 1 <= limit, "{reply:?}");
        assert!(limit <= LIMIT_MAX, "{reply:?}");
    }
}
