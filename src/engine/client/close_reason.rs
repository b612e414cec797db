//! Why a connection ends: said once, where it is decided, and logged once, where it is closed.

use crate::http::Refusal;

/// Why a connection ends, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client asked for it: `Connection: close`, or HTTP/1.0 without keep-alive.
    Requested,
    /// The client closed, between requests or with all of them answered.
    Ended,
    /// The client closed in the middle of a request.
    Truncated,
    /// The network or the client tore the connection down.
    Reset,
    /// A request broke the rules.
    Refused(Refusal),
    /// No request came for [`crate::limits::IDLE_TIMEOUT`], or when the process stops for
    /// [`crate::limits::DRAIN_IDLE_TIMEOUT`].
    Idle,
    /// A request did not arrive whole within [`crate::limits::REQUEST_TIMEOUT`].
    RequestTimeout,
    /// The client did not take its answers for [`crate::limits::SEND_TIMEOUT`].
    SendTimeout,
    /// The process is stopping, and its answer has said that it is the last.
    Draining,
}

impl CloseReason {
    /// The reason in a few words, none of them from outside.
    pub fn label(self) -> &'static str {
        match self {
            CloseReason::Requested => "requested",
            CloseReason::Ended => "ended by the client",
            CloseReason::Truncated => "ended in the middle of a request",
            CloseReason::Reset => "reset",
            CloseReason::Refused(refusal) => refusal.reason(),
            CloseReason::Idle => "idle",
            CloseReason::RequestTimeout => "request timeout",
            CloseReason::SendTimeout => "send timeout",
            CloseReason::Draining => "draining",
        }
    }
}
