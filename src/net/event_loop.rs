//! One core's loop: the only place that waits for sockets, and where `now` comes from.
//!
//! A wake, in this order: take every event of the kernel, let the engine think once
//! ([`Engine::finish_turn`]), send the store its batch, send each touched client its answers in one
//! write, and wait again. The store comes first, to work meanwhile; with Redis on the same cores
//! either order made the same (0.95 to 1.12 times in three runs). Readiness is edge-triggered: a
//! socket that was not read or written until it blocked is remembered here, since the kernel will
//! not tell again.

mod accepting;
mod store;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use log::warn;
use mio::event::Event;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Waker};

use crate::engine::Engine;
use crate::engine::shared::Shared;
use crate::http::Date;
use crate::limits::{
    DRAIN_SWEEP_INTERVAL, DRAIN_TIMEOUT, EVENTS_MAX, LIVE_TURN_INTERVAL, SWEEP_INTERVAL,
};
use crate::net::acceptor::Acceptor;
use crate::net::admin_listener::AdminListener;
use crate::net::change_queue::ChangeQueue;
use crate::net::client_sockets::ClientSockets;
use crate::net::store_sockets::{self, StoreSockets};
use crate::token::Token;

// No client's token has such a slot, nor a store socket's.
const LISTENER: mio::Token = mio::Token(u32::MAX as usize);
const WAKER: mio::Token = mio::Token(u32::MAX as usize - 2);
const ADMIN: mio::Token = mio::Token(u32::MAX as usize - 3);

/// One thread's loop over its own listener, its clients and, if it has some, the store's sockets.
#[derive(Debug)]
pub struct EventLoop {
    poll: Poll,
    waker: Arc<Waker>,
    /// The wakers of all reactors, by their places; empty if there is only this one.
    wakers: Arc<[Arc<Waker>]>,
    engine: Engine,
    shared: Arc<Shared>,
    clients_max: usize,
    acceptor: Acceptor,
    admin: Option<AdminListener>,
    client_sockets: ClientSockets,
    store_sockets: StoreSockets,
    now: Instant,
    /// When the second of the clients' `Date` is over.
    date_until: Instant,
    sweep_at: Instant,
    drain_delay: Duration,
    /// When accepting ends; `None`: nobody has told the process to stop.
    drain_at: Option<Instant>,
    /// When the loop ends whoever is left; `None`: accepting has not ended.
    drain_until: Option<Instant>,
}

impl EventLoop {
    /// A reactor that has not begun.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new(
        mut listener: TcpListener,
        engine: Engine,
        shared: Arc<Shared>,
        clients_max: usize,
        drain_delay: Duration,
    ) -> io::Result<EventLoop> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let store_sockets = StoreSockets::new(poll.registry(), Arc::clone(&waker))?;
        let now = Instant::now();
        Ok(EventLoop {
            poll,
            waker,
            wakers: Arc::new([]),
            engine,
            client_sockets: ClientSockets::new(Arc::clone(&shared)),
            shared,
            clients_max,
            acceptor: Acceptor::new(listener, now),
            admin: None,
            store_sockets,
            now,
            date_until: now,
            sweep_at: now,
            drain_delay,
            drain_at: None,
            drain_until: None,
        })
    }

    /// This reactor serves the admin listener too. `log_lines_dropped` says how many there were.
    ///
    /// # Errors
    /// The process is out of something.
    pub fn serve_admin(
        &mut self,
        mut listener: TcpListener,
        changes: Arc<ChangeQueue>,
        log_lines_dropped: fn() -> u64,
    ) -> io::Result<()> {
        self.poll.registry().register(&mut listener, ADMIN, Interest::READABLE)?;
        self.admin = Some(AdminListener::new(listener, changes, log_lines_dropped, self.now));
        Ok(())
    }

    /// What wakes the reactor to look at [`Shared::draining`], and at changes that are done.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// These are the wakers of all reactors: those who share a store connection wake each other.
    pub fn meet(&mut self, wakers: Arc<[Arc<Waker>]>) {
        self.wakers = wakers;
    }

    /// Serves until the process is stopping, every client has its answers, and the store has
    /// replied to what it was asked.
    ///
    /// # Errors
    /// The kernel refuses to wait: nothing can be served any more.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.now = Instant::now();
        while !self.is_drained() {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            self.wake();
            self.client_sockets.read_unread(&mut self.engine);
            self.read_store();
            for event in &events {
                self.dispatch(event);
            }
            if self.acceptor.is_due(self.now) {
                self.accept();
            }
            if self.admin.is_some() {
                self.run_admin();
            }
            self.engine.finish_turn();
            self.run_store_commands();
            self.wake_others()?;
            self.client_sockets.flush_touched(&mut self.engine);
        }
        self.engine.log_unfinished();
        self.wake_others()
    }

    fn wake(&mut self) {
        self.now = Instant::now();
        self.engine.answers_written(self.now);
        self.engine.clients.turn_mut().now = self.now;
        if self.now >= self.date_until {
            self.tell_time();
        }
        if self.drain_until.is_none() && self.shared.draining.load(Ordering::Relaxed) {
            self.stop();
        }
        if self.now >= self.sweep_at {
            self.sweep();
        }
    }

    /// Reads the clock on the wall, once a second: each time would cost a request 100 instructions.
    /// After that clock was set, the date is wrong for a second at most.
    #[cold]
    fn tell_time(&mut self) {
        let wall = SystemTime::now();
        let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let of_second = Duration::from_nanos(since_epoch.subsec_nanos().into());
        self.date_until = self.now + Duration::from_secs(1).saturating_sub(of_second);
        let turn = self.engine.clients.turn_mut();
        turn.date = Date::at(wall);
        turn.counters.set_time(since_epoch.as_secs());
    }

    #[cold]
    fn sweep(&mut self) {
        self.engine.note_turn();
        self.engine.sweep();
        let is_draining = self.drain_until.is_some();
        self.sweep_at = self.now + if is_draining { DRAIN_SWEEP_INTERVAL } else { SWEEP_INTERVAL };
    }

    /// How long to wait for events. It reads the clock right after the answers were written; where
    /// it need not, [`EventLoop::wake`] does.
    fn timeout(&mut self) -> Option<Duration> {
        if self.client_sockets.is_unread() || self.store_sockets.is_unread() {
            return Some(Duration::ZERO);
        }
        let turn_at = match self.engine.clients.is_empty() {
            true => self.now + LIVE_TURN_INTERVAL,
            false => self.sweep_at,
        };
        let admin_at = self.admin.as_mut().and_then(|admin| admin.acceptor().deadline());
        let (accept_at, stop_at) = (self.acceptor.deadline(), self.drain_until.or(self.drain_at));
        let others = [self.engine.deadline(self.now), accept_at, admin_at, stop_at];
        let next = others.iter().fold(turn_at, |next, at| at.map_or(next, |at| next.min(at)));
        let now = Instant::now();
        self.engine.answers_written(now);
        Some(next.saturating_duration_since(now))
    }

    fn dispatch(&mut self, event: &Event) {
        match event.token() {
            LISTENER => self.acceptor.ready(self.now),
            ADMIN => {
                if let Some(admin) = &mut self.admin {
                    admin.acceptor().ready(self.now);
                }
            }
            WAKER => self.woken(),
            token if store_sockets::is_token(token) => {
                self.store_ready(event);
            }
            word => {
                let is_at_end = event.is_read_closed() || event.is_error();
                let token = Token::from_word(word.0);
                if event.is_readable() || is_at_end {
                    self.client_sockets.read(token, is_at_end, &mut self.engine);
                } else {
                    self.engine.clients.touch(token); // Writable: it is flushed below.
                }
            }
        }
    }

    // --- stopping -------------------------------------------------------------------------------

    /// The process is told to stop: it says so in its answers, and after the delay it lets nobody
    /// new in, and ends when all who are here have their answers.
    #[cold]
    fn stop(&mut self) {
        let drain_at = *self.drain_at.get_or_insert(self.now + self.drain_delay);
        self.engine.announce_end();
        if drain_at <= self.now {
            self.drain_until = Some(self.now + DRAIN_TIMEOUT);
            self.acceptor.end(self.now);
            if let Some(admin) = &mut self.admin {
                admin.acceptor().end(self.now);
            }
            self.engine.drain();
            self.sweep_at = self.now;
        }
    }

    fn is_drained(&self) -> bool {
        let clients = self.engine.clients.len();
        let is_late = self.drain_until.is_some_and(|until| self.now >= until);
        if is_late && clients > 0 {
            warn!(clients; "stopping with connections still open");
        }
        let is_done = self.acceptor.is_closed() && self.engine.is_idle();
        self.drain_until.is_some() && (is_late || is_done)
    }
}
