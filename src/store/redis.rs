//! Redis, or Valkey, as bytes: RESP3 with the redis crate's packing and parser, but for the takes.
//!
//! The counter is one hash, `headcount:{NAME}`; the braces make its name a Redis Cluster hash tag.
//! Its fields: `version`, `taken`, `limit`, `epoch`, `made`, `sale`, `floor`, `token` (see the
//! scripts), the answers to links (`a:LINK:PLACE`) and the list of those links (`links`).
//!
//! What comes before the first ask is in `handshake.rs`. It knows neither sockets, nor the clock,
//! nor who asks.

mod command;
mod durability;
mod handshake;
mod reply;
mod resp;

use std::collections::VecDeque;

use redis::{Cmd, PushKind, Value, parse_redis_value};

use crate::config::RedisUrl;
use crate::counter::Grant;
use crate::limits::BATCHES_IN_FLIGHT_MAX;
use crate::store::change::ChangeProgress;
use crate::store::counter::Counter;
use crate::store::error::{Fault, StoreError};
use crate::store::request::{Answer, Event, LastGrant, Request};
use reply::{Reply, fault, not_redis};

/// A command that was sent, and so a reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Hello,
    /// A step of the handshake that has nothing to say but errors.
    Step,
    /// What it says of itself; a user who may not ask goes without.
    Info,
    /// CLIENT TRACKING; a user who may not goes without.
    Tracking,
    /// CLIENT CACHING, before a probe; where it is refused, the probe is not tracked.
    Caching,
    /// The script that creates the counter, if it is to be.
    Create,
    /// The epoch of a counter that is to be changed.
    Read,
    /// A reset or a set.
    Change,
    /// The first probe, the last step of the handshake.
    FirstProbe,
    Probe,
    Request,
}

const TAKE: &str = include_str!("redis/take.lua");

/// The protocol state of one connection, used again for the next one.
pub struct Redis {
    url: RedisUrl,
    key: String,
    counter: Counter,
    /// The detail of a take that are the same in each: up to the counter's key.
    take_head: Vec<u8>,
    /// The fields in which the answers to asks are remembered: those in flight at once have
    /// different reply_slots.
    reply_slots: [String; BATCHES_IN_FLIGHT_MAX],
    unread: Vec<u8>,
    due: VecDeque<Due>,
    /// Nothing has refused tracking on this connection for good.
    may_track: bool,
    /// What the last probe saw is tracked.
    is_tracked: bool,
    /// The epoch, as text, that a change has read, over all connections.
    read_epoch: Option<Vec<u8>>,
    change_progress: ChangeProgress,
    /// The answer to it must be there at the next handshake.
    pub(super) last_grant: LastGrant,
}

impl Redis {
    /// A link to the Redis of `url`, where the counter is created if it is missing and was not
    /// seen by this process. `id` must be no other link's: a random one.
    pub fn new(url: RedisUrl, counter: Counter, id: u64) -> Redis {
        let key = format!("headcount:{{{}}}", counter.name);
        Redis {
            url,
            take_head: take_head(&key),
            reply_slots: std::array::from_fn(|reply_slot| format!("a:{id:016x}:{reply_slot}")),
            key,
            counter,
            unread: Vec::new(),
            due: VecDeque::new(),
            may_track: false,
            is_tracked: false,
            read_epoch: None,
            change_progress: ChangeProgress::default(),
            last_grant: LastGrant::default(),
        }
    }

    /// Writes one request.
    pub fn write_request(&mut self, request: Request, out: &mut Vec<u8>) {
        self.take(request, Due::Request, out);
    }

    /// Writes one probe. Where the user may, Redis pushes a word of the next change of the counter:
    /// see redis.io/docs/latest/develop/reference/client-side-caching, "Opt-in".
    pub fn probe(&mut self, out: &mut Vec<u8>) {
        self.is_tracked = false;
        if self.may_track {
            self.send(&command::cache(), Due::Caching, out);
        }
        self.peek(Due::Probe, out);
    }

    /// Whether a probe is likely to be followed by a word of the next change.
    pub fn may_track(&self) -> bool {
        self.may_track
    }

    /// Whether the probe that was answered last is followed by a word of the next change.
    pub fn is_tracked(&self) -> bool {
        self.is_tracked
    }

    /// Bytes came; [`Redis::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The counter that is asked for.
    pub fn counter(&self) -> &Counter {
        &self.counter
    }

    /// What is known of a reset or a set.
    pub fn change_progress(&self) -> &ChangeProgress {
        &self.change_progress
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`. After an error the connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Event>, Fault> {
        while let Some(reply) = self.reply()? {
            match reply {
                Reply::Value(Value::Push { kind: PushKind::Invalidate, .. }) => {
                    return Ok(Some(Event::Changed));
                }
                // Out of band, and none that we subscribed to.
                Reply::Value(Value::Push { .. }) => continue,
                _ => {}
            }
            let due = self.due.pop_front().ok_or_else(|| not_redis("a reply too many"))?;
            if let Some(event) = self.understand(due, reply, out)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn understand(
        &mut self,
        due: Due,
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Fault> {
        match due {
            Due::Request => {
                let answer = self.answer(reply)?.map_or_else(Answer::Refused, Answer::Granted);
                Ok(Some(Event::Replied(answer)))
            }
            Due::Probe => Ok(Some(Event::Probed(self.answer(reply)?))),
            due => self.handshake_step(due, reply, out),
        }
    }

    /// What the script said, or why it was refused. After an outer error the connection must be
    /// given up.
    fn answer(&self, reply: Reply) -> Result<Result<Grant, Fault>, Fault> {
        match reply {
            // The handshake loads it; and what is in flight is asked again in order after one.
            Reply::Value(Value::ServerError(error)) if error.code() == "NOSCRIPT" => Err(Fault {
                error: StoreError::Connecting,
                detail: "no script any more".to_owned(),
            }),
            // The handshake makes room, or finds out that answers are lost.
            Reply::Value(Value::ServerError(error))
                if matches!(error.code(), "LINKS" | "UNCONFIRMED") =>
            {
                Err(fault(&error))
            }
            Reply::Value(Value::ServerError(error)) => Ok(Err(fault(&error))),
            reply => self.granted(&reply).map(Ok),
        }
    }

    /// The next whole reply.
    fn reply(&mut self) -> Result<Option<Reply>, Fault> {
        let Some(length) = resp::length(&self.unread)? else {
            return Ok(None);
        };
        let bytes = &self.unread[..length];
        let reply = match resp::numbers::<4>(bytes) {
            Some(numbers) => Ok(Reply::Numbers(numbers)),
            None => parse_redis_value(bytes).map(Reply::Value),
        };
        self.unread.drain(..length);
        reply.map(Some).map_err(|_| not_redis("bytes that are no RESP"))
    }

    fn granted(&self, reply: &Reply) -> Result<Grant, Fault> {
        let grant = reply.grant().ok_or_else(|| not_redis("a grant that makes no sense"))?;
        self.counter.observe(grant);
        Ok(grant)
    }

    fn peek(&mut self, due: Due, out: &mut Vec<u8>) {
        self.take(Request::probe(self.counter.high_water.position()), due, out);
    }

    fn take(&mut self, request: Request, due: Due, out: &mut Vec<u8>) {
        let reply_slot = request.sequence as usize % BATCHES_IN_FLIGHT_MAX;
        out.extend_from_slice(&self.take_head);
        resp::write_number(request.count, out);
        resp::write_number(request.sequence, out);
        resp::write_word(self.reply_slots[reply_slot].as_bytes(), out);
        resp::write_word(self.reply_slots[1 - reply_slot].as_bytes(), out);
        resp::write_number(request.seen.epoch, out);
        resp::write_number(request.seen.taken, out);
        resp::write_number(request.confirm, out);
        self.due.push_back(due);
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

/// The first detail of EVALSHA, which names the script by its SHA-1 and the counter by its key.
fn take_head(key: &str) -> Vec<u8> {
    let mut detail = Vec::new();
    resp::write_count(11, &mut detail);
    resp::write_word(b"EVALSHA", &mut detail);
    resp::write_word(redis::Script::new(TAKE).get_hash().as_bytes(), &mut detail);
    resp::write_number(1, &mut detail);
    resp::write_word(key.as_bytes(), &mut detail);
    detail
}

const _: () = assert!(BATCHES_IN_FLIGHT_MAX == 2, "`take.lua` knows two reply_slots");

#[cfg(test)]
mod tests;
