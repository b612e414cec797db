//! The state machine of one HTTP connection, without its socket: bytes in, bytes out.
//!
//! ```text
//!   bytes -> Reader -> RequestKind --- static route --------------------> answer -> send_buffer
//!                       `------ needs the store -> (awaiting) -----> answer -> send_buffer
//! ```
//!
//! Answers go out in the order of the requests, with one integer: while `awaiting > 0`, only a
//! request that wants the very same kind of answer is parsed; any other stays in `inbound` until
//! the rest are answered. All awaited answers being of one kind, the next outcome that comes is
//! always the oldest request's.
//!
//! Invariants: `awaiting <= PIPELINED_MAX`; `inbound` holds at most one read and one head;
//! `send_buffer` holds at most `OUTBOUND_BYTES_MAX` and the answers then awaited.

mod answers;
mod close_reason;
mod peer;
mod request_reader;
mod timer;
mod turn;

use std::collections::VecDeque;
use std::time::Instant;

use crate::api::audit::Audit;
use crate::api::body;
use crate::api::route::{Listener, Route, RouteRules};
use crate::http::{self, Persistence};
use crate::limits::{DISCARDED_BYTES_MAX, HEAD_BYTES_MAX, OUTBOUND_BYTES_MAX, PIPELINED_MAX};
use crate::send_buffer::SendBuffer;
pub use close_reason::CloseReason;
pub use peer::Peer;
pub use request_reader::Awaited;
use request_reader::{Progress, Reader, RequestKind};
use timer::{Timer, WaitingFor};
pub use turn::Turn;

/// One HTTP connection.
#[derive(Debug)]
pub struct Client {
    peer: Peer,
    reader: Reader,
    inbound: Vec<u8>,
    send_buffer: SendBuffer,
    awaiting: usize,
    /// What the awaited requests want; of no meaning while `awaiting == 0`.
    awaited: RequestKind,
    /// Who sent the awaited takes, in their order; empty where that is not kept.
    audits: VecDeque<Box<Audit>>,
    /// Who sent the take that was answered last.
    answered: Option<Box<Audit>>,
    /// Why no further request is read, if so; what is awaited is still answered.
    closing: Option<CloseReason>,
    /// The client sends no more (its FIN was read).
    ended: bool,
    /// The last read has not emptied the socket.
    is_unread: bool,
    /// Bytes after the last request that were read past.
    discarded_bytes: usize,
    /// The last answer is sent and the sending half is shut down.
    lingering: bool,
    timer: Timer,
}

impl Client {
    /// A connection that was just accepted.
    pub fn new(peer: Peer, now: Instant) -> Client {
        Client {
            peer,
            reader: Reader::default(),
            inbound: Vec::new(),
            send_buffer: SendBuffer::default(),
            awaiting: 0,
            awaited: RequestKind::NOTHING,
            audits: VecDeque::new(),
            answered: None,
            closing: None,
            ended: false,
            is_unread: false,
            discarded_bytes: 0,
            lingering: false,
            timer: Timer::new(now),
        }
    }

    /// Takes bytes from the socket; with none, goes on with what had to wait. Returns how many
    /// requests now wait, all for the same [`Client::awaited`].
    pub fn receive(&mut self, bytes: &[u8], turn: &Turn) -> usize {
        let awaiting_before = self.awaiting;
        if self.closing == Some(CloseReason::Idle) && !bytes.is_empty() {
            self.closing = None; // Just before the end of its time: it is a request like any other.
        }
        if self.inbound.is_empty() {
            let consumed = self.advance(bytes, turn);
            self.inbound.extend_from_slice(&bytes[consumed..]);
        } else {
            let mut gathered = std::mem::take(&mut self.inbound);
            gathered.extend_from_slice(bytes);
            let consumed = self.advance(&gathered, turn);
            gathered.drain(..consumed);
            // An idle client holds no memory for bytes that it does not send.
            self.inbound = if gathered.is_empty() { Vec::new() } else { gathered };
        }
        self.awaiting - awaiting_before
    }

    /// The client sends no more, though it may still read.
    pub fn on_eof(&mut self) {
        self.ended = true;
    }

    /// Whether the socket has more to read behind the bytes that are handed in next.
    pub fn set_unread(&mut self, is_unread: bool) {
        self.is_unread = is_unread;
    }

    /// Whether more bytes have room: not while requests that must wait fill the buffer.
    pub fn wants_input(&self) -> bool {
        !self.ended && self.inbound.len() <= HEAD_BYTES_MAX
    }

    /// Who is at its other end.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The bytes to send.
    pub fn send_buffer(&mut self) -> &mut SendBuffer {
        &mut self.send_buffer
    }

    /// Why the connection is at its end, with all answers sent.
    pub fn finished(&self) -> Option<CloseReason> {
        if self.closing == Some(CloseReason::SendTimeout) {
            return self.closing; // Nothing may follow a half answer.
        }
        if self.awaiting > 0 || !self.send_buffer.unsent().is_empty() {
            return None;
        }
        let in_request = self.holds_back() || self.reader.is_in_body();
        let ended = if in_request { CloseReason::Truncated } else { CloseReason::Ended };
        self.closing.or(self.ended.then_some(ended))
    }

    /// Whether a finished connection must still read past what its client sends: closing a socket
    /// with unread bytes resets it, and the reset may destroy the answer (RFC 9112, section 9.6).
    /// `is_readable`: there may be bytes in the socket.
    pub fn lingers(&self, is_readable: bool) -> bool {
        use CloseReason::{Draining, Refused, RequestTimeout};
        let cut_short = matches!(self.closing, Some(Refused(_) | RequestTimeout | Draining));
        let has_more = cut_short || self.discarded_bytes > 0 || is_readable;
        !self.ended && has_more && self.discarded_bytes <= DISCARDED_BYTES_MAX
    }

    /// The sending half is about to be shut down: from now on only the client's end is waited
    /// for. `false` if that was so already.
    pub fn start_lingering(&mut self) -> bool {
        !std::mem::replace(&mut self.lingering, true)
    }

    /// Whether bytes are held back that may go on when the answers before them are sent.
    pub fn holds_back(&self) -> bool {
        !self.inbound.is_empty()
    }

    /// Starts the clock of what the connection waits for, if that is new.
    pub fn update_timer(&mut self, now: Instant) {
        self.timer.wait_for(self.waiting_for(), now);
    }

    /// Some of the answers' bytes were taken by the client.
    pub fn sent(&mut self, count: usize) {
        self.send_buffer.advance(count);
        self.timer.answers_went();
    }

    /// Ends the connection if its own time is up, and says whether it was. What waits for the
    /// store has its deadline in the batcher. One that idles gives the memory of its answers back.
    pub fn expire(&mut self, turn: &Turn) -> bool {
        let Some(waiting_for) = self.timer.overdue(turn) else {
            if self.timer.is_idle(turn.now) {
                self.send_buffer.give_back();
            }
            return false;
        };
        match waiting_for {
            WaitingFor::Request => self.closing = Some(CloseReason::Idle),
            WaitingFor::Head | WaitingFor::Body => {
                self.closing = Some(CloseReason::RequestTimeout);
                let inbound = std::mem::take(&mut self.inbound);
                self.write_last(body::to_request_timeout(), &inbound, turn);
                self.inbound = inbound;
            }
            WaitingFor::Reader => {
                self.closing = Some(CloseReason::SendTimeout);
                self.send_buffer.clear();
                self.ended = true;
            }
            WaitingFor::Store | WaitingFor::Linger => self.ended = true,
        }
        true
    }

    fn advance(&mut self, bytes: &[u8], turn: &Turn) -> usize {
        let mut consumed = 0;
        while let Some(step) = self.step(&bytes[consumed..], turn) {
            consumed += step;
        }
        consumed
    }

    /// One step through `bytes`: how many it consumed; `None` if it needs more, or must wait.
    fn step(&mut self, bytes: &[u8], turn: &Turn) -> Option<usize> {
        if bytes.is_empty() {
            return None;
        }
        if self.closing.is_some() {
            self.discarded_bytes += bytes.len();
            return Some(bytes.len());
        }
        if self.is_full() {
            return None;
        }
        let awaited = (self.awaiting > 0).then_some(self.awaited);
        match self.reader.read(bytes, awaited, self.rules(turn)) {
            Ok(Progress::More | Progress::Held) => None,
            Ok(Progress::Body { consumed, expects_continue }) => {
                if expects_continue && bytes.len() == consumed {
                    self.send_buffer.writer().extend_from_slice(http::CONTINUE);
                }
                Some(consumed)
            }
            Ok(Progress::Request { consumed, kind }) => {
                self.act(kind, answers::has_request(&bytes[consumed..]), turn);
                Some(consumed)
            }
            Err(refusal) => self.refuse(refusal, bytes, turn),
        }
    }

    fn rules<'a>(&self, turn: &'a Turn) -> RouteRules<'a> {
        RouteRules {
            listener: self.peer.listener,
            counters: turn.counters.names(),
            admin: &turn.settings.admin_rules,
            take_policy: &turn.settings.take_policy,
            is_audited: turn.settings.is_audited,
        }
    }

    /// A request is whole; `has_more`: bytes came behind it.
    fn act(&mut self, kind: RequestKind, has_more: bool, turn: &Turn) {
        self.timer.request_came();
        let is_for_store = matches!(kind.route, Route::Counter(..));
        if !is_for_store && let Some(response) = answers::at_once(kind.route, turn) {
            return self.respond_cold(response, kind, has_more, turn);
        }
        self.awaited = kind;
        self.awaiting += 1;
        if let Some(audit) = self.reader.take_audit() {
            self.audits.push_back(audit);
        }
    }

    /// Whether the next request must wait whatever it is: back-pressure, or the last one is here.
    /// An answer of the admin listener may be long, so there they come one by one.
    fn is_full(&self) -> bool {
        let last =
            self.awaited.persistence == Persistence::Close || self.peer.listener == Listener::Admin;
        self.awaiting >= PIPELINED_MAX
            || self.send_buffer.unsent().len() >= OUTBOUND_BYTES_MAX
            || (self.awaiting > 0 && last)
    }

    fn waiting_for(&self) -> WaitingFor {
        if self.lingering {
            WaitingFor::Linger
        } else if !self.send_buffer.unsent().is_empty() {
            WaitingFor::Reader
        } else if self.awaiting > 0 {
            WaitingFor::Store
        } else if self.reader.is_in_body() {
            WaitingFor::Body
        } else if self.holds_back() {
            WaitingFor::Head
        } else {
            WaitingFor::Request
        }
    }
}

#[cfg(test)]
mod tests;
