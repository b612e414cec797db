//! What a connection of a command does, once, instead of serving counters.

use super::row::ReadBefore;
use crate::store::change::{Change, ChangeProgress};
use crate::store::survey::{Page, Survey};

/// A change or a survey; nothing, for a process that serves.
#[derive(Default)]
pub struct OnceTask {
    /// The change that is carried out instead of confirming the first counter.
    pub change: Option<Change>,
    /// What the change has read, over all connections.
    pub read_before: Option<ReadBefore>,
    /// What is known of it.
    pub change_progress: ChangeProgress,
    /// The survey that is made instead.
    pub survey: Option<Survey>,
    /// How far the survey has come.
    pub page: Page,
}
