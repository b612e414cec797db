//! One core's loop: the only place that waits for sockets, and where `now` comes from.
//!
//! A wake, in this order: take every event of the kernel, let the service think once
//! ([`Service::turn`]), send the store its batch, send each touched client its answers in one
//! write, and wait again. The store comes first, to work meanwhile; with Redis on the same cores
//! either order made the same (0.95 to 1.12 times in three runs). Readiness is edge-triggered: a
//! socket that was not read or written until it blocked is remembered here, since the kernel will
//! not tell again.

mod connections;
mod uplink;

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use log::{debug, warn};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Waker};

use crate::answer;
use crate::client::CloseReason;
use crate::config::Endpoint;
use crate::http::Date;
use crate::limits::{
    ACCEPT_PAUSE, ACCEPTS_MAX, COMPLAINT_INTERVAL, DRAIN_TIMEOUT, EVENTS_MAX, LISTEN_BACKLOG,
    SWEEP_INTERVAL,
};
use crate::service::{Service, Shared};
use crate::socket;
use crate::store::Store;
use crate::token::Token;
use connections::Connections;
pub use uplink::Uplink;

// No client's token has such a slot.
const LISTENER: mio::Token = mio::Token(u32::MAX as usize);
const STORE: mio::Token = mio::Token(u32::MAX as usize - 1);
const WAKER: mio::Token = mio::Token(u32::MAX as usize - 2);

/// One thread's loop over its own listener, clients and store connection.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    waker: Arc<Waker>,
    service: Service,
    shared: Arc<Shared>,
    clients_max: usize,
    /// `None` once the process is stopping.
    listener: Option<TcpListener>,
    /// When to go on accepting: now, or after a rest; `None`: the kernel will tell.
    accept_at: Option<Instant>,
    /// Before this, a rest from accepting is not logged again.
    complain_at: Instant,
    connections: Connections,
    uplink: Option<Uplink>,
    now: Instant,
    /// The second of the clients' `Date`, since the epoch.
    date_s: u64,
    sweep_at: Instant,
    drain_until: Option<Instant>,
}

impl Reactor {
    /// A reactor that has not begun. `endpoint` is where the service's store is, if it is not in
    /// the process.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new(
        mut listener: TcpListener,
        service: Service,
        endpoint: Option<Endpoint>,
        shared: Arc<Shared>,
        clients_max: usize,
    ) -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let registry = poll.registry().try_clone()?;
        let uplink = endpoint.map(|it| Uplink::new(it, STORE, registry, Arc::clone(&waker)));
        let now = Instant::now();
        Ok(Reactor {
            poll,
            waker,
            service,
            connections: Connections::new(Arc::clone(&shared)),
            shared,
            clients_max,
            listener: Some(listener),
            accept_at: None,
            complain_at: now,
            uplink,
            now,
            date_s: 0,
            sweep_at: now,
            drain_until: None,
        })
    }

    /// What wakes the reactor to look at [`Shared::draining`].
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
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
            self.connections.read_unread(&mut self.service);
            self.read_store();
            for event in &events {
                self.dispatch(event);
            }
            self.accept_if_due();
            self.service.turn();
            self.obey_store();
            self.connections.flush_touched(&mut self.service);
        }
        self.service.log_unfinished();
        Ok(())
    }

    fn wake(&mut self) {
        self.now = Instant::now();
        let wall = SystemTime::now();
        let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let context = self.service.clients.context();
        context.now = self.now;
        if since_epoch.as_secs() != self.date_s {
            self.date_s = since_epoch.as_secs();
            context.date = Date::at(wall);
        }
        if self.now >= self.sweep_at {
            self.service.sweep();
            self.sweep_at = self.now + SWEEP_INTERVAL;
        }
        if self.drain_until.is_none() && self.shared.draining.load(Ordering::Relaxed) {
            self.drain();
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let is_store_unread = self.uplink.as_ref().is_some_and(Uplink::is_unread);
        let is_pending = self.service.is_pending(self.now);
        if self.connections.is_unread() || is_store_unread || is_pending {
            return Some(Duration::ZERO);
        }
        let sweep_at = (!self.service.clients.is_empty()).then_some(self.sweep_at);
        let next = [self.service.deadline(), sweep_at, self.accept_at, self.drain_until];
        let next = next.into_iter().flatten().min();
        next.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn dispatch(&mut self, event: &Event) {
        match (event.token(), &mut self.uplink, &mut self.service.store) {
            (LISTENER, ..) => self.accept_at = self.accept_at.or(Some(self.now)),
            (STORE, Some(uplink), Store::Link(link)) => uplink.ready(event, link, self.now),
            (WAKER, Some(uplink), Store::Link(link)) => uplink.woken(link, self.now),
            (STORE | WAKER, ..) => {}
            (word, ..) => {
                let is_at_end = event.is_read_closed() || event.is_error();
                let token = Token::from_word(word.0);
                if event.is_readable() || is_at_end {
                    self.connections.read(token, is_at_end, &mut self.service);
                } else {
                    self.service.clients.touch(token); // Writable: it is flushed below.
                }
            }
        }
    }

    fn read_store(&mut self) {
        if let (Some(uplink), Store::Link(link)) = (&mut self.uplink, &mut self.service.store) {
            uplink.read_unread(link, self.now);
        }
    }

    fn obey_store(&mut self) {
        if let (Some(uplink), Store::Link(link)) = (&mut self.uplink, &mut self.service.store) {
            uplink.obey(link, self.now);
        }
    }

    // --- accepting ------------------------------------------------------------------------------

    fn accept_if_due(&mut self) {
        if self.accept_at.is_none_or(|at| self.now < at) {
            return;
        }
        self.accept_at = Some(self.now);
        for _ in 0..ACCEPTS_MAX {
            let Some(listener) = &self.listener else {
                return self.accept_at = None;
            };
            match listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.accept_at = None;
                }
                // One of the pending connections is gone already; the others are not.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.rest_from_accepting(&error),
            }
        }
    }

    /// Out of descriptors or memory: those who knock wait in the kernel's queue. It lasts as long
    /// as the clients stay, and is not said at each rest.
    fn rest_from_accepting(&mut self, error: &io::Error) {
        if self.now >= self.complain_at {
            let (error, clients) = (error.to_string(), self.service.clients.len());
            warn!(error, clients; "accepting rests; raise the limit of open files (ulimit -n)");
            self.complain_at = self.now + COMPLAINT_INTERVAL;
        }
        self.accept_at = Some(self.now + ACCEPT_PAUSE);
    }

    fn admit(&mut self, mut stream: TcpStream) {
        if self.shared.clients.fetch_add(1, Ordering::Relaxed) >= self.clients_max {
            self.shared.clients.fetch_sub(1, Ordering::Relaxed);
            return self.turn_away(stream);
        }
        let token = self.service.clients.insert();
        let (word, interests) = (mio::Token(token.word()), Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = self.poll.registry().register(&mut stream, word, interests) {
            self.service.disconnect(token, CloseReason::Reset);
            self.shared.clients.fetch_sub(1, Ordering::Relaxed);
            return self.rest_from_accepting(&error);
        }
        self.connections.insert(token, stream);
    }

    /// Past `--max-clients`: an answer on a best effort, and no more spent on it. What the client
    /// sent so far is read first, or closing would reset the answer away.
    fn turn_away(&mut self, mut stream: TcpStream) {
        let (mut received, mut farewell) = ([0; 1_024], Vec::new());
        let _ = socket::fill(&mut stream, &mut received);
        let date = &self.service.clients.context().date;
        answer::to_turned_away(&received).write(date, &mut farewell);
        let _ = socket::flush(&mut stream, &farewell);
        let _ = stream.shutdown(Shutdown::Write);
        debug!("too many clients: one turned away");
    }

    // --- stopping -------------------------------------------------------------------------------

    /// Takes in what has arrived, and from then on nobody new; whoever has asked is answered.
    fn drain(&mut self) {
        self.drain_until = Some(self.now + DRAIN_TIMEOUT);
        self.accept_at = Some(self.now);
        for _ in 0..=LISTEN_BACKLOG as usize / ACCEPTS_MAX {
            self.accept_if_due();
        }
        self.listener = None;
        self.connections.read_all(&mut self.service);
        self.service.drain();
    }

    fn is_drained(&self) -> bool {
        let clients = self.service.clients.len();
        let is_late = self.drain_until.is_some_and(|until| self.now >= until);
        if is_late && clients > 0 {
            warn!(clients; "stopping with connections still open");
        }
        self.drain_until.is_some() && (is_late || self.service.is_idle())
    }
}
