//! Redis, or Valkey, as bytes: RESP3 with the redis crate's packing and parser, but for the takes.
//!
//! The counter is the hash `headcount:{NAME}` with the fields `taken`, `limit` and `generation`;
//! the braces make its name a Redis Cluster hash tag. A greeting is one write: HELLO 3 (with AUTH),
//! SELECT, SCRIPT LOAD, CLIENT TRACKING, HSETNX of the fields and a probe. Only a process
//! that has not been greeted yet creates the counter: later a missing one was lost, and must not
//! begin at 1 again. It knows neither sockets, nor the clock, nor who asks.

mod durability;
mod reply;
mod resp;

use std::collections::VecDeque;

use log::{info, warn};
use redis::{Cmd, PushKind, Value, cmd, parse_redis_value};

use crate::config::RedisUrl;
use crate::counter::Grant;
use crate::limits::{ANSWER_KEPT, BATCHES_IN_FLIGHT_MAX};
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
    /// CLIENT TRACKING; a user who may not goes without.
    Tracking,
    /// CLIENT CACHING, before a probe; where it is refused, the probe is not tracked.
    Caching,
    /// The first probe, the last step of the greeting.
    FirstProbe,
    Probe,
    Ask,
}

const TAKE: &str = include_str!("take.lua");
const RESET: &str = include_str!("reset.lua");

/// The protocol state of one connection, used again for the next one.
pub struct Redis {
    url: RedisUrl,
    key: String,
    counter: Counter,
    /// The words of a take that are the same in each: up to the counter's key.
    take_head: Vec<u8>,
    /// Where the answers to asks are remembered: those in flight at once have different places.
    places: Vec<String>,
    unread: Vec<u8>,
    due: VecDeque<Due>,
    /// Nothing has refused tracking on this connection for good.
    may_track: bool,
    /// What the last probe saw is tracked.
    is_tracked: bool,
}

impl Redis {
    /// A link to the Redis of `url`, where the counter is created if it is missing and was not
    /// seen by this process. `id` must be no other link's: a random one.
    pub fn new(url: RedisUrl, counter: Counter, id: u64) -> Redis {
        let key = format!("headcount:{{{}}}", counter.name);
        let place = |place| format!("{key}:link:{id:016x}:{place}");
        Redis {
            url,
            take_head: take_head(&key),
            places: (0..BATCHES_IN_FLIGHT_MAX).map(place).collect(),
            key,
            counter,
            unread: Vec::new(),
            due: VecDeque::new(),
            may_track: false,
            is_tracked: false,
        }
    }

    /// A new connection begins: writes the whole greeting.
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        self.unread.clear();
        self.due.clear();
        (self.may_track, self.is_tracked) = (true, false);
        self.send(&self.hello(), Due::Hello, out);
        if self.url.database != 0 {
            self.send(cmd("SELECT").arg(self.url.database), Due::Step, out);
        }
        self.send(cmd("SCRIPT").arg("LOAD").arg(TAKE), Due::Step, out);
        self.send(cmd("CLIENT").arg("TRACKING").arg("ON").arg("OPTIN"), Due::Tracking, out);
        if self.counter.is_to_be_reset {
            self.send(&self.reset(), Due::Step, out);
        } else if !self.counter.high_water.is_seen() {
            self.send(&cmd("INFO"), Due::Info, out);
            self.send(&self.create("generation", self.counter.born), Due::Step, out);
            self.send(&self.create("taken", 0), Due::Step, out);
            self.send(&self.create("limit", self.counter.limit), Due::Step, out);
        }
        // A right that the script lacks must show before it has taken anything.
        let place = format!("{}:link", self.key);
        self.send(cmd("GET").arg(&place), Due::Step, out);
        self.send(cmd("SET").arg(&place).arg("").arg("PX").arg(1), Due::Step, out);
        self.take(Ask::PROBE, Due::FirstProbe, out);
    }

    /// Writes one ask.
    pub fn ask(&mut self, ask: Ask, out: &mut Vec<u8>) {
        self.take(ask, Due::Ask, out);
    }

    /// Writes one probe. Where the user may, Redis pushes a word of the next change of the counter:
    /// see redis.io/docs/latest/develop/reference/client-side-caching, "Opt-in".
    pub fn probe(&mut self, out: &mut Vec<u8>) {
        self.is_tracked = false;
        if self.may_track {
            self.send(cmd("CLIENT").arg("CACHING").arg("YES"), Due::Caching, out);
        }
        self.take(Ask::PROBE, Due::Probe, out);
    }

    /// Whether a probe is likely to be followed by a word of the next change.
    pub fn may_track(&self) -> bool {
        self.may_track
    }

    /// Whether the probe that was answered last is followed by a word of the next change.
    pub fn is_tracked(&self) -> bool {
        self.is_tracked
    }

    /// Bytes came; [`Redis::next_event`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
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
            (Due::Probe, value) => Ok(Some(Event::Probed(self.answer(value)?))),
            (Due::Tracking | Due::Caching, Value::ServerError(error)) => {
                let words = error.code();
                // NOPERM: no right. ERR: no such command. Others, such as BUSY, pass: the next
                // probe tries again.
                if matches!(words, "NOPERM" | "ERR") {
                    self.may_track = false;
                    info!(words; "the store does not track changes for us: a halt is asked anew");
                }
                Ok(None)
            }
            (Due::Caching, _) => {
                self.is_tracked = true;
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
            (Due::FirstProbe, value) => self.granted(&value).map(|_| Some(Event::Greeted)),
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

    /// The next whole reply.
    fn value(&mut self) -> Result<Option<Value>, Fault> {
        let Some(length) = resp::length(&self.unread)? else {
            return Ok(None);
        };
        let reply = &self.unread[..length];
        let value = match resp::numbers::<4>(reply) {
            Some(numbers) => Ok(Value::Array(numbers.map(Value::Int).into())),
            None => parse_redis_value(reply).map_err(|_| not_redis("bytes that are no RESP")),
        };
        self.unread.drain(..length);
        value.map(Some)
    }

    fn granted(&self, value: &Value) -> Result<Grant, Fault> {
        let grant = grant(value).ok_or_else(|| not_redis("a grant that makes no sense"))?;
        self.counter.observe(grant);
        Ok(grant)
    }

    fn warn_of_weaknesses(&self, info: &Value) {
        let info = reply::text(info).and_then(|bytes| str::from_utf8(bytes).ok());
        if let (Some(info), true) = (info, self.counter.high_water.is_first_to_judge()) {
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

    fn take(&mut self, ask: Ask, due: Due, out: &mut Vec<u8>) {
        let seen = self.counter.high_water.position();
        let place = ask.sequence as usize % self.places.len();
        out.extend_from_slice(&self.take_head);
        resp::write_word(self.places[place].as_bytes(), out);
        resp::write_number(ask.count, out);
        resp::write_number(ask.sequence, out);
        resp::write_number(ANSWER_KEPT.as_millis() as u64, out);
        resp::write_number(seen.epoch, out);
        resp::write_number(seen.taken, out);
        self.due.push_back(due);
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

/// The first words of EVALSHA, which names the script by its SHA-1 and the counter by its key.
fn take_head(key: &str) -> Vec<u8> {
    let mut words = Vec::new();
    resp::write_count(10, &mut words);
    resp::write_word(b"EVALSHA", &mut words);
    resp::write_word(redis::Script::new(TAKE).get_hash().as_bytes(), &mut words);
    resp::write_number(2, &mut words);
    resp::write_word(key.as_bytes(), &mut words);
    words
}

#[cfg(test)]
mod tests;
