//! A change of a counter, in two commands: the counter is read once, and a script runs on what was
//! read alone, on this connection or, sent again, on a later one.

use super::command::{self, ReadBefore, key};
use super::reply::{self, not_redis};
use super::resp::Command;
use super::value::Value;
use super::{Due, Redis};
use crate::counter::{Count, CounterId};
use crate::store::change::ChangeProgress;
use crate::store::error::{Fault, StoreError};

impl Redis {
    /// What is known of a change.
    pub fn change_progress(&self) -> &ChangeProgress {
        &self.task.change_progress
    }

    /// Reads the counter; a change that was read for on an earlier connection is sent again.
    pub(super) fn begin_change(&mut self, out: &mut Vec<u8>) {
        if self.task.read_before.is_some() {
            return self.write_change(out);
        }
        let read = Command::new("HMGET").word(key(&self.counters, CounterId::FIRST));
        let read = read.word("epoch").word("token").word("taken").word("limit");
        self.ask_first(CounterId::FIRST, out);
        self.send(&read, Due::Read, out);
    }

    pub(super) fn read_before_change(
        &mut self,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let Value::List(fields) = value else {
            return Err(not_redis("a counter that was not read"));
        };
        let [epoch, token, taken, limit] = fields.as_slice() else {
            return Err(not_redis("a counter that was not read"));
        };
        let (taken, limit) = (reply::number(taken), reply::number(limit));
        let count = taken.zip(limit).map(|(taken, limit)| Count { taken, limit });
        let text = |value| reply::text(value).unwrap_or_default().to_owned();
        let epoch_read = reply::number(epoch).unwrap_or_default();
        if self.task.change.as_ref().is_some_and(|change| !change.fits_epoch(epoch_read)) {
            let detail = "the counter was changed by somebody else meanwhile".to_owned();
            return Err(Fault { error: StoreError::Declined, detail });
        }
        self.task.change_progress.read(count);
        self.task.read_before = Some(ReadBefore { epoch: text(epoch), token: text(token) });
        self.write_change(out);
        Ok(())
    }

    fn write_change(&mut self, out: &mut Vec<u8>) {
        let (Some(change), Some(before)) = (&self.task.change, &self.task.read_before) else {
            return;
        };
        let counter = CounterId::FIRST;
        let limit_default = self.counters.get(counter).limit;
        let command = command::change(&key(&self.counters, counter), change, before, limit_default);
        self.task.change_progress.sent();
        self.ask_first(CounterId::FIRST, out);
        self.send(&command, Due::Change, out);
        self.read(counter, Due::Confirm(counter), out);
    }

    /// A script has answered: `[taken, limit]`, and of a create whether it made the counter.
    pub(super) fn changed(&mut self, value: &Value) -> Result<(), Fault> {
        let numbers = match value {
            Value::List(parts) => parts.iter().map(reply::number).collect::<Option<Vec<u64>>>(),
            _ => None,
        };
        match numbers.as_deref() {
            Some(&[taken, limit]) => self.task.change_progress.done(Count { taken, limit }),
            Some(&[taken, limit, 0]) => self.task.change_progress.found(Count { taken, limit }),
            Some(&[taken, limit, 1]) => self.task.change_progress.created(Count { taken, limit }),
            _ => return Err(not_redis("a change that was not understood")),
        }
        Ok(())
    }
}
