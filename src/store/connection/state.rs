//! The states of a connection, and what it commands.

use std::time::Instant;

/// What the owner of the socket is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Resolve the store's name anew and connect; then say `connected` or `lost`.
    Connect,
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
}
