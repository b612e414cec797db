//! Redis, or Valkey, as bytes: RESP3 with the redis crate's packing and parser.
//!
//! The counter is the hash `headcount:{NAME}` with the fields `taken` and `limit`; the braces make
//! its name a Redis Cluster hash tag. A greeting is one write: HELLO 3 (with AUTH), SELECT,
//! SCRIPT LOAD, HSETNX of both fields and a look at them. Only a process that has not been
//! greeted yet creates the counter: later a missing one was lost, and must not begin at 1 again.
//! It knows neither sockets, nor the clock, nor who asks.

mod reply;

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::{Cmd, Parser, Value, cmd};

use crate::config::RedisUrl;
use crate::counter::Count;
use crate::limits::REPLY_BYTES_MAX;
use crate::store::protocol::{Answer, Event};
use crate::store::{self, Fault, StoreError};
use reply::{fault, grant, not_redis, number, primary};

/// A command that was sent, and so a reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Hello,
    /// A step of the greeting that has nothing to say but errors.
    Step,
    /// The look at the fields, the last step of the greeting.
    Look,
    /// SCRIPT LOAD after a NOSCRIPT.
    Load,
    Ask,
}

const TAKE: &str = include_str!("take.lua");

/// The protocol state of one connection, used again for the next one.
pub struct Redis {
    url: RedisUrl,
    key: String,
    limit: u64,
    /// The script's SHA-1, by which EVALSHA names it.
    hash: String,
    parser: Parser,
    unread: Vec<u8>,
    /// Bytes received since a reply was last complete.
    unfinished_bytes: usize,
    due: VecDeque<Due>,
    /// Shared by the reactors: the counter was seen, and is not to be created again.
    was_seen: Arc<AtomicBool>,
}

impl Redis {
    /// A counter `name` in the Redis of `url`, created with `limit` if it is missing, unless this
    /// process `was_seen` to have found it before.
    pub fn new(url: RedisUrl, name: &str, limit: u64, was_seen: Arc<AtomicBool>) -> Redis {
        Redis {
            url,
            key: format!("headcount:{{{name}}}"),
            limit,
            hash: redis::Script::new(TAKE).get_hash().to_owned(),
            parser: Parser::new(),
            unread: Vec::new(),
            unfinished_bytes: 0,
            due: VecDeque::new(),
            was_seen,
        }
    }

    /// A new connection begins: writes the whole greeting.
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        self.parser = Parser::new();
        self.unread.clear();
        self.unfinished_bytes = 0;
        self.due.clear();
        self.send(&self.hello(), Due::Hello, out);
        if self.url.database != 0 {
            self.send(cmd("SELECT").arg(self.url.database), Due::Step, out);
        }
        self.send(cmd("SCRIPT").arg("LOAD").arg(TAKE), Due::Step, out);
        if !self.was_seen.load(Ordering::Relaxed) {
            self.send(&self.create("taken", 0), Due::Step, out);
            self.send(&self.create("limit", self.limit), Due::Step, out);
        }
        self.send(&self.look(), Due::Look, out);
    }

    /// Writes one ask for up to `count` numbers.
    pub fn ask(&mut self, count: u64, out: &mut Vec<u8>) {
        let mut evalsha = cmd("EVALSHA");
        evalsha.arg(&self.hash).arg(1).arg(&self.key).arg(count);
        self.send(&evalsha, Due::Ask, out);
    }

    /// Bytes came; [`Redis::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.unfinished_bytes += bytes.len();
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`. After an error the connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Event>, Fault> {
        while let Some(value) = self.value()? {
            if let Value::Push { .. } = value {
                continue; // Out of band, and none that we subscribed to.
            }
            let due = self.due.pop_front().ok_or_else(|| not_redis("a reply too many"))?;
            if let Some(event) = self.understand(due, value, out)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn understand(
        &mut self,
        due: Due,
        value: Value,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Fault> {
        match (due, value) {
            (Due::Ask, Value::ServerError(error)) if error.code() == "NOSCRIPT" => {
                self.load_again(out);
                Ok(Some(Event::Replied(Answer::NotRun(None))))
            }
            (Due::Ask, Value::ServerError(error)) => {
                let answer = Answer::Refused(fault(&error));
                Ok(Some(Event::Replied(answer)))
            }
            (Due::Hello, Value::ServerError(error)) => Err(Fault {
                words: format!("{}, in reply to HELLO", error.code()),
                ..fault(&error) // Its details may repeat the password: an old Redis does.
            }),
            (_, Value::ServerError(error)) => Err(fault(&error)),
            (Due::Ask, value) => {
                let grant = grant(&value).ok_or_else(|| not_redis("a grant that makes no sense"));
                Ok(Some(Event::Replied(Answer::Granted(grant?))))
            }
            (Due::Hello, value) => primary(&value).map(|()| None),
            (Due::Step | Due::Load, _) => Ok(None),
            (Due::Look, value) => {
                self.looked(&value)?;
                Ok(Some(Event::Greeted))
            }
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

    fn looked(&mut self, value: &Value) -> Result<(), Fault> {
        let Value::Array(fields) = value else {
            return Err(not_redis("HMGET without fields"));
        };
        let [Some(taken), Some(limit)] = [0, 1].map(|index| fields.get(index).and_then(number))
        else {
            return Err(Fault {
                error: StoreError::Missing,
                words: format!("{} has no numbers in taken and limit", self.key),
            });
        };
        if !self.was_seen.swap(true, Ordering::Relaxed) {
            store::log_found(&self.key, Count { taken, limit }, self.limit);
        }
        Ok(())
    }

    fn load_again(&mut self, out: &mut Vec<u8>) {
        if !self.due.contains(&Due::Load) {
            self.send(cmd("SCRIPT").arg("LOAD").arg(TAKE), Due::Load, out);
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

    fn create(&self, field: &str, value: u64) -> Cmd {
        let mut create = cmd("HSETNX");
        create.arg(&self.key).arg(field).arg(value);
        create
    }

    fn look(&self) -> Cmd {
        let mut look = cmd("HMGET");
        look.arg(&self.key).arg("taken").arg("limit");
        look
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
