//! The state machine of one HTTP connection, without its socket: bytes in, bytes out.
//!
//! ```text
//!   bytes -> Reader -> Wish --- static route --------------------> answer -> outbound
//!                       `------ asks the store -> (awaiting) -----> answer -> outbound
//! ```
//!
//! Answers go out in the order of the requests, with one integer: while `awaiting > 0`, only a
//! request that wants the very same kind of answer is parsed; any other stays in `inbound` until
//! the rest are answered. All awaited answers being of one kind, the next outcome that comes is
//! always the oldest request's.
//!
//! Invariants: `awaiting <= PIPELINED_MAX`; `inbound` holds at most one read and one head;
//! `outbound` holds at most `OUTBOUND_BYTES_MAX` and the answers then awaited.

mod close_reason;
mod context;
mod patience;
mod reader;

use std::time::Instant;

use crate::answer::{self, Text};
use crate::http::{self, Persistence, Refusal, Response};
use crate::limits::{DISCARDED_BYTES_MAX, HEAD_BYTES_MAX, OUTBOUND_BYTES_MAX, PIPELINED_MAX};
use crate::outbound::Outbound;
use crate::queue::{Outcome, Want};
use crate::route::{Question, Route};
pub use close_reason::CloseReason;
pub use context::Context;
use patience::{Patience, Pause};
use reader::{Progress, Reader, Wish};

/// One HTTP connection.
#[derive(Debug)]
pub struct Client {
    reader: Reader,
    inbound: Vec<u8>,
    outbound: Outbound,
    awaiting: usize,
    /// What the awaited requests want; of no meaning while `awaiting == 0`.
    awaited: Wish,
    /// Why no further request is read, if so; what is awaited is still answered.
    closing: Option<CloseReason>,
    /// The client sends no more (its FIN was read).
    ended: bool,
    /// Bytes after the last request that were read past.
    discarded_bytes: usize,
    /// The last answer is sent and the sending half is shut down.
    lingering: bool,
    patience: Patience,
}

impl Client {
    /// A connection that was just accepted.
    pub fn new(now: Instant) -> Client {
        Client {
            reader: Reader::default(),
            inbound: Vec::new(),
            outbound: Outbound::default(),
            awaiting: 0,
            awaited: Wish::NOTHING,
            closing: None,
            ended: false,
            discarded_bytes: 0,
            lingering: false,
            patience: Patience::new(now),
        }
    }

    /// Takes bytes from the socket; with none, goes on with what had to wait. Returns how many
    /// requests now ask the store, all for the same [`Client::want`].
    pub fn receive(&mut self, bytes: &[u8], context: &Context) -> usize {
        let awaiting_before = self.awaiting;
        if self.inbound.is_empty() {
            let consumed = self.advance(bytes, context);
            self.inbound.extend_from_slice(&bytes[consumed..]);
        } else {
            let mut gathered = std::mem::take(&mut self.inbound);
            gathered.extend_from_slice(bytes);
            let consumed = self.advance(&gathered, context);
            gathered.drain(..consumed);
            // An idle client holds no memory for bytes that it does not send.
            self.inbound = if gathered.is_empty() { Vec::new() } else { gathered };
        }
        self.awaiting - awaiting_before
    }

    /// What the awaited requests want of the counter.
    pub fn want(&self) -> Want {
        match self.awaited.route {
            Route::Store(Question::Take) => Want::Number,
            _ => Want::Look,
        }
    }

    /// The oldest awaited request has its outcome.
    pub fn answer(&mut self, outcome: Outcome, context: &Context) {
        let Route::Store(question) = self.awaited.route else {
            return debug_assert!(false, "only questions to the store are awaited");
        };
        self.awaiting -= 1;
        let text = &mut Text::new();
        let response = answer::to_question(question, outcome, context.halted_status, text);
        self.respond(response, self.awaited, context);
    }

    /// The client sends no more, though it may still read.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether more bytes have room: not while requests that must wait fill the buffer.
    pub fn wants_input(&self) -> bool {
        !self.ended && self.inbound.len() <= HEAD_BYTES_MAX
    }

    /// The bytes to send.
    pub fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// Why the connection is at its end, with all answers sent.
    pub fn finished(&self) -> Option<CloseReason> {
        if self.closing == Some(CloseReason::SendTimeout) {
            return self.closing; // Nothing may follow a half answer.
        }
        if self.awaiting > 0 || !self.outbound.unsent().is_empty() {
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
        let cut_short =
            matches!(self.closing, Some(CloseReason::Refused(_) | CloseReason::RequestTimeout));
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

    /// The process is stopping: a client between two requests is not waited for.
    pub fn drain(&mut self) {
        if self.pause() == Pause::Request {
            self.closing = Some(CloseReason::Draining);
        }
    }

    /// Starts the clock of what the connection waits for, if that is new.
    pub fn settle_pause(&mut self, now: Instant) {
        self.patience.wait_for(self.pause(), now);
    }

    /// Some of the answers' bytes were taken by the client.
    pub fn sent(&mut self, count: usize) {
        self.outbound.advance(count);
        self.patience.answers_went();
    }

    /// Ends the connection if its own time is up, and says whether it was. What waits for the
    /// store has its deadline in the queue. One that idles gives the memory of its answers back.
    pub fn expire(&mut self, context: &Context) -> bool {
        let Some(pause) = self.patience.overdue(context.now) else {
            if self.patience.is_idle(context.now) {
                self.outbound.give_back();
            }
            return false;
        };
        match pause {
            Pause::Request => self.closing = Some(CloseReason::Idle),
            Pause::Head | Pause::Body => {
                self.closing = Some(CloseReason::RequestTimeout);
                let head_only = self.reader.is_head(&self.inbound);
                answer::to_request_timeout(head_only).write(&context.date, self.outbound.writer());
            }
            Pause::Reader => {
                self.closing = Some(CloseReason::SendTimeout);
                self.outbound.clear();
                self.ended = true;
            }
            Pause::Store | Pause::Farewell => self.ended = true,
        }
        true
    }

    fn advance(&mut self, bytes: &[u8], context: &Context) -> usize {
        let mut consumed = 0;
        while let Some(step) = self.step(&bytes[consumed..], context) {
            consumed += step;
        }
        consumed
    }

    /// One step through `bytes`: how many it consumed; `None` if it needs more, or must wait.
    fn step(&mut self, bytes: &[u8], context: &Context) -> Option<usize> {
        if bytes.is_empty() {
            return None;
        }
        if self.closing.is_some() {
            self.discarded_bytes += bytes.len();
            return Some(bytes.len());
        }
        if self.is_full(context) {
            return None;
        }
        let awaited = (self.awaiting > 0).then_some(self.awaited);
        match self.reader.read(bytes, awaited) {
            Ok(Progress::More | Progress::Held) => None,
            Ok(Progress::Body { consumed, expects_continue }) => {
                if expects_continue && bytes.len() == consumed {
                    self.outbound.writer().extend_from_slice(http::CONTINUE);
                }
                Some(consumed)
            }
            Ok(Progress::Request { consumed, wish }) => {
                self.act(wish, context);
                Some(consumed)
            }
            Err(refusal) => self.refuse(refusal, bytes, context),
        }
    }

    /// A refused request, of which `bytes` were left, is the last. It is answered after all before.
    fn refuse(&mut self, refusal: Refusal, bytes: &[u8], context: &Context) -> Option<usize> {
        if self.awaiting > 0 {
            return None;
        }
        let (head_only, text) = (self.reader.is_head(bytes), &mut Text::new());
        answer::to_refused(refusal, head_only, text).write(&context.date, self.outbound.writer());
        self.closing = Some(CloseReason::Refused(refusal));
        Some(0)
    }

    /// A request is whole.
    fn act(&mut self, wish: Wish, context: &Context) {
        self.patience.request_came();
        if let Some(response) = answer::to_route(wish.route) {
            self.respond(response, wish, context);
        } else {
            self.awaited = wish;
            self.awaiting += 1;
        }
    }

    fn respond(&mut self, response: Response<'_>, wish: Wish, context: &Context) {
        let draining = context.draining && self.awaiting == 0;
        let persistence = if draining { Persistence::Close } else { wish.persistence };
        let response = Response { persistence, head_only: wish.head_only, ..response };
        response.write(&context.date, self.outbound.writer());
        if wish.persistence == Persistence::Close {
            self.closing = Some(CloseReason::Requested);
        } else if draining {
            self.closing = Some(CloseReason::Draining);
        }
    }

    /// Whether the next request must wait whatever it is: back-pressure, or the last one is here.
    fn is_full(&self, context: &Context) -> bool {
        let last = context.draining || self.awaited.persistence == Persistence::Close;
        self.awaiting >= PIPELINED_MAX
            || self.outbound.unsent().len() >= OUTBOUND_BYTES_MAX
            || (self.awaiting > 0 && last)
    }

    fn pause(&self) -> Pause {
        if self.lingering {
            Pause::Farewell
        } else if !self.outbound.unsent().is_empty() {
            Pause::Reader
        } else if self.awaiting > 0 {
            Pause::Store
        } else if self.reader.is_in_body() {
            Pause::Body
        } else if self.holds_back() {
            Pause::Head
        } else {
            Pause::Request
        }
    }
}

#[cfg(test)]
mod tests;
