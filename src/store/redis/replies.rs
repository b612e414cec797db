//! From the bytes received to events: each reply is for the oldest command that has none yet.

use super::reply::{self, Reply, fault, not_redis};
use super::resp;
use super::value::{self, Value};
use super::{Due, Redis};
use crate::counter::{CounterId, Grant};
use crate::store::error::{Fault, StoreError};
use crate::store::request::{Answer, Probed, Redirect, WireEvent};

/// What a script said, or why it was refused.
type Read = Result<Grant, Fault>;

impl Redis {
    /// Bytes came; [`Redis::next`] says what they mean.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The next event in the bytes received, or `None` until more come. What there is to send for
    /// it is written to `out`. After an error the connection must be given up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        if self.replicas.are_wanted() {
            return self.next_with_replicas(out);
        }
        while let Some(reply) = self.reply()? {
            let event = match self.pushed(&reply) {
                Some(event) => event,
                None => {
                    let due = self.oldest_due()?;
                    match self.redirected(due, &reply) {
                        Some(event) => Some(event),
                        None => self.understand(due, reply, true, out)?,
                    }
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// The same, where a reply may be held. Apart, since without replicas moving it through here
    /// would cost a request 55 instructions.
    #[inline(never)]
    fn next_with_replicas(&mut self, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        loop {
            let event = match self.replicas.release() {
                Some((due, reply)) => self.understand(due, reply, true, out)?,
                None => match self.reply()? {
                    Some(reply) => self.replied(reply, out)?,
                    None => return Ok(None),
                },
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn replied(&mut self, reply: Reply, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        if let Some(event) = self.pushed(&reply) {
            self.replicas.overtaken();
            return Ok(event);
        }
        let due = self.oldest_due()?;
        if let Some(event) = self.redirected(due, &reply) {
            return Ok(Some(event)); // It never ran, so no replica is to have it.
        }
        if let (Due::Mark(counter), Some(fault)) = (due, self.redirect_of_mark(&reply)) {
            self.replicas.mark_went_astray(counter, fault);
            return Ok(None);
        }
        if due == Due::Wait
            && let Some((counter, fault)) = self.replicas.take_astray()
        {
            let event = WireEvent::GoesElsewhere(counter, Redirect::Nowhere, fault);
            return Ok(self.replicas.drop_held(counter).then_some(event));
        }
        let is_news = matches!(due, Due::Peek(counter) if self.is_new_epoch(counter, &reply));
        match self.replicas.pass_or_hold(due, reply, is_news)? {
            Some(reply) => self.understand(due, reply, false, out),
            None => Ok(None),
        }
    }

    fn oldest_due(&mut self) -> Result<Due, Fault> {
        self.due.pop_front().ok_or_else(|| not_redis("a reply too many"))
    }

    /// What a message out of band says; `None` within: one that we did not subscribe to. `None` if
    /// it is a reply.
    fn pushed(&self, reply: &Reply) -> Option<Option<WireEvent>> {
        let Reply::Value(Value::Push(parts)) = reply else {
            return None;
        };
        Some(match parts.split_first() {
            Some((kind, keys)) if reply::text(kind) == Some(b"invalidate") => {
                Some(WireEvent::Changed(self.invalidated(keys)))
            }
            _ => None,
        })
    }

    /// `may_observe`: what was read may move the high-water mark.
    #[inline]
    fn understand(
        &mut self,
        due: Due,
        reply: Reply,
        may_observe: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        Ok(Some(match due {
            Due::Request(counter) | Due::Peek(counter) => {
                let answer = match self.answer(counter, reply, may_observe)? {
                    Ok(grant) => Answer::Granted(grant),
                    Err(fault) => refusal(fault),
                };
                WireEvent::Replied(counter, answer)
            }
            Due::KeyedRequest(counter) => {
                WireEvent::Replied(counter, self.keyed_answer(counter, reply, may_observe)?)
            }
            Due::Confirm(counter) => {
                let read = self.answer(counter, reply, may_observe)?;
                let refused = self.refused.take();
                let result = refused.map_or(read.map(|_| ()), Err);
                WireEvent::Confirmed(counter, result)
            }
            Due::Probe(counter) => {
                let result = self.answer(counter, reply, may_observe)?;
                let is_tracked = std::mem::take(&mut self.is_tracked);
                let is_tracked = is_tracked && !self.replicas.was_overtaken();
                WireEvent::Probed(Probed { counter, result, is_tracked })
            }
            due => return self.handshake_step(due, reply, out),
        }))
    }

    /// What the script said, or why it was refused. After an outer error the connection must be
    /// given up.
    fn answer(&self, counter: CounterId, reply: Reply, may_observe: bool) -> Result<Read, Fault> {
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
                if may_observe {
                    self.counters.observe(counter, grant, made);
                }
                Ok(Ok(grant))
            }
        }
    }

    /// The same of a request with keys. Apart from the way of the others, which is to stay short.
    #[cold]
    fn keyed_answer(
        &self,
        counter: CounterId,
        reply: Reply,
        may_observe: bool,
    ) -> Result<Answer, Fault> {
        if let Some((grant, keyed)) = reply.grant_to_keys() {
            if may_observe {
                self.counters.observe(counter, grant, None);
            }
            return Ok(Answer::GrantedToKeys(grant, keyed));
        }
        // In another epoch nothing is said of the keys.
        Ok(self.answer(counter, reply, may_observe)?.map_or_else(refusal, Answer::Granted))
    }

    /// Whether a read tells of an epoch that this process does not know.
    fn is_new_epoch(&self, counter: CounterId, reply: &Reply) -> bool {
        let known = self.counters.get(counter).high_water.position().epoch;
        reply.grant().is_some_and(|(grant, _)| grant.epoch != known)
    }

    /// The next whole reply.
    fn reply(&mut self) -> Result<Option<Reply>, Fault> {
        let (reply, length) = match resp::numbers(&self.unread) {
            Some((numbers, length)) => (Reply::Numbers(numbers), length),
            None => match resp::length(&self.unread) {
                Ok(Some(length)) => (Reply::Value(value::parse(&self.unread[..length])?), length),
                Ok(None) => return Ok(None),
                Err(fault) => {
                    self.reply_unreadable();
                    return Err(fault);
                }
            },
        };
        self.unread.drain(..length);
        Ok(Some(reply))
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
}

fn refusal(fault: Fault) -> Answer {
    if is_unconfirmed(&fault) {
        Answer::Unconfirmed(fault)
    } else if is_of_migration(&fault) {
        Answer::NotRun(Some(fault))
    } else {
        Answer::Refused(fault)
    }
}

/// Whether confirming the counter anew is the remedy: it makes room, or finds out that answers are
/// lost.
fn is_unconfirmed(fault: &Fault) -> bool {
    fault.detail.starts_with("LINKS ") || fault.detail.starts_with("UNCONFIRMED ")
}

/// Whether the slot is on its way to another node, and the request may be made anew.
fn is_of_migration(fault: &Fault) -> bool {
    fault.detail.starts_with("TRYAGAIN ")
}
