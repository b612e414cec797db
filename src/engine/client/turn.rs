//! The surroundings of a wake: what is passed in instead of being looked up.

use std::sync::Arc;
use std::time::Instant;

use crate::http::{Date, Status};
use crate::store::counters::Counters;

/// What every client of a reactor shares in one wake.
#[derive(Clone, Debug)]
pub struct Turn {
    /// When the wake began.
    pub now: Instant,
    /// The `Date` of its answers.
    pub date: Date,
    /// The status of a take past the limit.
    pub halted_status: Status,
    /// The counters that are served.
    pub counters: Arc<Counters>,
    /// The process is stopping: each connection ends with its next answer.
    pub draining: bool,
}
