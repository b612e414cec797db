//! Redis, or Valkey, as bytes: RESP3 with the redis crate's packing and parser.
//!
//! The counter is the hash `headcount:{NAME}` with the fields `taken`, `limit` and `generation`;
//! the braces make its name a Redis Cluster hash tag. A greeting is one write: HELLO 3 (with AUTH),
//! SELECT, SCRIPT LOAD, CLIENT TRACKING, HSETNX of the fields and a look at them. Only a process
//! that has not been greeted yet creates the counter: later a missing one was lost, and must not
//! begin at 1 again. It knows neither sockets, nor the clock, nor who asks.

mod durability;
mod reply;

use std::collections::VecDeque;
use std::io::{self, Read};

use log::{info, warn};
use redis::{Cmd, Parser, PushKind, Value, cmd};

use crate::config::RedisUrl;
use crate::counter::Grant;
use crate::limits::{ANSWER_KEPT, BATCHES_IN_FLIGHT_MAX, REPLY_BYTES_MAX};
use crate::store::counter::Counter;
use crate::store::protocol::{Answer, Ask, Event};
use crate::store::{Fault, StoreError};
use durability::weaknesses;
use reply::{fault, grant, not_redis, primary};

/// A command that was sent, and so a reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Hello,
    /// A step of the greeting that has nothing to say but errors.
    Step,
    /// What it says of itself; a user who may not ask goes without.
    Info,
    /// CLIENT TRACKING or CLIENT CACHING; a user who may not goes without.
    Tracking,
    /// The look at the fields, the last step of the greeting.
    FirstLook,
    Look,
    Ask,
}

const TAKE: &str = include_str!("take.lua");
const RESET: &str = include_str!("reset.lua");

/// The protocol state of one connection, used again for the next one.
pub struct Redis {
    url: RedisUrl,
    key: String,
    /// Tells this link from all others, those of former processes included.
    id: u64,
    counter: Counter,
    /// The script's SHA-1, by which EVALSHA names it.
    hash: String,
    parser: Parser,
    unread: Vec<u8>,
    /// Bytes received since a reply was last complete.
    unfinished_bytes: usize,
    due: VecDeque<Due>,
    is_tracking: bool,
}

impl Redis {
    /// A link to the Redis of `url`, where the counter is created if it is missing and was not
    /// seen by this process. `id` must be no other link's: a random one.
    pub fn new(url: RedisUrl, counter: Counter, id: u64) -> Redis {
        Redis {
            url,
            key: format!("headcount:{{{}}}", counter.name),
            id,
            counter,
            hash: redis::Script::new(TAKE).get_hash().to_owned(),
            parser: Parser::new(),
            unread: Vec::new(),
            unfinished_bytes: 0,
            due: VecDeque::new(),
            is_tracking: false,
        }
    }

    /// A new connection begins: writes the whole greeting.
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        self.parser = Parser::new();
        self.unread.clear();
        self.unfinished_bytes = 0;
        self.due.clear();
        self.is_tracking = true;
        self.send(&self.hello(), Due::Hello, out);
        if self.url.database != 0 {
            self.send(cmd("SELECT").arg(self.url.database), Due::Step, out);
        }
        self.send(cmd("SCRIPT").arg("LOAD").arg(TAKE), Due::Step, out);
        self.send(cmd("CLIENT").arg("TRACKING").arg("ON").arg("OPTIN"), Due::Tracking, out);
        if self.counter.is_to_be_reset {
            self.send(&self.reset(), Due::Step, out);
        } else if !self.counter.horizon.is_seen() {
            self.send(&cmd("INFO"), Due::Info, out);
            self.send(&self.create("generation", self.counter.born), Due::Step, out);
            self.send(&self.create("taken", 0), Due::Step, out);
            self.send(&self.create("limit", self.counter.limit), Due::Step, out);
        }
        // A right that the script lacks must show before it has taken anything.
        let place = format!("{}:link", self.key);
        self.send(cmd("GET").arg(&place), Due::Step, out);
        self.send(cmd("SET").arg(&place).arg("").arg("PX").arg(1), Due::Step, out);
        self.send(&self.take(Ask::LOOK), Due::FirstLook, out);
    }

    /// Writes one ask.
    pub fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) {
        self.send(&self.take(ask), Due::Ask, out);
    }

    /// Writes one look. Where the user may, Redis pushes a word of the next change of the counter:
    /// see redis.io/docs/latest/develop/reference/client-side-caching, "Opt-in".
    pub fn look(&mut self, out: &mut Vec<u8>) {
        if self.is_tracking {
            self.send(cmd("CLIENT").arg("CACHING").arg("YES"), Due::Tracking, out);
        }
        self.send(&self.take(Ask::LOOK), Due::Look, out);
    }

    /// Whether a look is followed by a word of the next change.
    pub fn is_tracking(&self) -> bool {
        self.is_tracking
    }

    /// Bytes came; [`Redis::next_event`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.unfinished_bytes += bytes.len();
    }

    /// The next event in the bytes received, or `None` until more come. After an error the
    /// connection must be given up.
    pub fn next_event(&mut self) -> Result<Option<Event>, Fault> {
        while let Some(value) = self.value()? {
            match value {
                Value::Push { kind: PushKind::Invalidate, .. } => return Ok(Some(Event::Changed)),
                Value::Push { .. } => continue, // Out of band, and none that we subscribed to.
                _ => {}
            }
            let due = self.due.pop_front().ok_or_else(|| not_redis("a reply too many"))?;
            if let Some(event) = self.understand(due, value)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn understand(&mut self, due: Due, value: Value) -> Result<Option<Event>, Fault> {
        match (due, value) {
            (Due::Ask, value) => {
                let answer = self.answer(value)?.map_or_else(Answer::Refused, Answer::Granted);
                Ok(Some(Event::Replied(answer)))
            }
            (Due::Look, value) => Ok(Some(Event::Looked(self.answer(value)?))),
            (Due::Tracking, Value::ServerError(error)) => {
                self.is_tracking = false;
                let words = error.code();
                info!(words; "halted is asked for anew: the store does not track changes for us");
                Ok(None)
            }
            (Due::Info, value) => {
                self.warn_of_weaknesses(&value);
                Ok(None)
            }
            (Due::Hello, Value::ServerError(error)) => Err(Fault {
                words: format!("{}, in reply to HELLO", error.code()),
                ..fault(&error) // Its details may repeat the password: an old Redis does.
            }),
            (_, Value::ServerError(error)) => Err(fault(&error)),
            (Due::Hello, value) => primary(&value).map(|()| None),
            (Due::Step | Due::Tracking, _) => Ok(None),
            (Due::FirstLook, value) => self.granted(&value).map(|_| Some(Event::Greeted)),
        }
    }

    /// What the script said, or why it was refused. After an outer error the connection must be
    /// given up.
    fn answer(&self, value: Value) -> Result<Result<Grant, Fault>, Fault> {
        match value {
            // The greeting loads it; and what is in flight is asked again in order after one.
            Value::ServerError(error) if error.code() == "NOSCRIPT" => {
                Err(Fault { error: StoreError::Connecting, words: "no script any more".to_owned() })
            }
            Value::ServerError(error) => Ok(Err(fault(&error))),
            value => self.granted(&value).map(Ok),
        }
    }

    /// The next whole reply. The parser reads ahead, and takes "no bytes for now" only as
    /// `WouldBlock`; it is at the end of what was received when it says so.
    fn value(&mut self) -> Result<Option<Value>, Fault> {
        let mut source = Source(&self.unread);
        let parsed = self.parser.parse_value(&mut source);
        let left = source.0.len();
        self.unread.drain(..self.unread.len() - left);
        match parsed {
            Ok(value) => {
                self.unfinished_bytes = 0;
                Ok(Some(value))
            }
            Err(error) if error.is_timeout() && self.unfinished_bytes <= REPLY_BYTES_MAX => {
                Ok(None)
            }
            Err(error) if error.is_timeout() => Err(not_redis("a reply without end")),
            Err(_) => Err(not_redis("bytes that are no RESP")),
        }
    }

    fn granted(&self, value: &Value) -> Result<Grant, Fault> {
        let grant = grant(value).ok_or_else(|| not_redis("a grant that makes no sense"))?;
        self.counter.saw(grant);
        Ok(grant)
    }

    fn warn_of_weaknesses(&self, info: &Value) {
        let info = reply::text(info).and_then(|bytes| str::from_utf8(bytes).ok());
        if let (Some(info), true) = (info, self.counter.horizon.is_first_to_judge()) {
            weaknesses(info).for_each(|weakness| warn!("{}", weakness.words()));
        }
    }

    fn hello(&self) -> Cmd {
        let mut hello = cmd("HELLO");
        hello.arg(3);
        if let Some(password) = &self.url.password {
            let user = self.url.user.as_deref().unwrap_or("default");
            hello.arg("AUTH").arg(user).arg(password.reveal());
        }
        hello.arg("SETNAME").arg("headcount");
        hello
    }

    /// Where the answer to an ask is remembered: those in flight at once have different places.
    fn place(&self, sequence: u64) -> String {
        let place = sequence % BATCHES_IN_FLIGHT_MAX as u64;
        format!("{}:link:{:016x}:{place}", self.key, self.id)
    }

    fn take(&self, ask: Ask) -> Cmd {
        let seen = self.counter.horizon.sight();
        let mut take = cmd("EVALSHA");
        take.arg(&self.hash).arg(2).arg(&self.key).arg(self.place(ask.sequence));
        take.arg(ask.count).arg(ask.sequence).arg(ANSWER_KEPT.as_millis() as u64);
        take.arg(seen.generation).arg(seen.taken);
        take
    }

    fn reset(&self) -> Cmd {
        let mut reset = cmd("EVAL");
        reset.arg(RESET).arg(1).arg(&self.key).arg(self.counter.limit).arg(self.counter.born);
        reset
    }

    fn create(&self, field: &str, value: u64) -> Cmd {
        let mut create = cmd("HSETNX");
        create.arg(&self.key).arg(field).arg(value);
        create
    }

    fn send(&mut self, command: &Cmd, due: Due, out: &mut Vec<u8>) {
        command.write_packed_command(out);
        self.due.push_back(due);
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Redis");
        fields.field("key", &self.key).field("due", &self.due).finish_non_exhaustive()
    }
}

/// A reader that has nothing more for now, instead of an end.
struct Source<'a>(&'a [u8]);

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests;
