//! A change that a client of the admin listener has asked for. Nobody is asked again, so it is done
//! in the epoch that the client was shown, or that was just read.

use std::io;
use std::time::{Duration, Instant};

use super::drive::{StoreAccess, drive};
use super::status;
use super::text;
use crate::api::admin::answer::ChangeResult;
use crate::api::admin::change::ChangeRequest;
use crate::config::Config;
use crate::store::change::ChangeKind;
use crate::store::connection::Connection;
use crate::store::error::StoreError;
use crate::store::open::{self, Purpose};
use crate::store::survey::Held;

/// Changes a counter of a store, until a deadline.
#[derive(Clone, Debug)]
pub struct RemoteChange {
    access: StoreAccess,
    name: String,
    request: ChangeRequest,
    deadline: Instant,
}

impl RemoteChange {
    /// Of the counter `name` in the store of this process.
    pub fn new(
        config: &Config,
        name: &str,
        request: ChangeRequest,
        deadline: Instant,
    ) -> RemoteChange {
        let (store, request_timeout) = (config.store.clone(), config.store_timeout);
        let access = StoreAccess { store, request_timeout, patience: Duration::ZERO };
        RemoteChange { access, name: name.to_owned(), request, deadline }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn run(&self) -> io::Result<ChangeResult> {
        let held = match self.read()? {
            Ok(held) => held,
            Err(result) => return Ok(result),
        };
        let (kind, epoch_shown) = self.request.kind();
        if epoch_shown.is_some_and(|shown| shown != held.epoch) {
            return Ok(ChangeResult::OtherEpoch(held.epoch));
        }
        // Where there is no counter any more, a set of the count would create one.
        let is_set_taken = matches!(kind, ChangeKind::SetTaken { .. });
        let epoch_shown = epoch_shown.or(is_set_taken.then_some(held.epoch));
        let change = open::new_change(kind, epoch_shown)?;
        let limit = change.limit().unwrap_or(held.count.limit);
        let (counter, purpose) = ((self.name.as_str(), Some(limit)), Purpose::Change(change));
        let connection = drive(&self.access()?, counter, purpose, is_changed)?;
        if let Some(changed) = connection.wire().change_progress().result() {
            return Ok(ChangeResult::Done { before: changed.before, after: changed.after });
        }
        let is_declined = connection.last_fault().error == StoreError::Declined
            && !connection.wire().change_progress().is_in_doubt();
        let words = text::failure(&connection, self.request.word(), &self.name);
        if !is_declined {
            return Ok(ChangeResult::Unavailable(words));
        }
        Ok(match self.read() {
            Ok(Ok(now)) if now.epoch != held.epoch => ChangeResult::OtherEpoch(now.epoch),
            Ok(Err(ChangeResult::NoCounter)) => ChangeResult::NoCounter,
            _ => ChangeResult::Refused(words),
        })
    }

    /// What the store holds of the counter, or what becomes of a change of one that it does not
    /// have, or that must not be taken from.
    fn read(&self) -> io::Result<Result<Held, ChangeResult>> {
        Ok(match status::read_one(&self.access()?, self.request.word(), &self.name)? {
            Some(Ok(held)) => Ok(held),
            Some(Err(fault)) if fault.error != StoreError::Missing => {
                let (reason, detail) = (fault.error.word(), text::printable(&fault.detail));
                let hint = "mend it with the commands: headcount --help";
                Err(ChangeResult::Refused(format!("{reason} ({detail}); {hint}")))
            }
            _ => Err(ChangeResult::NoCounter),
        })
    }

    /// The store, for the time that is left.
    ///
    /// # Errors
    /// There is none left.
    fn access(&self) -> io::Result<StoreAccess> {
        let patience = self.deadline.saturating_duration_since(Instant::now());
        if patience.is_zero() {
            return Err(io::Error::other("the store did not answer in time: nothing was changed"));
        }
        Ok(StoreAccess { patience, ..self.access.clone() })
    }
}

fn is_changed(connection: &Connection) -> bool {
    connection.wire().change_progress().result().is_some()
}
