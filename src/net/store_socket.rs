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
use crate::send_buffer::SendBuffer;
use crate::store::connection::{Command, Connection};
use crate::store::error::StoreError;

/// The socket of one store connection, used again for the next one.
#[derive(Debug)]
pub struct StoreSocket {
    token: Token,
    registry: Arc<Registry>,
    resolver: Resolver,
    /// Addresses of the name that are not tried yet.
    candidates: VecDeque<SocketAddr>,
    stream: Option<Stream>,
    is_connected: bool,
    /// The socket was not read until it was empty.
    is_readable: bool,
    /// The store has closed the connection, though there may be bytes left to read.
    has_ended: bool,
    inbound: Vec<u8>,
    /// What is taken from a shared connection, to be written without its lock.
    outbound: SendBuffer,
}

impl StoreSocket {
    /// No connection yet. Events of the socket will carry `token`; `waker` wakes the poll of
    /// `registry`.
    pub fn new(token: Token, registry: Arc<Registry>, waker: Arc<Waker>) -> StoreSocket {
        StoreSocket {
            token,
            registry,
            resolver: Resolver::new(waker),
            candidates: VecDeque::new(),
            stream: None,
            is_connected: false,
            is_readable: false,
            has_ended: false,
            inbound: vec![0; READ_BYTES_MAX],
            outbound: SendBuffer::default(),
        }
    }

    /// Does what the connection commands, and sends what it has to send.
    pub fn run_commands(&mut self, connection: &mut Connection, now: Instant) {
        self.carry_out(connection, now);
        if self.is_connected {
            self.flush(connection, now);
        }
    }

    fn carry_out(&mut self, connection: &mut Connection, now: Instant) {
        while let Some(command) = connection.command() {
            match command {
                Command::Connect(endpoint) => self.connect(endpoint, connection, now),
                Command::Disconnect => {
                    self.send_last_words(&connection.take_last_words());
                    self.disconnect();
                }
            }
        }
    }

    /// The waker woke the reactor: a name may be resolved.
    pub fn woken(&mut self, connection: &mut Connection, now: Instant) {
        if let Some(resolved) = self.resolver.poll() {
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
            let Some(filled) = self.read() else {
                return;
            };
            self.received(filled, connection, now);
            self.run_commands(connection, now);
        }
    }

    // --- a shared connection: its lock is not held while bytes are read or written ---------------

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// The socket, which is connected, is ready for something.
    pub fn note_ready(&mut self, event: &Event) {
        self.is_readable = true;
        self.has_ended = event.is_read_closed() || event.is_error();
    }

    /// Reads what there is, at most a buffer full; `None` if the socket is empty.
    pub fn read(&mut self) -> Option<io::Result<Filled>> {
        let stream = self.stream.as_mut().filter(|_| self.is_readable)?;
        let filled = socket::fill(stream, &mut self.inbound);
        self.is_readable = match filled {
            Ok(Filled::Blocked) => false,
            Ok(Filled::Bytes(count)) => self.has_ended || count == self.inbound.len(),
            Ok(Filled::End) | Err(_) => true, // Until the connection has it disconnected.
        };
        Some(filled)
    }

    /// The connection understands what was read.
    pub fn received(
        &mut self,
        filled: io::Result<Filled>,
        connection: &mut Connection,
        now: Instant,
    ) {
        match filled {
            Ok(Filled::Blocked) => {}
            Ok(Filled::Bytes(count)) => connection.received(&self.inbound[..count], now),
            Ok(Filled::End) => {
                connection.lost(StoreError::Unreachable, "closed by the store", now);
            }
            Err(error) => connection.lost(StoreError::Unreachable, &error.to_string(), now),
        }
    }

    /// Does what the connection commands, and takes what it has to send.
    pub fn take_unsent(&mut self, connection: &mut Connection, now: Instant) {
        self.carry_out(connection, now);
        let unsent = connection.seal_and_buffer();
        if self.is_connected && !unsent.unsent().is_empty() {
            self.outbound.writer().extend_from_slice(unsent.unsent());
            unsent.clear();
        }
    }

    /// Sends what was taken.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn send_taken(&mut self) -> io::Result<()> {
        let Some(stream) = self.stream.as_mut().filter(|_| self.is_connected) else {
            return Ok(());
        };
        while !self.outbound.unsent().is_empty() {
            match socket::flush(stream, self.outbound.unsent())? {
                0 => return Ok(()),
                count => self.outbound.advance(count),
            }
        }
        Ok(())
    }

    fn connect(&mut self, endpoint: Endpoint, connection: &mut Connection, now: Instant) {
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
                self.candidates = addresses.into();
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
                self.is_connected = true;
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

    /// Of the bytes that the socket does not take at once, nothing comes: it is closed.
    fn send_last_words(&mut self, bytes: &[u8]) {
        let stream = self.stream.as_mut().filter(|_| self.is_connected);
        if let Some(stream) = stream
            && !bytes.is_empty()
            && self.outbound.unsent().is_empty()
        {
            let _ = socket::flush(stream, bytes);
        }
    }

    fn disconnect(&mut self) {
        self.stream = None;
        (self.is_connected, self.is_readable, self.has_ended) = (false, false, false);
        self.resolver.abandon();
        self.candidates.clear();
        self.outbound.clear();
    }

    fn flush(&mut self, connection: &mut Connection, now: Instant) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        while !connection.seal_and_buffer().unsent().is_empty() {
            match socket::flush(stream, connection.seal_and_buffer().unsent()) {
                Ok(0) => return,
                Ok(count) => connection.seal_and_buffer().advance(count),
                Err(error) => {
                    connection.lost(StoreError::Unreachable, &error.to_string(), now);
                    return self.run_commands(connection, now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
