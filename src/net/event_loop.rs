//! One core's loop: the only place that waits for sockets, and where `now` comes from.
//!
//! A wake, in this order: take every event of the kernel, let the engine think once
//! ([`Engine::finish_turn`]), send the store its batch, send each touched client its answers in one
//! write, and wait again. The store comes first, to work meanwhile; with Redis on the same cores
//! either order made the same (0.95 to 1.12 times in three runs). SendState is edge-triggered: a
//! socket that was not read or written until it blocked is remembered here, since the kernel will
//! not tell again.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use log::{debug, warn};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Waker};

use crate::api::body;
use crate::config::Endpoint;
use crate::engine::Engine;
use crate::engine::client::CloseReason;
use crate::engine::shared::Shared;
use crate::http::Date;
use crate::limits::{ACCEPTS_MAX, DRAIN_TIMEOUT, EVENTS_MAX, LISTEN_BACKLOG, SWEEP_INTERVAL};
use crate::net::acceptor::Acceptor;
use crate::net::client_sockets::ClientSockets;
use crate::net::socket;
use crate::net::store_socket::StoreSocket;
use crate::store::Store;
use crate::token::Token;

// No client's token has such a slot.
const LISTENER: mio::Token = mio::Token(u32::MAX as usize);
const STORE: mio::Token = mio::Token(u32::MAX as usize - 1);
const WAKER: mio::Token = mio::Token(u32::MAX as usize - 2);

/// One thread's loop over its own listener, clients and store connection.
#[derive(Debug)]
pub struct EventLoop {
    poll: Poll,
    waker: Arc<Waker>,
    engine: Engine,
    shared: Arc<Shared>,
    clients_max: usize,
    acceptor: Acceptor,
    client_sockets: ClientSockets,
    store_socket: Option<StoreSocket>,
    now: Instant,
    /// The second of the clients' `Date`, since the epoch.
    date_s: u64,
    sweep_at: Instant,
    drain_until: Option<Instant>,
}

impl EventLoop {
    /// A reactor that has not begun. `endpoint` is where the engine's store is, if it is not in
    /// the process.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new(
        mut listener: TcpListener,
        engine: Engine,
        endpoint: Option<Endpoint>,
        shared: Arc<Shared>,
        clients_max: usize,
    ) -> io::Result<EventLoop> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let registry = poll.registry().try_clone()?;
        let store_socket =
            endpoint.map(|it| StoreSocket::new(it, STORE, registry, Arc::clone(&waker)));
        let now = Instant::now();
        Ok(EventLoop {
            poll,
            waker,
            engine,
            client_sockets: ClientSockets::new(Arc::clone(&shared)),
            shared,
            clients_max,
            acceptor: Acceptor::new(listener, now),
            store_socket,
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
            self.client_sockets.read_unread(&mut self.engine);
            self.read_store();
            for event in &events {
                self.dispatch(event);
            }
            self.accept_if_due();
            self.engine.finish_turn();
            self.run_store_commands();
            self.client_sockets.flush_touched(&mut self.engine);
        }
        self.engine.log_unfinished();
        Ok(())
    }

    fn wake(&mut self) {
        self.now = Instant::now();
        let wall = SystemTime::now();
        let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let turn = self.engine.clients.turn();
        turn.now = self.now;
        if since_epoch.as_secs() != self.date_s {
            self.date_s = since_epoch.as_secs();
            turn.date = Date::at(wall);
        }
        if self.now >= self.sweep_at {
            self.engine.sweep();
            self.sweep_at = self.now + SWEEP_INTERVAL;
        }
        if self.drain_until.is_none() && self.shared.draining.load(Ordering::Relaxed) {
            self.drain();
        }
    }

    fn timeout(&mut self) -> Option<Duration> {
        let is_store_unread = self.store_socket.as_ref().is_some_and(StoreSocket::is_unread);
        if self.client_sockets.is_unread() || is_store_unread {
            return Some(Duration::ZERO);
        }
        let sweep_at = (!self.engine.clients.is_empty()).then_some(self.sweep_at);
        let next =
            [self.engine.deadline(self.now), sweep_at, self.acceptor.deadline(), self.drain_until];
        let next = next.into_iter().flatten().min();
        next.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn dispatch(&mut self, event: &Event) {
        match (event.token(), &mut self.store_socket, &mut self.engine.store) {
            (LISTENER, ..) => self.acceptor.ready(self.now),
            (STORE, Some(store_socket), Store::Connection(connection)) => {
                store_socket.ready(event, connection, self.now)
            }
            (WAKER, Some(store_socket), Store::Connection(connection)) => {
                store_socket.woken(connection, self.now)
            }
            (STORE | WAKER, ..) => {}
            (word, ..) => {
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

    fn read_store(&mut self) {
        if let (Some(store_socket), Store::Connection(connection)) =
            (&mut self.store_socket, &mut self.engine.store)
        {
            store_socket.read_unread(connection, self.now);
        }
    }

    fn run_store_commands(&mut self) {
        if let (Some(store_socket), Store::Connection(connection)) =
            (&mut self.store_socket, &mut self.engine.store)
        {
            store_socket.run_commands(connection, self.now);
        }
    }

    // --- accepting ------------------------------------------------------------------------------

    fn accept_if_due(&mut self) {
        for _ in 0..ACCEPTS_MAX {
            if !self.acceptor.is_due(self.now) {
                return;
            }
            if let Some(stream) = self.acceptor.accept(self.engine.clients.len(), self.now) {
                self.admit(stream);
            }
        }
    }

    fn admit(&mut self, mut stream: TcpStream) {
        if self.shared.clients.fetch_add(1, Ordering::Relaxed) >= self.clients_max {
            self.shared.clients.fetch_sub(1, Ordering::Relaxed);
            return self.turn_away(stream);
        }
        let token = self.engine.clients.insert();
        let (word, interests) = (mio::Token(token.word()), Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = self.poll.registry().register(&mut stream, word, interests) {
            self.engine.disconnect(token, CloseReason::Reset);
            self.shared.clients.fetch_sub(1, Ordering::Relaxed);
            return self.acceptor.pause(&error, self.engine.clients.len(), self.now);
        }
        self.client_sockets.insert(token, stream);
    }

    /// Past `--max-clients`: an answer on a best effort, and no more spent on it. What the client
    /// sent so far is read first, or closing would reset the answer away.
    fn turn_away(&mut self, mut stream: TcpStream) {
        let (mut received, mut farewell) = ([0; 1_024], Vec::new());
        let _ = socket::fill(&mut stream, &mut received);
        let date = &self.engine.clients.turn().date;
        body::to_turned_away(&received).write(date, &mut farewell);
        let _ = socket::flush(&mut stream, &farewell);
        let _ = stream.shutdown(Shutdown::Write);
        debug!("too many clients: one turned away");
    }

    // --- stopping -------------------------------------------------------------------------------

    /// Takes in what has arrived, and from then on nobody new; whoever has asked is answered.
    fn drain(&mut self) {
        self.drain_until = Some(self.now + DRAIN_TIMEOUT);
        self.acceptor.accept_now(self.now);
        for _ in 0..=LISTEN_BACKLOG as usize / ACCEPTS_MAX {
            self.accept_if_due();
        }
        self.acceptor.close();
        self.client_sockets.read_all(&mut self.engine);
        self.engine.drain();
    }

    fn is_drained(&self) -> bool {
        let clients = self.engine.clients.len();
        let is_late = self.drain_until.is_some_and(|until| self.now >= until);
        if is_late && clients > 0 {
            warn!(clients; "stopping with connections still open");
        }
        self.drain_until.is_some() && (is_late || self.engine.is_idle())
    }
}
