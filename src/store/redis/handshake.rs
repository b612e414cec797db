//! What comes before the first ask on a connection, and the changes of a counter.
//!
//! A handshake is one write: HELLO 3 (with AUTH), SELECT, SCRIPT LOAD, CLIENT TRACKING, the script
//! `handshake.lua` and a peek. Only a process that has not seen the counter yet creates it: later
//! a missing one was lost, and must not begin at 1 again.
//!
//! A change is two: the epoch is read once, and `change.lua` runs on that one alone, on this
//! connection or, sent again, on a later one.

use log::{info, warn};
use redis::Value;

use super::durability::weaknesses;
use super::reply::{self, Reply, fault, not_redis, primary};
use super::{Due, Redis, TAKE, command};
use crate::store::change::Change;
use crate::store::error::Fault;
use crate::store::request::Event;

impl Redis {
    /// A new connection begins: writes the whole handshake, or what comes before a change.
    pub fn start_handshake(&mut self, out: &mut Vec<u8>) {
        self.unread.clear();
        self.due.clear();
        (self.may_track, self.is_tracked) = (true, false);
        self.send(&command::hello(&self.url), Due::Hello, out);
        if self.url.database != 0 {
            self.send(&command::select(self.url.database), Due::Step, out);
        }
        self.send(&command::load(TAKE), Due::Step, out);
        match (self.counter.change.clone(), self.read_epoch.is_some()) {
            (None, _) => self.serve(out),
            (Some(_), false) => self.send(&command::read(&self.key), Due::Read, out),
            (Some(change), true) => self.change(&change, out),
        }
    }

    /// A step of the handshake is answered.
    pub(super) fn handshake_step(
        &mut self,
        due: Due,
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Fault> {
        if due == Due::FirstProbe && reply.grant().is_some() {
            self.granted(&reply)?;
            return Ok(Some(Event::HandshakeDone));
        }
        let value = match reply {
            Reply::Numbers(numbers) => Value::Array(numbers.map(Value::Int).into()),
            Reply::Value(value) => value,
        };
        if let Value::ServerError(error) = &value {
            return self.step_refused(due, error);
        }
        match due {
            Due::Hello => primary(&value)?,
            Due::Caching => self.is_tracked = true,
            Due::Info => self.warn_of_weaknesses(&value),
            Due::Create if command::is_answer_lost(&value) => return Ok(Some(Event::AnswersLost)),
            Due::Create => self.counter.confirmed(command::origin(&value)?),
            Due::Read => {
                self.read_epoch = Some(reply::text(&value).unwrap_or_default().to_owned());
                if let Some(change) = self.counter.change.clone() {
                    self.change(&change, out);
                }
            }
            Due::Change => self.change_progress.done(command::changed(&value)?),
            Due::FirstProbe => return Err(not_redis("a grant that makes no sense")),
            Due::Step | Due::Tracking | Due::Probe | Due::Request => {}
        }
        Ok(None)
    }

    /// An error in reply to a step: without some of them it goes on.
    fn step_refused(
        &mut self,
        due: Due,
        error: &redis::ServerError,
    ) -> Result<Option<Event>, Fault> {
        match due {
            Due::Info => Ok(None),
            Due::Tracking | Due::Caching => {
                self.not_tracked(error.code());
                Ok(None)
            }
            Due::Hello => {
                let detail = format!("{}, in reply to HELLO", error.code());
                // Its details may repeat the password: an old Redis does.
                Err(Fault { detail, ..fault(error) })
            }
            Due::Change => {
                self.change_progress.refused();
                Err(fault(error))
            }
            _ => Err(fault(error)),
        }
    }

    /// Tracking is refused: for good, or for once.
    fn not_tracked(&mut self, code: &str) {
        // NOPERM: no right. ERR: no such command. Others, such as BUSY, pass: the next probe tries
        // again.
        if matches!(code, "NOPERM" | "ERR") {
            self.may_track = false;
            let detail = code;
            info!(detail;
                "no change notifications from the store: a halted counter is read every 40 ms");
        }
    }

    fn serve(&mut self, out: &mut Vec<u8>) {
        self.send(&command::load(command::HANDSHAKE), Due::Step, out);
        self.send(&command::track(), Due::Tracking, out);
        let may_create = !self.counter.high_water.is_seen();
        if may_create {
            self.send(&command::info(), Due::Info, out);
        }
        let reply_slot =
            &self.reply_slots[self.last_grant.sequence as usize % self.reply_slots.len()];
        let create =
            command::create(&self.key, self.counter.limit, may_create, reply_slot, self.last_grant);
        self.send(&create, Due::Create, out);
        self.peek(Due::FirstProbe, out);
    }

    fn change(&mut self, change: &Change, out: &mut Vec<u8>) {
        let read_epoch = self.read_epoch.as_deref().unwrap_or_default();
        let command = command::change(&self.key, change, read_epoch, self.counter.limit);
        self.change_progress.sent();
        self.send(&command, Due::Change, out);
        self.peek(Due::FirstProbe, out);
    }

    fn warn_of_weaknesses(&self, info: &Value) {
        let info = reply::text(info).and_then(|bytes| str::from_utf8(bytes).ok());
        if let (Some(info), true) = (info, self.counter.high_water.is_first_to_judge()) {
            weaknesses(info).for_each(|weakness| warn!("{}", weakness.detail()));
        }
    }
}
