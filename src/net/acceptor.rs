//! Accepting clients: until the listener blocks, or for a while not at all.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use log::warn;
use mio::net::{TcpListener, TcpStream};

use crate::limits::{ACCEPT_PAUSE, DRAIN_CONNECT_TIMEOUT, LOG_THROTTLE_INTERVAL};
use crate::net::socket;

/// The listener of one reactor.
#[derive(Debug)]
pub struct Acceptor {
    /// `None` once the process is stopping and nobody is left to accept.
    listener: Option<TcpListener>,
    /// When it closes, with nobody left to accept; `None`: the process is not stopping.
    close_at: Option<Instant>,
    /// When to go on accepting: now, or after a pause; `None`: the kernel will tell.
    accept_at: Option<Instant>,
    /// Before this, a pause is not logged again.
    log_again_at: Instant,
}

impl Acceptor {
    /// Accepts from `listener`, once the kernel tells of somebody.
    pub fn new(listener: TcpListener, now: Instant) -> Acceptor {
        Acceptor { listener: Some(listener), close_at: None, accept_at: None, log_again_at: now }
    }

    /// The kernel tells of clients. A pause goes on all the same.
    pub fn ready(&mut self, now: Instant) {
        self.accept_at = self.accept_at.or(Some(now));
    }

    /// Whether there may be clients to accept now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.accept_at.is_some_and(|at| at <= now)
    }

    /// When there may be clients to accept though the kernel does not tell.
    pub fn deadline(&self) -> Option<Instant> {
        self.accept_at
    }

    /// The next client; `None` if there is none now, or the process is out of something. `open`:
    /// the clients of this reactor, for the log.
    pub fn accept(&mut self, open: usize, now: Instant) -> Option<(TcpStream, SocketAddr)> {
        loop {
            let accepted = self.listener.as_ref().map(TcpListener::accept);
            let Some(accepted) = accepted else {
                self.accept_at = None;
                return None;
            };
            match accepted {
                Ok(accepted) => return Some(accepted),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked(now),
                // One of the pending connections is gone already; the others are not.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => self.pause(&error, open, now),
            }
            return None;
        }
    }

    /// Out of descriptors or memory: new connections wait in the kernel's queue. It lasts as long
    /// as the clients stay, and is not logged at each pause.
    pub fn pause(&mut self, error: &io::Error, clients: usize, now: Instant) {
        if now >= self.log_again_at {
            let error = error.to_string();
            let hint = "raise the limit of open files (ulimit -n)";
            warn!(error, clients, hint; "accept paused: out of file descriptors or memory");
            self.log_again_at = now + LOG_THROTTLE_INTERVAL;
        }
        self.accept_at = Some(now + ACCEPT_PAUSE);
    }

    /// Lets nobody new begin to connect. Whoever has begun is still accepted, and then the listener
    /// closes: the kernel would reset those who wait in its queue, with what they have sent.
    pub fn end(&mut self, now: Instant) {
        // Where there is no such filter, the queue is emptied once, and the listener closed.
        let is_filtered = self.listener.as_ref().is_some_and(|it| socket::drop_new(it).is_ok());
        let wait = if is_filtered { DRAIN_CONNECT_TIMEOUT } else { Duration::ZERO };
        self.close_at = Some(now + wait);
        self.accept_at = Some(now);
    }

    /// Whether the process is stopping and nobody is left to accept.
    pub fn is_closed(&self) -> bool {
        self.listener.is_none()
    }

    /// Nobody waits to be accepted.
    fn blocked(&mut self, now: Instant) {
        self.accept_at = self.close_at;
        if self.close_at.is_some_and(|at| at <= now) {
            (self.listener, self.accept_at) = (None, None);
        }
    }
}
