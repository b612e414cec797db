//! What the requests of a client wait for, and their answers.

use super::request_reader::{Awaited, RequestKind};
use super::turn::Turn;
use super::{Client, CloseReason};
use crate::api::body::{self, Outcome, Text};
use crate::api::route::{Query, Route};
use crate::http::{Persistence, Response};

impl Client {
    /// What the awaited requests wait for.
    pub fn awaited(&self) -> Awaited {
        self.awaited.awaited()
    }

    /// The oldest awaited request has its outcome.
    pub fn answer(&mut self, outcome: Outcome, turn: &Turn) {
        let query = match self.awaited.route {
            Route::Counter(query, _) => query,
            _ => Query::Ready,
        };
        self.awaiting -= 1;
        let text = &mut Text::new();
        let response = body::to_query(query, outcome, turn.halted_status, text);
        self.respond(response, self.awaited, turn);
    }

    /// The oldest awaited request asked whether the process is ready, and it is: `text` says so.
    pub fn answer_ready(&mut self, text: &str, turn: &Turn) {
        self.awaiting -= 1;
        self.respond(body::to_ready(text), self.awaited, turn);
    }

    pub(super) fn respond(&mut self, response: Response<'_>, kind: RequestKind, turn: &Turn) {
        let draining = turn.draining && self.awaiting == 0;
        let persistence = if draining { Persistence::Close } else { kind.persistence };
        let response = Response { persistence, head_only: kind.head_only, ..response };
        response.write(&turn.date, self.send_buffer.writer());
        if kind.persistence == Persistence::Close {
            self.closing = Some(CloseReason::Requested);
        } else if draining {
            self.closing = Some(CloseReason::Draining);
        }
    }
}
