//! What a connection makes of the store's bytes, and of its own loss.

use std::time::Instant;

use log::info;

use super::Connection;
use super::counter_link::Stage;
use super::log_throttle::{LOG_TARGET, headline};
use super::node_state::Notice;
use super::state::{Command, State};
use crate::counter::{CounterId, Grant};
use crate::store::error::{Fault, StoreError};
use crate::store::keys::{self, KeyedNumber};
use crate::store::request::{Answer, Reply, Request, StoreEvent, WireEvent};

impl Connection {
    /// Bytes came from the store.
    pub fn received(&mut self, bytes: &[u8], now: Instant) {
        match self.transport.receive(bytes) {
            Ok(bytes) => self.wire.receive(bytes),
            Err(fault) => return self.lost(fault.error, &fault.detail, now),
        }
        if let Some(channel) = self.transport.take_channel() {
            self.wire.set_channel(channel);
        }
        while !matches!(self.state, State::Down { .. } | State::Resting { .. }) {
            match self.wire.next(self.transport.writer()) {
                Ok(Some(event)) => {
                    self.heartbeat.store_spoke(now);
                    self.handle(event, now);
                }
                Ok(None) => return,
                Err(fault) => self.lost(fault.error, &fault.detail, now),
            }
        }
    }

    fn handle(&mut self, event: WireEvent, now: Instant) {
        match event {
            WireEvent::HandshakeDone => self.handshake_done(now),
            WireEvent::PrimaryNamed => self.go_on_to_primary(now),
            WireEvent::AnswersLost(counter) => {
                self.events.push_back(StoreEvent::AnswersLost(counter));
            }
            WireEvent::GoesElsewhere(counter, redirect, fault) => {
                self.goes_elsewhere(counter, redirect, &fault, now);
            }
            WireEvent::SurveyGoesTo(node) => self.survey_goes_to(node, now),
            WireEvent::NodesNamed(nodes) => self.notify(Notice::Named(nodes), now),
            WireEvent::Confirmed(counter, result) => self.confirmed(counter, result, now),
            WireEvent::Replied(counter, answer) => self.replied(counter, answer, now),
            WireEvent::Probed(probed) => self.probed(probed, now),
            WireEvent::Changed(counter) => self.changed(counter),
            WireEvent::Written(result) => self.write_checked(result, now),
            WireEvent::Surveyed => self.confirms.extend(self.wire.handshake_timeout(), now),
        }
    }

    #[inline(never)]
    fn handshake_done(&mut self, now: Instant) {
        self.state = State::Ready;
        self.wire.hosts_mut().note_serving();
        self.lost_at = None;
        self.metrics.ready.add(1);
        if std::mem::replace(&mut self.node.was_ready, true) {
            self.metrics.reconnects.add(1);
        }
        // The process may have stood still since the loss.
        self.counters.ids().for_each(|counter| self.give_up(counter, now));
        self.last_fault = Fault { error: StoreError::Timeout, detail: String::new() };
        self.throttle.clear();
        self.confirm_next(now);
        match self.transport.outcome() {
            Some(tls) => {
                info!(target: LOG_TARGET, tls; "store ready");
            }
            None => {
                info!(target: LOG_TARGET, "store ready");
            }
        }
    }

    /// A sentinel was asked: the connection to it has done its work.
    fn go_on_to_primary(&mut self, now: Instant) {
        self.transport.end();
        self.commands.push_back(Command::Disconnect);
        self.commands.push_back(Command::Connect(self.wire.endpoint().clone()));
        self.state = State::Connecting { deadline: now + self.wire.handshake_timeout() };
    }

    fn replied(&mut self, counter: CounterId, answer: Answer, now: Instant) {
        let Some(sent) = self.links[counter.index()].in_flight.oldest() else {
            return self.lost(StoreError::Protocol, "a reply too many", now);
        };
        if let Some(detail) = mismatch(&sent.request, &answer) {
            return self.lost(StoreError::Protocol, detail, now);
        }
        let (sequence, is_again, since) = (sent.request.sequence, sent.is_again, sent.since);
        let Some(reply) = self.reply(counter, sequence, is_again, answer, now) else {
            // It is sent again.
            return self.deadlines.retain(|(other, ..)| *other != counter);
        };
        let link = &mut self.links[counter.index()];
        link.in_flight.pop();
        let duration = now.saturating_duration_since(since);
        self.metrics.request_duration.observe_time(duration, 1);
        let (grant, is_read_only) = (reply.grant(), reply == Reply::Failed(StoreError::ReadOnly));
        self.events.push_back(StoreEvent::Replied(counter, reply));
        if link.stage == Stage::Resending {
            self.resend_next(counter, now);
        }
        self.forget_answered();
        if let Some(grant) = grant {
            self.note_halt(counter, grant, now);
        }
        if is_read_only {
            // Another server is the primary now: its name must be resolved anew.
            self.lost(StoreError::ReadOnly, "connecting anew", now);
        }
    }

    /// What an answer means to whoever asked; `None` if the request is to be sent again: one that
    /// was sent before may have run then, so nothing but its answer ends the matter.
    fn reply(
        &mut self,
        counter: CounterId,
        sequence: u64,
        is_again: bool,
        answer: Answer,
        now: Instant,
    ) -> Option<Reply> {
        let fault = match answer {
            Answer::Granted(grant) => {
                let is_granted = self.granted(counter, sequence, grant, 0, now);
                return Some(is_granted.map_or_else(Reply::Failed, |()| Reply::Granted(grant)));
            }
            Answer::GrantedToKeys(grant, keyed) => {
                return Some(self.granted_to_keys(counter, sequence, grant, keyed, now));
            }
            Answer::Unconfirmed(fault) => {
                let reply = self.unconfirmed(counter, &fault, now);
                return (!is_again).then_some(reply);
            }
            Answer::NotRun(None) if !is_again => return Some(Reply::NotRun),
            Answer::NotRun(None) => did_not_run(),
            Answer::NotRun(Some(fault)) if !is_again => {
                let headline = "store request delayed: it will be sent again";
                self.log_failure(counter, headline, &fault, now);
                self.links[counter.index()].last_error = Some(fault.error);
                return Some(Reply::NotRun);
            }
            Answer::Refused(fault) if !is_again => {
                self.note_write(Err(fault.error), now);
                self.request_refused(counter, &fault, now);
                return Some(Reply::Failed(fault.error));
            }
            Answer::NotRun(Some(fault)) | Answer::Refused(fault) => fault,
        };
        self.request_refused(counter, &fault, now);
        None
    }

    /// The counter must be confirmed again before it is asked for: at once, if that mends it.
    fn unconfirmed(&mut self, counter: CounterId, fault: &Fault, now: Instant) -> Reply {
        if fault.error == StoreError::Connecting {
            self.queue_confirm(counter);
            self.confirm_next(now);
            self.log_failure(counter, "counter is confirmed again", fault, now);
            return Reply::NotRun;
        }
        if self.links[counter.index()].stage == Stage::Ready {
            self.refuse(counter, fault, now);
        } else {
            self.request_refused(counter, fault, now);
        }
        Reply::Failed(fault.error)
    }

    /// A request that is not sent again was refused: the next one may be granted. Else the counter
    /// is confirmed again after a pause, unless that is under way.
    fn request_refused(&mut self, counter: CounterId, fault: &Fault, now: Instant) {
        let link = &self.links[counter.index()];
        if matches!(link.stage, Stage::Ready | Stage::Queued { .. } | Stage::Confirming) {
            self.log_failure(counter, headline(fault.error), fault, now);
            self.links[counter.index()].last_error = Some(fault.error);
        } else {
            self.refuse(counter, fault, now);
        }
    }

    /// Requests are answered in order, and so are numbers, unless the store went backwards between
    /// two that were in flight: neither had seen the other's.
    /// `keyed`: so many numbers before those of the grant were granted to keys.
    #[inline(always)] // Its other caller is cold.
    fn granted(
        &mut self,
        counter: CounterId,
        sequence: u64,
        grant: Grant,
        keyed: u64,
        now: Instant,
    ) -> Result<(), StoreError> {
        let link = &mut self.links[counter.index()];
        let (first, granted) = (grant.first.saturating_sub(keyed), grant.granted + keyed);
        if granted > 0 && link.in_flight.has_granted(grant.epoch, first) {
            let detail = format!("{first} was granted again");
            let fault = Fault { error: StoreError::Backwards, detail };
            self.log_failure(counter, headline(fault.error), &fault, now);
            self.events.push_back(StoreEvent::AnswersLost(counter));
            return Err(StoreError::Backwards);
        }
        link.last_error = None;
        link.note_served();
        if granted > 0 {
            link.in_flight.granted(sequence, grant);
            link.throttle.log_recovery(&self.counters.get(counter).name);
            self.note_write(Ok(()), now);
        }
        self.backoff.reset();
        Ok(())
    }

    /// Apart from the way of the others, which is to stay short.
    #[cold]
    fn granted_to_keys(
        &mut self,
        counter: CounterId,
        sequence: u64,
        grant: Grant,
        keyed: Box<[KeyedNumber]>,
        now: Instant,
    ) -> Reply {
        match self.granted(counter, sequence, grant, keys::granted_to(&keyed), now) {
            Ok(()) => Reply::GrantedToKeys(grant, keyed),
            Err(error) => Reply::Failed(error),
        }
    }

    #[inline(never)]
    pub(super) fn log_failure(
        &mut self,
        counter: CounterId,
        what: &str,
        fault: &Fault,
        now: Instant,
    ) {
        self.metrics.errors[fault.error.index()].add(1);
        let (name, hint) = (&self.counters.get(counter).name, self.wire.hint(fault.error));
        self.links[counter.index()].throttle.log(what, fault, hint, Some(name), now);
    }

    /// Drops the deadlines of what is answered.
    fn forget_answered(&mut self) {
        while let Some((counter, sequence, _)) = self.deadlines.front() {
            if self.links[counter.index()].in_flight.contains(*sequence) {
                return;
            }
            self.deadlines.pop_front();
        }
    }
}

/// What an answer has that its request did not ask for, or has not of what it did.
fn mismatch(request: &Request, answer: &Answer) -> Option<&'static str> {
    let (grant, keyed) = match answer {
        Answer::Granted(grant) => (grant, 0),
        Answer::GrantedToKeys(grant, keyed) => (grant, keyed.len()),
        _ => return None,
    };
    // In another epoch the request did not run, and nothing is said of its keys.
    let is_of_another_epoch = keyed == 0 && grant.epoch != request.seen.epoch;
    if grant.granted > request.count {
        Some("more granted than asked for")
    } else if keyed != request.keys.len() && !is_of_another_epoch {
        Some("not a number for each key")
    } else {
        None
    }
}

fn did_not_run() -> Fault {
    Fault { error: StoreError::Conflict, detail: "the request did not run".to_owned() }
}
