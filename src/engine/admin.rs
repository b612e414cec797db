//! What the admin listener asks of a reactor: what it knows, what the store holds now, and changes.

use log::warn;

use super::Engine;
use crate::api::admin::answer::{self, ChangeResult, CounterReport, ProcessReport};
use crate::api::admin::change::{self, BodyFault, ChangeRequest};
use crate::api::admin::rules::AdminRoute;
use crate::api::body;
use crate::counter::CounterId;
use crate::engine::batcher::{Op, Waiter};
use crate::engine::changes::AdminChange;
use crate::engine::refresh::ReportWaiter;
use crate::engine::shared::LOG_TARGET;
use crate::http::{Response, Status};
use crate::limits::ADMIN_CHANGES_MAX;
use crate::metrics::TakeTotals;
use crate::store::Store;
use crate::store::counters::Seen;
use crate::store::error::StoreError;
use crate::store::memory::{Memory, NotChanged};
use crate::token::Token;

impl Engine {
    /// Does what a client asks of the admin listener. It asks one thing at a time.
    #[cold]
    pub(super) fn admin_request(&mut self, token: Token, route: AdminRoute) {
        match route {
            AdminRoute::Metrics => self.scrapes.push(token),
            AdminRoute::List => self.read_for(token, None),
            AdminRoute::Counter(counter) => self.read_for(token, Some(counter)),
            AdminRoute::Set(counter) => self.change(token, counter, change::set),
            AdminRoute::Reset(counter) => self.change(token, counter, change::reset),
            AdminRoute::Page | AdminRoute::Refused(_) => {
                debug_assert!(false, "it was answered at once");
            }
        }
    }

    // --- what the store holds -------------------------------------------------------------------

    /// Has the counters of a report read. What is in the process is always read.
    fn read_for(&mut self, token: Token, scope: Option<CounterId>) {
        let is_in_process = matches!(self.store, Store::Memory(_));
        let ids = self.clients.counters().ids().filter(|id| scope.is_none_or(|it| it == *id));
        let counters: Vec<CounterId> = ids.filter(|_| !is_in_process).collect();
        self.refresh.push(token, scope, counters.len());
        let turn = self.clients.turn();
        let (since, deadline) = (turn.now, turn.deadline());
        for counter in counters {
            self.counters[counter.index()].wants_fresh = true;
            self.wait(counter, Waiter { token, op: Op::Refresh, since, deadline });
        }
    }

    /// Answers those whose counters were all read.
    #[cold]
    pub(super) fn answer_reports(&mut self) {
        for ReportWaiter { token, scope, failed, .. } in self.refresh.take_done() {
            let text = match scope {
                Some(counter) => answer::counter(&self.report(counter, &failed)),
                None => {
                    let ids = self.clients.counters().ids();
                    let reports = ids.map(|counter| self.report(counter, &failed));
                    answer::list(&self.process_report(), reports)
                }
            };
            self.clients.answer_with(token, body::json(Status::Ok, &text));
        }
    }

    // --- what is known --------------------------------------------------------------------------

    /// What is known of a counter. One that could not be read now is refused for that reason, and
    /// one that was never read for the store's own.
    fn report(&self, counter: CounterId, failed: &[(CounterId, StoreError)]) -> CounterReport<'_> {
        let (name, seen) = (self.counters[counter.index()].name.as_str(), self.seen(counter));
        let failure = failed.iter().find(|(id, _)| *id == counter).map(|(_, error)| *error);
        let unread = || seen.is_none().then(|| self.store.last_error(counter));
        let refusal = self.store.refusal(counter).or(failure).or_else(unread);
        CounterReport { name, seen, refusal }
    }

    fn process_report(&self) -> ProcessReport {
        let turn = self.clients.turn();
        ProcessReport {
            has_token: turn.settings.admin_rules.token.is_some(),
            is_draining: turn.draining,
            store_error: self.store.absence(),
            takes: TakeTotals::of(&self.shared.metrics.reactors()),
        }
    }

    /// What was read of a counter last.
    pub(super) fn seen(&self, counter: CounterId) -> Option<Seen> {
        let counters = &self.clients.turn().counters;
        match &self.store {
            Store::Memory(memory) => Some(memory.seen(counter, counters.time())),
            Store::File(_) | Store::Connection(_) | Store::Nodes(_) | Store::Shared(_) => {
                counters.get(counter).seen()
            }
        }
    }

    // --- changes --------------------------------------------------------------------------------

    fn change(
        &mut self,
        token: Token,
        counter: CounterId,
        read: fn(&[u8]) -> Result<ChangeRequest, BodyFault>,
    ) {
        let Some(client) = self.clients.get(token) else {
            return;
        };
        let (peer, body) = (client.peer().address, client.take_change());
        let request = match read(&body) {
            Ok(request) => request,
            Err(fault) => {
                let (status, text) = answer::unusable(fault);
                self.clients.answer_with(token, body::json(status, &text));
                return;
            }
        };
        let deadline = self.clients.turn().deadline();
        let change = AdminChange { token, peer, counter, request, deadline };
        match self.refuse_change(counter, request) {
            Some(result) => self.change_done(&change, &result),
            None => self.changes.push(change),
        }
    }

    /// What becomes of a change that nobody need be asked about.
    fn refuse_change(&self, counter: CounterId, request: ChangeRequest) -> Option<ChangeResult> {
        if let Store::Memory(memory) = &self.store {
            return Some(self.change_memory(memory, counter, request));
        }
        if self.changes.len() >= ADMIN_CHANGES_MAX {
            return Some(ChangeResult::Unavailable(
                "too many changes at once: try again".to_owned(),
            ));
        }
        let away_at = self.store.away_at();
        let reason = self.store.absence().filter(|_| away_at <= Some(self.clients.turn().now))?;
        let words = format!("the store is away ({}): nothing was changed", reason.word());
        Some(ChangeResult::Unavailable(words))
    }

    /// The next change that somebody else is to carry out, and to tell [`Engine::change_done`] of.
    pub fn next_change(&mut self) -> Option<AdminChange> {
        self.changes.pop()
    }

    /// A change came to its end: whoever asked for it is told, and the log too.
    pub fn change_done(&mut self, change: &AdminChange, result: &ChangeResult) {
        self.changes.end(change);
        // What was cached may be of before the change.
        self.counters[change.counter.index()].halt_cache.clear();
        let counter = self.counters[change.counter.index()].name.as_str();
        let (peer, kind) = (change.peer.to_string(), change.request.word());
        if let ChangeResult::Done { before, after } = result {
            let (taken, limit) = (after.taken, after.limit);
            let (taken_before, limit_before) =
                (before.map(|count| count.taken), before.map(|count| count.limit));
            warn!(target: LOG_TARGET, counter, peer, change = kind, taken, taken_before, limit,
                limit_before; "counter changed at the admin listener");
        }
        if let ChangeResult::Unavailable(detail) = result {
            warn!(target: LOG_TARGET, counter, peer, change = kind, detail;
                "change at the admin listener not confirmed");
        }
        let (status, text) = answer::changed(counter, result);
        let retry_after_s = (status == Status::ServiceUnavailable).then_some(1);
        let response = Response { retry_after_s, ..body::json(status, &text) };
        self.clients.answer_with(change.token, response);
    }

    /// The process ends: those whose changes are not done are told so.
    #[cold]
    pub(super) fn give_up_changes(&mut self) {
        let words = "the process is stopping: the change may still happen; read the counter again";
        let result = ChangeResult::Unavailable(words.to_owned());
        for change in self.changes.give_up() {
            self.change_done(&change, &result);
        }
    }

    fn change_memory(
        &self,
        memory: &Memory,
        counter: CounterId,
        request: ChangeRequest,
    ) -> ChangeResult {
        let now_us = self.clients.turn().counters.time() * 1_000_000;
        let (kind, epoch_shown) = request.kind();
        match memory.change(counter, kind, epoch_shown, now_us) {
            Ok(changed) => {
                if let ChangeRequest::Reset { .. } = request {
                    self.clients.counters().get(counter).count_reset();
                }
                ChangeResult::Done { before: changed.before, after: changed.after }
            }
            Err(NotChanged::OtherEpoch(epoch)) => ChangeResult::OtherEpoch(epoch),
            Err(NotChanged::NotAllowed(why)) => ChangeResult::Refused(why.to_string()),
        }
    }
}
