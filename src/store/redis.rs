//! Redis, or Valkey, as bytes of RESP3.
//!
//! A counter is one hash, `headcount:{NAME}`; the braces make its name a Redis Cluster hash tag.
//! Its fields: `version`, `taken`, `limit`, `epoch`, `made`, `sale`, `floor`, `token` (see the
//! scripts), the answers to links (`a:LINK:SLOT`) and the list of those links (`links`).
//!
//! What comes before the requests is in `handshake.rs`, and the commands are in `change.rs` and
//! `survey.rs`. It knows neither sockets, nor the clock, nor who asks.

mod change;
mod command;
mod durability;
mod handshake;
mod reply;
mod resp;
mod sentinel;
mod survey;
mod value;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::{Endpoint, RedisUrl};
use crate::counter::{CounterId, Grant};
use crate::limits::BATCHES_IN_FLIGHT_MAX;
use crate::store::change::{Change, ChangeProgress};
use crate::store::counters::Counters;
use crate::store::error::{Fault, StoreError};
use crate::store::hosts::Hosts;
use crate::store::request::{Answer, Probed, Request, WireEvent};
use crate::store::survey::Survey;
use command::{ReadBefore, key};
use reply::{Reply, fault, not_redis};
use resp::Command;
use value::Value;

/// A command that was sent, and so a reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Hello,
    /// The address of the primary, from a sentinel.
    Primary,
    /// A step of the handshake that has nothing to say but errors.
    Step,
    /// What it says of itself; a user who may not ask goes without.
    Info,
    /// CLIENT TRACKING; a user who may not goes without. The last step of the handshake.
    Tracking,
    /// CLIENT CACHING, before a probe; where it is refused, the probe is not tracked.
    Caching,
    /// The script that creates a counter, if it is to be.
    ConfirmScript(CounterId),
    /// A counter that is to be changed.
    Read,
    /// Its change.
    Change,
    /// A page of the names of all counters.
    Scan,
    /// What one of them holds.
    Row,
    /// The first read of a counter: it is confirmed.
    Confirm(CounterId),
    Probe(CounterId),
    Request(CounterId),
    /// A write that changes nothing.
    Check,
}

const TAKE: &str = include_str!("redis/take.lua");

/// The protocol state of one connection, used again for the next one.
pub struct Redis {
    url: RedisUrl,
    /// The sentinels, where there are some.
    hosts: Hosts,
    /// What a sentinel has named.
    primary: Option<Endpoint>,
    counters: Arc<Counters>,
    /// By the counters' ids: the words of a take that are the same in each, up to the key.
    take_heads: Vec<Box<[u8]>>,
    /// The fields in which the answers to requests are remembered: those of a counter that are in
    /// flight at once have different ones.
    reply_slots: [String; BATCHES_IN_FLIGHT_MAX],
    unread: Vec<u8>,
    due: VecDeque<Due>,
    /// Nothing has refused tracking on this connection for good.
    may_track: bool,
    /// The next probe that is answered is tracked.
    is_tracked: bool,
    /// Why a counter that is being created was refused: it is not confirmed.
    refused: Option<Fault>,
    /// The user may not try a write that changes nothing.
    may_check: bool,
    /// The change that is carried out instead of confirming the first counter.
    change: Option<Change>,
    /// What the change has read, over all connections.
    read_before: Option<ReadBefore>,
    /// The survey that is made instead.
    survey: Option<Survey>,
    change_progress: ChangeProgress,
}

impl Redis {
    /// A link to the Redis of `url`. `id` must be no other link's: a random one. `change`: what is
    /// to be done with the first counter.
    pub fn new(url: RedisUrl, counters: Arc<Counters>, change: Option<Change>, id: u64) -> Redis {
        let hash = command::hash(TAKE);
        let take_head = |id| command::take_head(&hash, &key(&counters, id)).into_boxed_slice();
        Redis {
            hosts: Hosts::new(url.endpoint.clone(), url.other_sentinels()),
            primary: None,
            url,
            take_heads: counters.ids().map(take_head).collect(),
            reply_slots: std::array::from_fn(|slot| format!("a:{id:016x}:{slot}")),
            counters,
            unread: Vec::new(),
            due: VecDeque::new(),
            may_track: false,
            is_tracked: false,
            refused: None,
            may_check: true,
            change,
            read_before: None,
            survey: None,
            change_progress: ChangeProgress::default(),
        }
    }

    /// Writes one request.
    pub fn write_request(&mut self, counter: CounterId, request: Request, out: &mut Vec<u8>) {
        self.take(counter, request, Due::Request(counter), out);
    }

    /// Writes one probe. Where the user may, Redis pushes a message at the next change of the
    /// counter: see redis.io/docs/latest/develop/reference/client-side-caching, "Opt-in".
    pub fn write_probe(&mut self, counter: CounterId, out: &mut Vec<u8>) {
        if self.may_track {
            self.send(&command::cache(), Due::Caching, out);
        }
        self.read(counter, Due::Probe(counter), out);
    }

    /// Writes a write that changes nothing; where this user may not, a read.
    pub fn write_check(&mut self, out: &mut Vec<u8>) {
        let key = key(&self.counters, CounterId::FIRST);
        let check = if self.may_check { command::check(&key) } else { command::check_read(&key) };
        self.send(&check, Due::Check, out);
    }

    /// Whether a probe is likely to be followed by a message of the next change.
    pub fn may_track(&self) -> bool {
        self.may_track
    }

    /// Bytes came; [`Redis::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`. After an error the connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        while let Some(reply) = self.reply()? {
            if let Reply::Value(Value::Push(parts)) = &reply {
                match parts.split_first() {
                    Some((kind, keys)) if reply::text(kind) == Some(b"invalidate") => {
                        return Ok(Some(WireEvent::Changed(self.invalidated(keys))));
                    }
                    // Out of band, and none that we subscribed to.
                    _ => continue,
                }
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
    ) -> Result<Option<WireEvent>, Fault> {
        Ok(Some(match due {
            Due::Request(counter) => {
                let answer = match self.answer(counter, reply)? {
                    Ok(grant) => Answer::Granted(grant),
                    Err(fault) if is_unconfirmed(&fault) => Answer::Unconfirmed(fault),
                    Err(fault) => Answer::Refused(fault),
                };
                WireEvent::Replied(counter, answer)
            }
            Due::Confirm(counter) => {
                let read = self.answer(counter, reply)?;
                let refused = self.refused.take();
                let result = refused.map_or(read.map(|_| ()), Err);
                WireEvent::Confirmed(counter, result)
            }
            Due::Probe(counter) => {
                let result = self.answer(counter, reply)?;
                let is_tracked = std::mem::take(&mut self.is_tracked);
                WireEvent::Probed(Probed { counter, result, is_tracked })
            }
            due => return self.handshake_step(due, reply, out),
        }))
    }

    /// What the script said, or why it was refused. After an outer error the connection must be
    /// given up.
    fn answer(&self, counter: CounterId, reply: Reply) -> Result<Result<Grant, Fault>, Fault> {
        match reply {
            // The handshake loads it; and what is in flight is sent again in order after one.
            Reply::Value(Value::Error(error)) if error.code == "NOSCRIPT" => {
                let detail = "no script any more".to_owned();
                Err(Fault { error: StoreError::Connecting, detail })
            }
            Reply::Value(Value::Error(error)) => Ok(Err(fault(&error))),
            reply => {
                let read = reply.grant();
                let (grant, made) = read.ok_or_else(|| not_redis("a grant that makes no sense"))?;
                self.counters.observe(counter, grant, made);
                Ok(Ok(grant))
            }
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
            None => value::parse(bytes).map(Reply::Value),
        };
        self.unread.drain(..length);
        reply.map(Some)
    }

    /// The one counter whose key a message names; `None` if that is not so: then it may be any.
    fn invalidated(&self, data: &[Value]) -> Option<CounterId> {
        let [Value::List(keys)] = data else {
            return None;
        };
        let [key] = keys.as_slice() else {
            return None;
        };
        let key = reply::text(key)?;
        let name = key.strip_prefix(b"headcount:{")?.strip_suffix(b"}")?;
        self.counters.names().find(name)
    }

    fn read(&mut self, counter: CounterId, due: Due, out: &mut Vec<u8>) {
        let seen = self.counters.get(counter).high_water.position();
        self.take(counter, Request::read(seen), due, out);
    }

    fn take(&mut self, counter: CounterId, request: Request, due: Due, out: &mut Vec<u8>) {
        let slot = request.sequence as usize % BATCHES_IN_FLIGHT_MAX;
        out.extend_from_slice(&self.take_heads[counter.index()]);
        resp::write_number(request.count, out);
        resp::write_number(request.sequence, out);
        resp::write_word(self.reply_slots[slot].as_bytes(), out);
        resp::write_word(self.reply_slots[1 - slot].as_bytes(), out);
        resp::write_number(request.seen.epoch, out);
        resp::write_number(request.seen.taken, out);
        resp::write_number(request.confirm, out);
        self.due.push_back(due);
    }

    fn send(&mut self, command: &Command, due: Due, out: &mut Vec<u8>) {
        command.write(out);
        self.due.push_back(due);
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Redis");
        fields.field("url", &self.url).field("due", &self.due).finish_non_exhaustive()
    }
}

/// Whether confirming the counter anew is the remedy: it makes room, or finds out that answers are
/// lost.
fn is_unconfirmed(fault: &Fault) -> bool {
    fault.detail.starts_with("LINKS ") || fault.detail.starts_with("UNCONFIRMED ")
}

const _: () = assert!(BATCHES_IN_FLIGHT_MAX == 2, "`take.lua` knows two reply slots");

#[cfg(test)]
mod tests;
