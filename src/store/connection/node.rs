//! A connection as one of several, to the nodes of a Cluster: the counters that it serves come and
//! go, with their requests in flight.
//!
//! A counter that leaves is `Elsewhere` at once; what the server still sends for it is dropped. Its
//! requests count as sent before: some may have run, and so they are sent again under their numbers
//! once the next connection has confirmed the counter.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::confirms::Confirms;
use super::counter_link::{CounterLink, Stage};
use super::heartbeat::Heartbeat;
use super::log_throttle::{LogThrottle, headline};
use super::node_state::{NodeState, Notice};
use super::state::{Command, State};
use super::tls_fault::Dialect;
use super::transport::Transport;
use super::{Connection, Fault};
use crate::config::Endpoint;
use crate::counter::CounterId;
use crate::limits::{HOPS_AT_ONCE_MAX, NODE_IDLE_TIMEOUT, REFUSED_PAUSE};
use crate::metrics::store_metrics::StoreMetrics;
use crate::store::counters::Counters;
use crate::store::error::StoreError;
use crate::store::request::{Redirect, StoreEvent};
use crate::store::wire::Wire;

impl Connection {
    /// A connection to another node, for the same reactor. It rests until a counter needs it.
    pub fn for_node(&self, endpoint: Endpoint, seed: u64, now: Instant) -> Option<Connection> {
        let wire = self.wire.for_node(endpoint)?;
        let (counters, metrics) = (Arc::clone(&self.counters), Arc::clone(&self.metrics));
        let resting = Connection::resting(wire, counters, metrics, self.timeout, seed, now);
        Some(Connection {
            transport: self.transport.for_node(),
            // Its socket may have been another connection's.
            commands: VecDeque::from([Command::Disconnect]),
            ..resting
        })
    }

    /// One that no counter needs yet.
    pub(super) fn resting(
        wire: Wire,
        counters: Arc<Counters>,
        metrics: Arc<StoreMetrics>,
        timeout: Duration,
        seed: u64,
        now: Instant,
    ) -> Connection {
        Connection {
            heartbeat: Heartbeat::new(wire.heartbeat()),
            transport: Transport::plain(Dialect::of(&wire)),
            wire,
            links: counters.ids().map(|_| CounterLink::elsewhere(now)).collect(),
            counters,
            state: State::Resting { until: now },
            commands: VecDeque::new(),
            confirms: Confirms::default(),
            deadlines: VecDeque::new(),
            events: VecDeque::new(),
            last_write: None,
            write_check: None,
            timeout,
            lost_at: None,
            backoff: Backoff::new(seed),
            last_fault: Fault { error: StoreError::Connecting, detail: String::new() },
            has_more_to_try: false,
            throttle: LogThrottle::default(),
            metrics,
            node: NodeState::default(),
        }
    }

    /// What its owner is to know next, and since when.
    pub fn take_notice(&mut self) -> Option<(Instant, Notice)> {
        self.node.notices.pop_front()
    }

    /// Since when there is something that its owner is to know.
    pub fn noticed_at(&self) -> Option<Instant> {
        self.node.notices.front().map(|(at, _)| *at)
    }

    /// Whether requests for the counters that it serves may be sent.
    pub fn is_serving(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Whether no counter needs it, and it is closed.
    pub fn is_resting(&self) -> bool {
        matches!(self.state, State::Resting { .. })
    }

    /// Whether its place may be another connection's: nobody is to hear of it any more.
    pub fn is_over(&self) -> bool {
        self.is_resting() && self.noticed_at().is_none() && !self.has_events()
    }

    /// Whether it serves this counter, or is to.
    pub fn has(&self, counter: CounterId) -> bool {
        self.links[counter.index()].is_here()
    }

    /// Since when nobody serves this counter; `None` while somebody does, or before anybody did.
    pub fn unserved_since(&self, counter: CounterId) -> Option<Instant> {
        self.links[counter.index()].unserved_since
    }

    /// Gives away a counter, with its requests in flight, to another connection of its reactor.
    /// What is still to come for it here is dropped.
    pub fn release(&mut self, counter: CounterId, now: Instant) -> CounterLink {
        self.let_go(counter, now);
        let link = &mut self.links[counter.index()];
        let mut link = std::mem::replace(link, CounterLink::elsewhere(now));
        if self.lost_at.is_some() {
            // The next node may have nothing else to say of it.
            link.last_error.get_or_insert(self.last_fault.error);
        }
        if self.first_here().is_none() {
            self.node.rest_at.get_or_insert(now + NODE_IDLE_TIMEOUT);
            if let State::Down { until } = self.state {
                self.state = State::Resting { until };
            }
        }
        link
    }

    /// Takes over a counter that another connection has released. It is confirmed here, and then
    /// what was in flight is sent again. After some hops in vain that waits for a pause.
    pub fn adopt(&mut self, counter: CounterId, mut link: CounterLink, now: Instant) {
        let is_paused = link.hops > HOPS_AT_ONCE_MAX;
        let retry_at = if is_paused { now + REFUSED_PAUSE } else { now };
        link.stage = Stage::Unconfirmed { retry_at };
        if self.lost_at.is_some() {
            link.last_error = Some(self.last_fault.error); // It says more than a MOVED to here.
        }
        self.links[counter.index()] = link;
        self.node.rest_at = None;
        match self.state {
            State::Resting { until } => self.state = State::Down { until: until.max(now) },
            State::Ready | State::Handshaking { .. } if is_paused => {
                self.retry_later(counter, retry_at);
            }
            State::Ready | State::Handshaking { .. } => self.queue_confirm(counter),
            State::Down { .. } | State::Connecting { .. } => {} // It is confirmed when connected.
        }
        if self.is_serving() {
            self.confirm_next(now);
        }
    }

    /// Whether the commands of the counter are preceded by ASKING.
    pub fn set_asking(&mut self, counter: CounterId, is_asking: bool) {
        self.wire.set_asking(counter, is_asking);
    }

    /// Takes over what is to be done once, from the connection to another node.
    pub fn take_task(&mut self, other: &mut Connection) {
        self.wire.take_task(&mut other.wire);
    }

    /// The server does not serve this counter: it goes to another node. That it is named is no
    /// failure, but where the nodes do not agree, or where it fails.
    pub(super) fn goes_elsewhere(
        &mut self,
        counter: CounterId,
        redirect: Redirect,
        fault: &Fault,
        now: Instant,
    ) {
        if self.write_check.is_some_and(|(checked, _)| checked == counter) {
            self.write_check = None; // It is tried again where the counter is.
        }
        if !self.has(counter) {
            return;
        }
        let earlier = self.links[counter.index()].last_error;
        self.let_go(counter, now);
        let link = &mut self.links[counter.index()];
        link.hops += 1;
        link.last_error = Some(fault.error);
        if redirect == Redirect::AnyOther {
            self.log_failure(counter, headline(fault.error), fault, now);
        } else if link.hops > HOPS_AT_ONCE_MAX {
            let fault = no_node(earlier, fault);
            self.log_failure(counter, headline(fault.error), &fault, now);
        }
        self.events.push_back(StoreEvent::MayHaveChanged(Some(counter)));
        self.notify(Notice::GoesElsewhere(counter, redirect), now);
    }

    /// A survey, which is with the first counter, goes on to another node. That is no error.
    pub(super) fn survey_goes_to(&mut self, node: Endpoint, now: Instant) {
        if self.has(CounterId::FIRST) {
            self.let_go(CounterId::FIRST, now);
            self.notify(Notice::GoesElsewhere(CounterId::FIRST, Redirect::To(node)), now);
        }
    }

    /// From now on nothing that comes here is for this counter.
    fn let_go(&mut self, counter: CounterId, now: Instant) {
        let link = &mut self.links[counter.index()];
        let (was_confirming, was_probing) = (link.stage == Stage::Confirming, link.is_probing);
        if !link.is_here() {
            return;
        }
        link.lost(now);
        link.stage = Stage::Elsewhere;
        self.wire.disown(counter);
        self.deadlines.retain(|(other, ..)| *other != counter);
        if was_probing {
            self.heartbeat.answered(now);
        }
        if was_confirming {
            self.confirms.answered(self.wire.handshake_timeout(), now);
            self.confirm_next(now);
        }
    }

    pub(super) fn notify(&mut self, notice: Notice, now: Instant) {
        if self.node.notices.back().is_none_or(|(_, last)| *last != notice) {
            self.node.notices.push_back((now, notice));
        }
    }

    /// There is no connection now, and none is tried before `until`.
    pub(super) fn down(&mut self, until: Instant, now: Instant) {
        self.state = match self.first_here() {
            Some(_) => State::Down { until },
            None => State::Resting { until },
        };
        self.notify(Notice::Lost, now);
    }

    /// No counter has needed the connection for a while: closes it.
    pub(super) fn rest(&mut self, now: Instant) {
        self.metrics.ready.set(self.metrics.ready.get() - 1);
        self.confirms.clear();
        self.deadlines.clear();
        self.heartbeat.reset();
        self.last_write = None;
        self.write_check = None;
        self.wire.connection_ended();
        self.transport.end();
        self.commands.push_back(Command::Disconnect);
        self.node = NodeState::default();
        self.state = State::Resting { until: now };
    }

    /// Of the counters that it serves, the first.
    pub(super) fn first_here(&self) -> Option<CounterId> {
        self.counters.ids().find(|counter| self.has(*counter))
    }

    /// Each counter that it serves may have changed.
    pub(super) fn any_may_have_changed(&mut self) {
        if self.links.iter().all(CounterLink::is_here) {
            return self.events.push_back(StoreEvent::MayHaveChanged(None));
        }
        for counter in self.counters.ids().filter(|counter| self.links[counter.index()].is_here()) {
            self.events.push_back(StoreEvent::MayHaveChanged(Some(counter)));
        }
    }
}

/// Why no node serves a counter that was sent on too often; `earlier`: why it came to the one that
/// has named another. The nodes name each other in a circle, or the one that they name fails.
fn no_node(earlier: Option<StoreError>, fault: &Fault) -> Fault {
    match earlier {
        Some(error) if error.is_of_connection() => {
            let detail = format!("{}: the node before failed, see its own line", fault.detail);
            Fault { error, detail }
        }
        _ => Fault { error: fault.error, detail: fault.detail.clone() },
    }
}
