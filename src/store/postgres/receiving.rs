//! What the messages of the server mean, each for the oldest of what was sent.

use log::debug;
use postgres_protocol::message::backend::Message;

use super::Postgres;
use super::due::Due;
use super::error::{ServerError, not_postgres};
use crate::store::error::Fault;
use crate::store::request::WireEvent;

impl Postgres {
    pub(super) fn understand(
        &mut self,
        message: Message,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        match message {
            Message::ReadyForQuery(body) => return self.ready(body.status(), out),
            Message::ErrorResponse(body) => self.failed(ServerError::read(body.fields())?)?,
            Message::DataRow(row) if self.due.front() == Some(&Due::List) => self.list_row(&row)?,
            Message::DataRow(row) => match self.due.front() {
                Some(Due::Requests(requests)) => self.requests.row(*requests, row)?,
                _ if self.outcome.row.replace(row).is_none() => {}
                _ => return Err(not_postgres("a row too many")),
            },
            Message::NoticeResponse(body) => {
                let detail = ServerError::read(body.fields())?.fault().detail;
                debug!(detail; "store notice");
            }
            Message::CommandComplete(body) => self.executed(body.tag().unwrap_or_default())?,
            Message::BackendKeyData(body) => self.process_id = Some(body.process_id()),
            Message::ParseComplete => self.outcome.parsed += 1,
            Message::BindComplete
            | Message::RowDescription(_)
            // Out of band, or nothing that is needed.
            | Message::ParameterStatus(_)
            | Message::NotificationResponse(_) => {}
            message if self.due.front() == Some(&Due::Startup) => {
                self.authentication.respond(message, &self.url, &self.channel, &mut self.unsent)?;
                self.flush(out);
            }
            _ => return Err(not_postgres("a message that is not expected")),
        }
        Ok(None)
    }

    /// An error ends its transaction, or the connection with it.
    fn failed(&mut self, error: ServerError) -> Result<(), Fault> {
        match self.due.front() {
            Some(due) if *due != Due::Startup && !error.is_fatal => {
                self.outcome.error = Some(error);
                Ok(())
            }
            _ => {
                self.is_login_refused = !self.authentication.is_done();
                Err(error.fault())
            }
        }
    }

    /// The oldest of what was sent is done.
    fn ready(&mut self, status: u8, out: &mut Vec<u8>) -> Result<Option<WireEvent>, Fault> {
        let outcome = std::mem::take(&mut self.outcome);
        // Idle is outside of a transaction, which is where each Sync of ours ends.
        if status != b'I' {
            return Err(not_postgres("a transaction that stays open"));
        }
        match self.due.pop_front().ok_or_else(|| not_postgres("a reply too many"))? {
            Due::Requests(requests) => {
                self.transaction_ended(requests, outcome.error, out)?;
                Ok(self.events.pop_front())
            }
            Due::Answer(counter) => {
                self.answer_read(counter, outcome)?;
                Ok(self.events.pop_front())
            }
            Due::Check => {
                let result = outcome.error.map_or(Ok(()), |error| Err(error.fault()));
                Ok(Some(WireEvent::Written(result)))
            }
            Due::CleanKeys => self.cleaned_some(outcome, out),
            // Where it may not be written, this process refuses all the same.
            Due::Lost => Ok(None),
            due => self.handshake_step(due, outcome, out),
        }
    }
}
