//! Any bytes from a store, with asks, losses and time between them: no reply but to an ask, in
//! order, and no number that the store did not grant.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use headcount::config::StoreUrl;
use headcount::counter::Grant;
use headcount::limits::LIMIT_MAX;
use headcount::store::connection::{Command, Connection};
use headcount::store::counter::Counter;
use headcount::store::error::StoreError;
use headcount::store::postgres::Postgres;
use headcount::store::redis::Redis;
use headcount::store::request::Reply;
use headcount::store::wire::Wire;

const TIMEOUT: Duration = Duration::from_millis(500);
const LIMIT: u64 = 40;
const EPOCH: u64 = 5;

/// How an honest store speaks.
struct Speech {
    /// To a process that sees it for the first time, and to one that has.
    greeting: fn(Grant) -> Vec<u8>,
    greeting_again: fn(Grant) -> Vec<u8>,
    grant: fn(Grant) -> Vec<u8>,
}

/// See the module.
pub fn run_redis(data: &[u8]) {
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost") else {
        panic!("the URL is good");
    };
    let redis = Redis::new(url, Counter::new("default", LIMIT), 7);
    let speech = Speech {
        greeting: |grant| {
            [b"%0\r\n+hash\r\n+hash\r\n+OK\r\n+info\r\n+found\r\n", &*resp(grant)].concat()
        },
        greeting_again: |grant| {
            [b"%0\r\n+hash\r\n+hash\r\n+OK\r\n+found\r\n", &*resp(grant)].concat()
        },
        grant: resp,
    };
    Script::new(Wire::Redis(Box::new(redis)), speech).run(data);
}

/// See the module.
pub fn run_postgres(data: &[u8]) {
    let Ok(StoreUrl::Postgres(url)) = StoreUrl::parse("postgres://localhost") else {
        panic!("the URL is good");
    };
    let counter = Counter::new("default", LIMIT);
    let postgres = Postgres::new(*url, counter, TIMEOUT, 7);
    let greeting = |grant| {
        const READY: &[u8] = b"Z\0\0\0\x05I";
        let settings = b"D\0\0\0\x0d\0\x01\0\0\0\x03off";
        [b"R\0\0\0\x08\0\0\0\0", READY, settings, READY, READY, &*row(grant)].concat()
    };
    let speech = Speech { greeting, greeting_again: greeting, grant: row };
    Script::new(Wire::Postgres(Box::new(postgres)), speech).run(data);
}

fn resp(Grant { first, granted, limit, epoch }: Grant) -> Vec<u8> {
    format!("*4\r\n:{first}\r\n:{granted}\r\n:{limit}\r\n:{epoch}\r\n").into_bytes()
}

fn row(Grant { first, granted, limit, epoch }: Grant) -> Vec<u8> {
    let mut row = b"D\0\0\0\x72\0\x09".to_vec();
    for number in [first, granted, limit, epoch, 1, 2, 0, 0, 0] {
        row.extend([8_u32.to_be_bytes().as_slice(), &number.to_be_bytes()].concat());
    }
    row.extend(b"Z\0\0\0\x05I");
    row
}

/// A link, and what its store has granted.
struct Script {
    link: Connection,
    speech: Speech,
    now: Instant,
    taken: u64,
    /// The counts of the asks without a reply.
    asked: VecDeque<u64>,
    has_greeted: bool,
    /// The connection is greeted, and the store has said nothing but what is honest.
    is_honest: bool,
    /// A lie was believed, and so the truth need not be any more: it may look like a step back.
    is_fooled: bool,
}

impl Script {
    fn new(protocol: Wire, speech: Speech) -> Script {
        let now = Instant::now();
        let link = Connection::new(protocol, TIMEOUT, 7, now);
        let asked = VecDeque::new();
        Script {
            link,
            speech,
            now,
            taken: 0,
            asked,
            has_greeted: false,
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
                2 => self.ask(u64::from(argument)),
                3 => self.lose(),
                4 => self.greet(),
                5 => self.grant(),
                _ => {
                    // Before the greeting is over the lie may be in the look.
                    self.is_fooled |= !self.is_honest;
                    self.is_honest = false;
                    let (bytes, rest) = data.split_at(count);
                    self.link.received(bytes, self.now);
                    data = rest;
                }
            }
            self.look_around();
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.link.tick(self.now);
    }

    fn ask(&mut self, count: u64) {
        if self.link.can_send() {
            self.link.send(count, None, self.now);
            self.asked.push_back(count);
        }
    }

    fn lose(&mut self) {
        self.is_honest = false;
        self.link.lost(StoreError::Unreachable, "cut", self.now);
    }

    /// A new connection to an honest store.
    fn greet(&mut self) {
        self.lose();
        self.look_around();
        self.pass(Duration::from_secs(1));
        self.link.connected();
        let look = self.granted(0);
        let greeting =
            if self.has_greeted { self.speech.greeting_again } else { self.speech.greeting };
        self.link.received(&greeting(look), self.now);
        self.has_greeted = true;
        self.is_honest = !self.is_fooled;
    }

    /// The honest answer to the oldest ask.
    fn grant(&mut self) {
        let (true, Some(&count)) = (self.is_honest, self.asked.front()) else {
            return;
        };
        let grant = self.granted(count);
        self.taken += grant.granted;
        self.link.received(&(self.speech.grant)(grant), self.now);
        let mut reply = self.link.poll();
        if reply.is_none() && grant.granted == 0 {
            // An ask that came again: it was not answered before, either.
            self.link.received(b"Z\0\0\0\x05I", self.now);
            reply = self.link.poll();
        }
        assert_eq!(reply, Some(Reply::Granted(grant)));
        self.asked.pop_front();
    }

    fn granted(&self, count: u64) -> Grant {
        let granted = count.min(LIMIT - self.taken);
        Grant { first: self.taken + 1, granted, limit: LIMIT, epoch: EPOCH }
    }

    /// Whatever came, a reply belongs to an ask, and a grant keeps its bounds.
    fn look_around(&mut self) {
        while let Some(command) = self.link.command() {
            self.is_honest &= command != Command::Disconnect;
        }
        while let Some(reply) = self.link.poll() {
            if reply == Reply::AnswersLost {
                assert!(!self.is_honest, "an honest store loses no answer");
                continue;
            }
            let count = self.asked.pop_front().expect("a reply belongs to an ask");
            match reply {
                // A halt that the store has told of may be told again without asking.
                Reply::Granted(grant) if self.taken == LIMIT && grant == self.granted(0) => {}
                Reply::Granted(Grant { first, granted, limit, .. }) => {
                    assert!(!self.is_honest, "an honest store was not heard to say that");
                    self.is_fooled = true;
                    assert!(granted <= count && first >= 1, "{reply:?} of {count}");
                    assert!(granted == 0 || first + granted - 1 <= limit, "{reply:?}");
                    assert!(limit <= LIMIT_MAX, "{reply:?}");
                }
                Reply::NotRun | Reply::Failed(_) | Reply::AnswersLost => {}
            }
        }
        let unsent = self.link.send_buffer().unsent().len();
        self.link.send_buffer().advance(unsent);
    }
}
