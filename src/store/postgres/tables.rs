//! Tables that are missing, or are those of an older headcount: created, migrated, or refused.

use super::Postgres;
use super::due::Due;
use super::error::ServerError;
use super::{message, remedy};
use crate::counter::CounterId;
use crate::store::counters::Origin;
use crate::store::error::{Fault, StoreError};

impl Postgres {
    /// What a change that creates nothing makes of a table that is missing, or of another layout.
    pub(super) fn not_prepared(&self, error: ServerError) -> Fault {
        let is_for_limit = self.task.change.as_ref().is_some_and(|change| !change.may_create());
        if is_for_limit && error.is_missing_table() {
            self.no_counter()
        } else if is_for_limit && error.is_missing_column() {
            Fault { error: StoreError::Layout, ..error.fault() }
        } else {
            self.fault(error)
        }
    }

    pub(super) fn may_create_tables(&self) -> bool {
        let is_wanted = match &self.task.change {
            Some(change) => change.may_create(),
            None => self.counters.may_create(CounterId::FIRST),
        };
        is_wanted && self.counters.is_none_seen() && !self.is_creating_tables
    }

    /// In tables of headcount 0.1 the very first statement finds a column missing; later ones do
    /// in those of before the keys, which creating what is missing mends.
    pub(super) fn create_tables(&mut self, is_of_0_1: bool, out: &mut Vec<u8>) {
        self.is_creating_tables = true;
        if is_of_0_1 {
            message::migrate_tables(self.transaction_settings.as_ref(), &mut self.unsent);
            self.send(Due::Migrate, out);
        }
        message::create_tables(self.transaction_settings.as_ref(), &mut self.unsent);
        self.send(Due::Create, out);
    }

    pub(super) fn migrated(&self, error: Option<ServerError>) -> Result<(), Fault> {
        match error {
            None => {
                for counter in self.counters.ids() {
                    self.counters.get(counter).confirmed(Origin::Migrated);
                }
            }
            // Another process was faster, or the table is none of ours, as the next step will find.
            Some(error) if error.is_missing_column() => {}
            Some(error) => {
                return Err(error.with_remedy(|| remedy::migration_sql(&self.url.user)));
            }
        }
        Ok(())
    }
}
