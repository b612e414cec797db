//! Counters do not harm each other: whoever waits, or is refused, has a reason in its own counter
//! or in the connection. Nobody waits for a store that has been away for longer than the timeout,
//! and nobody is refused for its absence before that.

use std::time::{Duration, Instant};

use headcount::limits::{REFUSED_PAUSE, RETRY_PAUSE, WRITE_CHECK_INTERVAL};
use headcount::store::error::StoreError;
use headcount::token::Token;

use super::World;
use crate::simulation::client::{Answer, Kind, Request};
use crate::simulation::node::{Node, STORE_TIMEOUT};
use crate::simulation::store::WRITES;

/// Longer than any pause that an engine makes while the store has nothing more to say.
const PAUSE_MAX: Duration = RETRY_PAUSE.saturating_add(Duration::from_millis(1));

impl World {
    /// A turn of a node is over: what it knows, and whether somebody waits for nothing.
    pub(super) fn turned(&mut self, place: usize) {
        let (now, owner) = (self.now, self.owner(place));
        self.nodes[owner].assert_not_disconnected(now);
        let have_all_read = self.have_all_read(owner);
        let is_settled = self.nodes[owner].socket.as_ref().is_some_and(|socket| {
            let is_quiet = socket.to_store.is_empty() && socket.to_connection.is_empty();
            is_quiet && have_all_read && !self.store.has_word(&socket.tracking)
        });
        self.nodes[owner].note_refusals(now);
        self.follow_owner(owner);
        let socket = self.nodes[owner].socket.as_ref();
        if have_all_read && socket.is_none_or(|socket| socket.to_connection.is_empty()) {
            let link = self.nodes[owner].link;
            self.store.oracles.iter_mut().for_each(|oracle| oracle.heard(link));
        }
        let node = &mut self.nodes[place];
        node.settled_since = node.settled_since.or(Some(now)).filter(|_| is_settled);
        node.busy_since = node.busy_since.or(Some(now)).filter(|_| !is_settled);
        if is_settled {
            for (moment, oracle) in node.up_to_date.iter_mut().zip(&self.store.oracles) {
                *moment = oracle.moment();
            }
            self.assert_nobody_is_forgotten(place);
        }
    }

    /// Who waits in the turn that begins now, though the store is away and has been for too long.
    pub(super) fn waiting_in_vain(&self, place: usize) -> Vec<(Token, Request)> {
        if !self.nodes[place].is_away(self.now) {
            return Vec::new();
        }
        let clients = self.clients.iter().filter(|client| client.node == place);
        let waiting = clients.filter_map(|client| Some((client.token, *client.waits()?.0)));
        waiting.filter(|(_, request)| request.needs_store()).collect()
    }

    /// The turn is over, and each of them has its answer, or has left.
    pub(super) fn assert_failed_fast(&mut self, place: usize, waiting: &[(Token, Request)]) {
        for (token, request) in waiting {
            let mut clients = self.clients.iter();
            let is_owed = clients.any(|client| {
                (client.node, client.token) == (place, *token) && client.owes(request)
            });
            let since = self.nodes[place].lost_at;
            assert!(!is_owed, "waits for a store that is away since {since:?}: {request:?}");
        }
        self.totals.failed_fast += waiting.len() as u64;
    }

    /// While the store has nothing more to say, nobody waits, but for a short pause, or for the
    /// pause of a counter that was refused.
    fn assert_nobody_is_forgotten(&self, place: usize) {
        let node = &self.nodes[place];
        let is_over = |since: Instant, pause| since + pause < self.now;
        if !node.settled_since.is_some_and(|since| is_over(since, PAUSE_MAX)) {
            return;
        }
        for client in self.clients.iter().filter(|client| client.node == place) {
            let Some((request, since)) = client.waits() else {
                continue;
            };
            let refused_at = node.refused_at[request.counter];
            let is_refused = refused_at.is_some_and(|at| !is_over(at, REFUSED_PAUSE));
            let is_due = request.is_of_counter() && is_over(since, PAUSE_MAX) && !is_refused;
            assert!(!is_due, "waits though its counter is well: {request:?} since {since:?}");
        }
    }

    /// Somebody was answered: what is said of a counter is of that one.
    pub(super) fn judge(&self, place: usize, answer: &Answer, request: &Request) {
        let oracle = &self.store.oracles[request.counter];
        match answer {
            Answer::GoAway(limit) => oracle.told_limit(*limit, true, request.known.up_to_date),
            Answer::Status(limit) => oracle.told_limit(*limit, false, request.known.up_to_date),
            Answer::Unavailable if request.is_of_counter() => {
                let is_late = request.arrived.is_none_or(|at| at + STORE_TIMEOUT <= self.now);
                let is_excused = is_late || oracle.has_losses();
                let has_reason = is_excused || self.nodes[place].has_reason(request, self.now);
                assert!(has_reason, "refused though its counter is well: {request:?}");
            }
            Answer::Number(_) | Answer::Replayed(_) | Answer::Unavailable | Answer::Other => {}
        }
    }
}

impl Node {
    /// Whether there is no connection, or none whose handshake is done, for so long that nobody is
    /// to wait for it.
    fn is_away(&self, now: Instant) -> bool {
        self.lost_at.is_some_and(|at| at + STORE_TIMEOUT <= now)
    }

    /// Whether this request may be refused before its time is up: something of its counter was
    /// refused a moment ago, or all writes were and it asks for that, or the store has been away
    /// for too long.
    fn has_reason(&self, request: &Request, now: Instant) -> bool {
        let of_writes = || self.was_refused(WRITES, WRITE_CHECK_INTERVAL, request);
        let is_of_writes = request.kind == Kind::ReadyOfOne && of_writes();
        let is_of_counter = self.was_refused(request.counter, REFUSED_PAUSE, request);
        is_of_writes || is_of_counter || self.is_away(now)
    }

    /// Whether the refusal of this, a place of [`Refused`], may still be told to the request: it is
    /// for so long.
    ///
    /// [`Refused`]: crate::simulation::store::Refused
    fn was_refused(&self, what: usize, how_long: Duration, request: &Request) -> bool {
        let is_since = |at: Instant| request.arrived.is_some_and(|arrived| arrived <= at);
        let is_now = self.socket.as_ref().is_some_and(|socket| socket.tracking.refused[what]);
        let is_known = self.refused_at[what].is_some_and(|at| is_since(at + how_long));
        is_now || self.is_refused[what] || is_known
    }

    /// The engine has read all that was said, refusals among it.
    fn note_refusals(&mut self, now: Instant) {
        let Some(socket) = self.socket.as_mut().filter(|it| it.to_connection.is_empty()) else {
            return;
        };
        let refused = std::mem::take(&mut socket.tracking.refused);
        self.note_refused(refused, now);
    }

    /// No counter, whatever is the matter with it, ends a connection: only a store that owes an
    /// answer for too long does.
    pub(super) fn assert_not_disconnected(&mut self, now: Instant) {
        if std::mem::take(&mut self.has_disconnected) {
            let fault = self.with_connection(now, |it| it.last_fault().clone());
            let is_over = self.busy_since.take().is_some_and(|since| since + STORE_TIMEOUT <= now);
            let is_late = fault.error == StoreError::Timeout && is_over;
            assert!(is_late, "disconnected by itself: {fault:?}");
        }
    }
}

impl Request {
    /// Whether its answer depends on its counter.
    fn is_of_counter(&self) -> bool {
        use Kind::{Head, LastTake, ReadyOfOne, Status, Take, TakeWithKey};
        matches!(self.kind, Take | TakeWithKey(_) | LastTake | Status | Head | ReadyOfOne)
    }

    /// Whether it is answered by the store.
    fn needs_store(&self) -> bool {
        self.is_of_counter() || self.kind == Kind::Ready
    }
}
