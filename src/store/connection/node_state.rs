//! What a connection knows and tells as one of several, to the nodes of a Cluster.

use std::collections::VecDeque;
use std::time::Instant;

use crate::config::Endpoint;
use crate::counter::CounterId;
use crate::store::request::Redirect;

/// What the owner of all connections to the nodes of a Cluster is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The counter goes to another node.
    GoesElsewhere(CounterId, Redirect),
    /// These are nodes of the Cluster.
    Named(Vec<Endpoint>),
    /// The connection is lost, and other nodes may serve its counters.
    Lost,
}

/// What a connection knows of its being one of several.
#[derive(Debug, Default)]
pub struct NodeState {
    /// What the owner of the connections has not been told yet, and since when.
    pub notices: VecDeque<(Instant, Notice)>,
    /// When it is closed, since no counter needs it.
    pub rest_at: Option<Instant>,
    /// Its handshake was done once, since it was opened.
    pub was_ready: bool,
}
