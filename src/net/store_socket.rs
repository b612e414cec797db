//! The socket behind a store connection: carries out its commands and carries its bytes.
//!
//! All addresses of a name are tried before connecting has failed.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token, Waker};

use crate::config::Endpoint;
use crate::limits::{READ_BYTES_MAX, STORE_READS_MAX};
use crate::net::resolver::{Resolved, Resolver};
use crate::net::socket::{self, Filled, Stream};
use crate::store::connection::{Command, Connection};
use crate::store::error::StoreError;

/// The store's side of a reactor.
#[derive(Debug)]
pub struct StoreSocket {
    token: Token,
    registry: Registry,
    resolver: Resolver,
    /// The connection has commanded to connect, and the socket is not connected yet.
    is_wanted: bool,
    /// Addresses of the name that are not tried yet.
    candidates: VecDeque<SocketAddr>,
    stream: Option<Stream>,
    is_connected: bool,
    /// Names resolved so far: where in a name's addresses the next connecting begins, so that a
    /// silent first one does not shut out the others for ever.
    attempts: usize,
    /// The socket was not read until it was empty.
    is_readable: bool,
    /// The store has closed the connection, though there may be bytes left to read.
    has_ended: bool,
    inbound: Vec<u8>,
}

impl StoreSocket {
    /// No connection yet. Events of the socket will carry `token`; `waker` wakes the poll of
    /// `registry`.
    pub fn new(token: Token, registry: Registry, waker: Arc<Waker>) -> StoreSocket {
        StoreSocket {
            token,
            registry,
            resolver: Resolver::new(waker),
            is_wanted: false,
            candidates: VecDeque::new(),
            stream: None,
            is_connected: false,
            attempts: 0,
            is_readable: false,
            has_ended: false,
            inbound: vec![0; READ_BYTES_MAX],
        }
    }

    /// Does what the connection commands, and sends what it has to send.
    pub fn run_commands(&mut self, connection: &mut Connection, now: Instant) {
        while let Some(command) = connection.command() {
            match command {
                Command::Connect(endpoint) => self.connect(endpoint, connection, now),
                Command::Disconnect => self.disconnect(),
            }
        }
        if self.is_connected {
            self.flush(connection, now);
        }
    }

    /// The waker woke the reactor: a name may be resolved.
    pub fn woken(&mut self, connection: &mut Connection, now: Instant) {
        let Some(resolved) = self.resolver.poll() else {
            return;
        };
        if self.is_wanted {
            self.resolved(resolved, connection, now);
        }
    }

    /// The socket is ready for something: ends a connecting, or reads what came.
    pub fn ready(&mut self, event: &Event, connection: &mut Connection, now: Instant) {
        if self.is_connected || self.finish_connecting(connection, now) {
            self.is_readable = true;
            self.has_ended = event.is_read_closed() || event.is_error();
            self.read_unread(connection, now);
        }
    }

    /// Whether the store has sent more than a wake's share, of which the kernel will not tell
    /// again.
    pub fn is_unread(&self) -> bool {
        self.is_readable
    }

    /// Reads on until the socket is empty, as one is after a read that does not fill the buffer,
    /// or a wake's share is read. The kernel tells of more, but not of an end that came with it.
    pub fn read_unread(&mut self, connection: &mut Connection, now: Instant) {
        for _ in 0..STORE_READS_MAX {
            let (true, Some(stream)) = (self.is_readable, &mut self.stream) else {
                return;
            };
            match socket::fill(stream, &mut self.inbound) {
                Ok(Filled::Blocked) => self.is_readable = false,
                Ok(Filled::Bytes(count)) => {
                    self.is_readable = self.has_ended || count == self.inbound.len();
                    connection.received(&self.inbound[..count], now);
                }
                Ok(Filled::End) => {
                    connection.lost(StoreError::Unreachable, "closed by the store", now)
                }
                Err(error) => connection.lost(StoreError::Unreachable, &error.to_string(), now),
            }
            self.run_commands(connection, now);
        }
    }

    fn connect(&mut self, endpoint: Endpoint, connection: &mut Connection, now: Instant) {
        self.is_wanted = true;
        let (host, port) = match endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).map(Stream::Unix);
                return self.connecting(stream, connection, now);
            }
            Endpoint::Tcp { host, port } => (host, port),
        };
        if let Ok(address) = host.parse() {
            let addresses = vec![SocketAddr::new(address, port)];
            return self.resolved(Ok(addresses), connection, now);
        }
        if let Err(error) = self.resolver.start(host, port) {
            connection.lost(StoreError::Unresolved, &error.to_string(), now);
        }
    }

    fn resolved(&mut self, resolved: Resolved, connection: &mut Connection, now: Instant) {
        match resolved {
            Ok(addresses) => {
                let first = self.attempts % addresses.len().max(1);
                self.attempts += 1;
                self.candidates = addresses.into();
                self.candidates.rotate_left(first);
                let error = io::Error::other("the name has no address");
                self.try_next(error, connection, now);
            }
            Err(error) => connection.lost(StoreError::Unresolved, &error.to_string(), now),
        }
    }

    /// The last try ended with `error`: tries the next address, if there is one.
    fn try_next(&mut self, error: io::Error, connection: &mut Connection, now: Instant) {
        match self.candidates.pop_front() {
            Some(address) => {
                let stream = TcpStream::connect(address).map(Stream::Tcp);
                self.connecting(stream, connection, now);
            }
            None => connection.lost(StoreError::Unreachable, &error.to_string(), now),
        }
    }

    fn connecting(
        &mut self,
        stream: io::Result<Stream>,
        connection: &mut Connection,
        now: Instant,
    ) {
        let registered = stream.and_then(|mut stream| {
            let interests = Interest::READABLE | Interest::WRITABLE;
            self.registry.register(stream.source(), self.token, interests)?;
            Ok(stream)
        });
        match registered {
            Ok(stream) => self.stream = Some(stream),
            Err(error) => self.try_next(error, connection, now),
        }
    }

    fn finish_connecting(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let Some(stream) = &self.stream else {
            return false;
        };
        match stream.is_connected() {
            Ok(false) => {}
            Ok(true) => {
                (self.is_connected, self.is_wanted) = (true, false);
                stream.set_nodelay();
                connection.connected(now);
                self.run_commands(connection, now);
            }
            Err(error) => {
                self.stream = None;
                self.try_next(error, connection, now);
                self.run_commands(connection, now);
            }
        }
        self.is_connected
    }

    fn disconnect(&mut self) {
        self.stream = None;
        (self.is_connected, self.is_wanted) = (false, false);
        (self.is_readable, self.has_ended) = (false, false);
        self.candidates.clear();
    }

    fn flush(&mut self, connection: &mut Connection, now: Instant) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        while !connection.send_buffer().unsent().is_empty() {
            match socket::flush(stream, connection.send_buffer().unsent()) {
                Ok(0) => return,
                Ok(count) => connection.send_buffer().advance(count),
                Err(error) => {
                    connection.lost(StoreError::Unreachable, &error.to_string(), now);
                    return self.run_commands(connection, now);
                }
            }
        }
    }
}
