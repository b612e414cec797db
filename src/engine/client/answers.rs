//! What the requests of a client wait for, and their answers.

use super::request_reader::{Awaited, RequestKind};
use super::turn::Turn;
use super::{Client, CloseReason};
use crate::api::admin::answer;
use crate::api::admin::rules::AdminRoute;
use crate::api::audit::Audit;
use crate::api::body::{self, Outcome};
use crate::api::cors::CorsLines;
use crate::api::page;
use crate::api::route::{Listener, Query, Route};
use crate::api::text::{Text, TicketText};
use crate::engine::batcher::Op;
use crate::http::{Persistence, Refusal, Response};
use crate::store::keys::Key;

impl Client {
    /// What the awaited requests wait for.
    pub fn awaited(&self) -> Awaited {
        match self.awaited.awaited() {
            Awaited::Counter(counter, Op::Take) if self.key().is_some() => {
                Awaited::Counter(counter, Op::TakeWithKey(0))
            }
            awaited => awaited,
        }
    }

    /// The body of the change that is awaited.
    pub fn take_change(&mut self) -> Vec<u8> {
        self.reader.take_kept()
    }

    /// The key of the take that is awaited, if it has one.
    pub fn key(&self) -> Option<&Key> {
        self.reader.key()
    }

    /// Who sent the take that was answered last, if that is kept.
    pub fn take_answered(&mut self) -> Option<Box<Audit>> {
        self.answered.take()
    }

    /// The oldest awaited request has its outcome.
    pub fn answer(&mut self, outcome: Outcome, turn: &Turn) {
        let query = match self.awaited.route {
            Route::Counter(query, _) => query,
            _ => Query::Ready,
        };
        self.awaiting -= 1;
        if turn.settings.is_audited {
            self.answered = self.audits.pop_front();
        }
        if self.key().is_some() {
            self.reader.forget_key();
        }
        if turn.settings.tickets.is_some() && self.answer_ticketed(query, outcome, turn) {
            return;
        }
        let text = &mut Text::new();
        let response = body::to_query(query, outcome, turn.settings.halted_status, text);
        self.respond(response, self.awaited, has_request(&self.inbound), turn);
    }

    /// Answers a request that has a ticket; `false` if it has none. Out of line: most processes
    /// have no tickets.
    #[inline(never)]
    fn answer_ticketed(&mut self, query: Query, outcome: Outcome, turn: &Turn) -> bool {
        let text = &mut TicketText::new();
        let tickets = turn.settings.tickets.as_ref();
        let response = tickets.and_then(|it| body::to_ticketed(query, outcome, it, text));
        let is_ticketed = response.is_some();
        if let Some(response) = response {
            self.respond_cold(response, self.awaited, has_request(&self.inbound), turn);
        }
        is_ticketed
    }

    /// The oldest awaited request has this answer.
    pub fn answer_with(&mut self, response: Response<'_>, turn: &Turn) {
        self.awaiting -= 1;
        self.respond_cold(response, self.awaited, has_request(&self.inbound), turn);
    }

    /// [`Client::respond`] out of line, for all but takes without tickets.
    #[cold]
    pub(super) fn respond_cold(
        &mut self,
        response: Response<'_>,
        kind: RequestKind,
        has_more: bool,
        turn: &Turn,
    ) {
        self.respond(response, kind, has_more, turn);
    }

    /// When the process stops, the answer is the last, unless the client `has_more` to be answered:
    /// it sent that before it could know.
    #[inline(always)]
    fn respond(&mut self, response: Response<'_>, kind: RequestKind, has_more: bool, turn: &Turn) {
        let draining = turn.draining && self.is_last(has_more, turn);
        let persistence = if draining { Persistence::Close } else { kind.persistence };
        let fields = match kind.cors {
            CorsLines::NONE => response.fields,
            lines => turn.settings.take_policy.cors().bytes(lines),
        };
        let response = Response { fields, persistence, head_only: kind.head_only, ..response };
        self.write(&response, turn);
        if kind.persistence == Persistence::Close {
            self.closing = Some(CloseReason::Requested);
        } else if draining {
            self.closing = Some(CloseReason::Draining);
        }
    }

    /// Whether the client has nothing more to be answered. What is in its socket was sent as well.
    #[cold]
    fn is_last(&self, has_more: bool, turn: &Turn) -> bool {
        self.awaiting == 0 && (!(has_more || self.is_unread) || turn.is_late())
    }

    /// A refused request, of which `bytes` were left, is the last. It is answered after all before.
    #[cold]
    pub(super) fn refuse(&mut self, refusal: Refusal, bytes: &[u8], turn: &Turn) -> Option<usize> {
        if self.awaiting > 0 {
            return None;
        }
        let text = &mut Text::new();
        self.write_last(body::to_refused(refusal, text), bytes, turn);
        self.closing = Some(CloseReason::Refused(refusal));
        Some(0)
    }

    /// Answers a request that is not whole or not well formed, of which `bytes` were left.
    #[cold]
    pub(super) fn write_last(&mut self, response: Response<'_>, bytes: &[u8], turn: &Turn) {
        let cors = self.reader.cors(self.rules(turn));
        let fields = turn.settings.take_policy.cors().bytes(cors);
        let head_only = self.reader.is_head(bytes);
        let response = Response { fields, head_only, ..response };
        self.write(&response, turn);
    }

    /// Appends an answer to what is to be sent, and counts it.
    #[inline(always)]
    fn write(&mut self, response: &Response<'_>, turn: &Turn) {
        if self.peer.listener == Listener::Public {
            turn.metrics.count_response(response.status.code());
        }
        response.write(&turn.date, self.send_buffer.writer());
    }
}

/// Whether there is more than the empty lines that may stand before a request (RFC 9112, section
/// 2.2).
pub(super) fn has_request(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

/// The answer of a route that is answered at once; `None` for one that must wait.
#[cold]
pub(super) fn at_once(route: Route, turn: &Turn) -> Option<Response<'static>> {
    match route {
        Route::Alive if turn.is_any_stalled() => Some(body::STALLED),
        Route::TakeRefused(refusal) => {
            turn.metrics.count_refused(refusal.reason());
            body::to_route(route, turn.draining)
        }
        Route::Admin(AdminRoute::Page) => Some(page::response()),
        Route::Admin(AdminRoute::Refused(refusal)) => Some(answer::refused(refusal)),
        Route::Admin(_) => None,
        route => body::to_route(route, turn.draining),
    }
}
