//! What a connection of a command does, once, instead of serving counters.

use std::collections::VecDeque;

use super::command::ReadBefore;
use crate::config::Endpoint;
use crate::store::change::{Change, ChangeProgress};
use crate::store::survey::Survey;

/// A change or a survey; nothing, for a process that serves. In a Cluster it goes to the node that
/// can do it.
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
    /// The primaries of a Cluster that a survey of all counters still goes to; `None` before they
    /// are known.
    pub tour: Option<VecDeque<Endpoint>>,
}
