//! The states of a connection, and what it commands.

use std::collections::VecDeque;
use std::time::Instant;

use crate::config::Endpoint;
use crate::counter::CounterId;
use crate::store::request::Redirect;

/// What the owner of the socket is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Connect to this, whose name is resolved anew; then say `connected` or `lost`.
    Connect(Endpoint),
    /// Close the socket, or give up the connecting that is under way.
    Disconnect,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug)]
pub enum State {
    /// There is none, and none is tried before this.
    Down {
        /// The end of the backoff.
        until: Instant,
    },
    /// The socket is not connected yet.
    Connecting {
        /// When the connection is given up.
        deadline: Instant,
    },
    /// The store has not answered the handshake yet.
    Handshaking {
        /// When the connection is given up.
        deadline: Instant,
    },
    /// Counters may be confirmed, and then requests sent.
    Ready,
    /// No counter needs it. When one does, it is not connected before this.
    Resting {
        /// The end of the backoff.
        until: Instant,
    },
}

/// What the owner of all connections to the nodes of a Cluster is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The counter goes to another node.
    Moved(CounterId, Redirect),
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
