//! The states of a connection, and what it commands.

use std::time::Instant;

use crate::config::Endpoint;

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
