//! What comes before the first request on a connection, and the confirming of counters.
//!
//! A handshake is one write: HELLO 3 (with AUTH), SELECT, SCRIPT LOAD, INFO, CLIENT TRACKING.
//! Behind it, in the same write, counters are confirmed: by the script `confirm.lua` and a read.
//! Only a process that has not seen a counter yet creates it: later a missing one was lost, and
//! must not begin at 1 again.

use log::{info, warn};

use super::command::key;
use super::durability::weaknesses;
use super::reply::{self, Reply, fault, primary};
use super::sentinel::refuse_sentinel;
use super::value::{ServerError, Value};
use super::{Due, Redis, TAKE, command, survey};
use crate::counter::CounterId;
use crate::store::error::{Fault, StoreError};
use crate::store::request::{LastGrant, WireEvent};

impl Redis {
    /// A new connection begins: writes the whole handshake.
    pub fn start_handshake(&mut self, out: &mut Vec<u8>) {
        self.unread.clear();
        self.due.clear();
        self.replicas.reset();
        (self.may_track, self.is_tracked, self.may_check) = (true, false, true);
        self.refused = None;
        if self.is_asking_sentinel() {
            return self.ask_sentinel(out);
        }
        self.send(&command::hello(&self.url), Due::Hello, out);
        if self.url.database != 0 {
            self.send(&command::select(self.url.database), Due::Step, out);
        }
        if self.task.survey.is_none() {
            self.send(&command::load(TAKE), Due::Step, out);
            self.send(&command::load(command::CONFIRM), Due::Step, out);
            if self.counters.is_none_seen() && self.task.change.is_none() {
                self.send(&command::info(), Due::Info, out);
            }
        }
        if self.replicas.are_wanted() && self.task.survey.is_none() {
            self.write_wait(out); // Without the replicas there is nothing to connect for.
        }
        self.send(&command::track(), Due::Tracking, out);
    }

    /// Whether counters may be confirmed, and so created, before HELLO and SELECT are answered: not
    /// where these may show that it is the wrong server or database.
    pub fn is_handshake_pipelined(&self) -> bool {
        self.url.seeds.is_empty() && self.url.database == 0
    }

    /// Writes what confirms a counter, or what begins a change or a survey instead.
    pub fn write_confirm(&mut self, counter: CounterId, last: LastGrant, out: &mut Vec<u8>) {
        if self.task.survey.is_some() {
            self.begin_survey(out);
        } else if self.task.change.is_some() {
            self.begin_change(out);
        } else {
            self.write_confirm_script(counter, last, out);
        }
    }

    /// A step of the handshake, of confirming, of a change or of a survey is answered.
    pub(super) fn handshake_step(
        &mut self,
        due: Due,
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        let value = reply.into_value();
        if let Value::Error(error) = &value {
            return self.step_refused(due, error, out);
        }
        match due {
            Due::Hello => self.introduced(&value, out)?,
            Due::Primary => return self.primary_named(&value),
            Due::Caching => self.is_tracked = true,
            Due::Info => self.warn_of_weaknesses(&value),
            Due::Tracking => return Ok(Some(WireEvent::HandshakeDone)),
            Due::ConfirmScript(counter) if command::is_answer_lost(&value) => {
                return Ok(Some(WireEvent::AnswersLost(counter)));
            }
            Due::ConfirmScript(counter) => {
                self.counters.get(counter).confirmed(command::origin(&value)?);
            }
            Due::Read => self.read_before_change(&value, out)?,
            Due::Change => self.changed(&value)?,
            Due::Scan => return self.scanned(&value, out),
            Due::Row => return Ok(self.row_read(survey::held(&value)?)),
            Due::Check(_) => return Ok(Some(WireEvent::Written(Ok(())))),
            Due::Shards => return self.shards(&value),
            Due::Slots => return self.slots(&value),
            Due::Disowned => self.refused = None,
            Due::SentinelHello | Due::Step => {}
            Due::Confirm(_) | Due::Probe(_) | Due::Peek(_) => {}
            Due::Request(_) | Due::KeyedRequest(_) => {}
            Due::Mark(_) | Due::Wait => {}
        }
        Ok(None)
    }

    /// An error in reply to a step: without some of them it goes on.
    fn step_refused(
        &mut self,
        due: Due,
        error: &ServerError,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        match due {
            Due::Info => Ok(None),
            Due::Tracking => {
                self.not_tracked(&error.code);
                Ok(Some(WireEvent::HandshakeDone))
            }
            Due::Caching => {
                self.is_tracked = false;
                self.not_tracked(error.code.as_str());
                Ok(None)
            }
            Due::Hello | Due::SentinelHello => {
                let detail = format!("{}, in reply to HELLO", error.code.as_str());
                // Its details may repeat the password: an old Redis does.
                Err(Fault { detail, ..fault(error) })
            }
            Due::ConfirmScript(_) if error.code.as_str() != "NOSCRIPT" => {
                self.refused = Some(fault(error));
                Ok(None)
            }
            Due::Change => {
                self.task.change_progress.refused();
                Err(fault(error))
            }
            Due::Row => Ok(self.row_read(Some(Err(fault(error))))),
            Due::Shards | Due::Slots => self.nodes_refused(due, error, out),
            Due::Disowned => {
                self.refused = None;
                Ok(None)
            }
            Due::Check(_) => Ok(Some(WireEvent::Written(self.check_refused(fault(error))))),
            _ => Err(fault(error)),
        }
    }

    /// The store takes writes if this one was refused for what its key holds. A user who may not
    /// send it goes without: then a read that is answered must do.
    fn check_refused(&mut self, fault: Fault) -> Result<(), Fault> {
        match fault.error {
            StoreError::Type => Ok(()),
            StoreError::Permission => {
                self.may_check = false;
                let detail = fault.detail;
                let hint = "allow the user SETRANGE, so that /readyz proves that writes work";
                info!(detail, hint; "readiness is proved by reading only");
                Ok(())
            }
            _ => Err(fault),
        }
    }

    /// The server has introduced itself. In a Cluster a replica knows where its primary is.
    fn introduced(&mut self, hello: &Value, out: &mut Vec<u8>) -> Result<(), Fault> {
        refuse_sentinel(hello)?;
        self.judge_mode(hello)?;
        if !self.is_cluster {
            return primary(hello);
        }
        if self.may_ask_nodes || self.task.survey.is_some() {
            self.ask_for_nodes(out);
        }
        Ok(())
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

    fn write_confirm_script(&mut self, counter: CounterId, last: LastGrant, out: &mut Vec<u8>) {
        let limit = self.counters.get(counter).limit;
        let may_create = self.counters.may_create(counter);
        let slot = &self.reply_slots[last.sequence as usize % self.reply_slots.len()];
        let key = key(&self.counters, counter);
        let confirm = command::confirm(&key, limit, may_create, slot, last);
        self.ask_first(counter, out);
        self.send(&confirm, Due::ConfirmScript(counter), out);
        self.read(counter, Due::Confirm(counter), out);
    }

    fn warn_of_weaknesses(&self, info: &Value) {
        let info = reply::text(info).and_then(|bytes| str::from_utf8(bytes).ok());
        if let (Some(info), true) = (info, self.counters.is_first_to_judge()) {
            weaknesses(info).for_each(|weakness| warn!("{}", weakness.detail()));
        }
    }
}
