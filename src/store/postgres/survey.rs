//! A survey of the counters of a PostgreSQL: `list.sql`, a page after the other. It only reads.

use postgres_protocol::message::backend::DataRowBody;

use super::Postgres;
use super::due::Due;
use super::outcome::Outcome;
use super::{message, row};
use crate::config::is_counter_name;
use crate::limits::STATUS_PAGE;
use crate::store::error::{Fault, StoreError};
use crate::store::request::WireEvent;
use crate::store::survey::{Page, Scope, Survey};

impl Postgres {
    /// The survey that is made instead of confirming counters, if there is one.
    pub fn survey(&self) -> Option<&Survey> {
        self.task.survey.as_ref()
    }

    /// The same, to begin one, or to take it out.
    pub fn survey_mut(&mut self) -> &mut Option<Survey> {
        &mut self.task.survey
    }

    /// Asks for the first page, or for the one counter that is wanted.
    pub(super) fn begin_survey(&mut self, out: &mut Vec<u8>) {
        let Some(survey) = &mut self.task.survey else { return };
        self.task.page = Page::default();
        let name = match survey.begin() {
            Scope::All => None,
            Scope::One(name) => Some(name.as_str()),
        };
        message::list("", name, &mut self.unsent);
        self.send(Due::List, out);
    }

    /// A row of a page came.
    pub(super) fn list_row(&mut self, row: &DataRowBody) -> Result<(), Fault> {
        let (name, held) = row::listed(row)?;
        self.task.page.rows += 1;
        if let Some(survey) = self.task.survey.as_mut().filter(|_| is_counter_name(&name))
            && survey.name(&name)
        {
            survey.answered(Some(held));
        }
        self.task.page.last = name;
        Ok(())
    }

    /// A page is at its end.
    pub(super) fn listed(
        &mut self,
        outcome: Outcome,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        match outcome.error {
            // No table, no counter.
            Some(error) if error.is_missing_table() => self.task.page.rows = 0,
            Some(error) if error.is_missing_column() => {
                return Err(Fault { error: StoreError::Layout, ..error.fault() });
            }
            Some(error) => return Err(error.fault()),
            None => {}
        }
        let Some(survey) = &mut self.task.survey else { return Ok(None) };
        survey.step();
        if self.task.page.rows < STATUS_PAGE || survey.is_cut_short() {
            survey.all_named();
            return Ok(Some(WireEvent::Surveyed));
        }
        self.task.page.rows = 0;
        message::list(&self.task.page.last, None, &mut self.unsent);
        self.send(Due::List, out);
        Ok(Some(WireEvent::Surveyed))
    }
}
