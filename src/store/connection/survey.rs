//! What a connection that makes a survey has to tell.

use super::Connection;
use crate::store::survey::Survey;

impl Connection {
    /// Takes out what a survey has brought, if it is done. Nothing is left to do for the connection
    /// then.
    pub fn take_survey(&mut self) -> Option<Survey> {
        self.wire.survey_mut().take_if(|survey| survey.is_done())
    }

    /// Whether all that was to be read is read.
    pub fn is_survey_done(&self) -> bool {
        self.wire.survey().is_some_and(Survey::is_done)
    }

    /// How often the store has answered a survey.
    pub fn survey_steps(&self) -> u64 {
        self.wire.survey().map_or(0, Survey::steps)
    }
}
