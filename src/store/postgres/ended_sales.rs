//! Removing the keys of ended sales, a few at a time.
//!
//! It begins behind the first keys of a counter on a connection, and behind the first ones of each
//! later epoch, which may have begun a sale. One step follows the other, each in a transaction of
//! its own between those of requests: whoever takes waits for one step at most. Where a process
//! stops in between, the next one goes on. Nothing depends on it: a key is looked up in its sale.

use log::debug;

use super::Postgres;
use super::cleaning::{self, EndedKey};
use super::due::Due;
use super::message;
use super::outcome::Outcome;
use crate::counter::CounterId;
use crate::store::error::Fault;
use crate::store::request::WireEvent;

impl Postgres {
    /// Keys of this counter were served in this epoch.
    pub(super) fn keys_served(&mut self, counter: CounterId, epoch: u64, out: &mut Vec<u8>) {
        let session = &mut self.sessions[counter.index()];
        if std::mem::replace(&mut session.cleaned_epoch, epoch) == epoch
            || self.cleaning.counters.contains(&counter)
        {
            return;
        }
        self.cleaning.counters.push_back(counter);
        if self.cleaning.counters.len() == 1 {
            self.clean_some(out);
        }
    }

    fn clean_some(&mut self, out: &mut Vec<u8>) {
        let Some(&counter) = self.cleaning.counters.front() else {
            return;
        };
        let name = &self.counters.get(counter).name;
        message::clean_keys(name, &self.cleaning.from, &mut self.unsent);
        self.send(Due::CleanKeys, out);
    }

    /// A step is done.
    pub(super) fn cleaned_some(
        &mut self,
        outcome: Outcome,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        if let Some(error) = outcome.error {
            let detail = error.fault().detail;
            debug!(detail; "keys of ended sales stay");
        }
        match outcome.row {
            Some(row) => self.cleaning.from = cleaning::ended_key(&row)?,
            None => {
                self.cleaning.from = EndedKey::default();
                self.cleaning.counters.pop_front();
            }
        }
        self.clean_some(out);
        Ok(None)
    }
}
