//! The sockets behind a reactor's store connections: one for each, in the same place.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::{Registry, Token, Waker};

use crate::net::store_socket::StoreSocket;
use crate::store::connection::Connection;

/// The sockets of one reactor's store connections, or the one of the connection that all share.
#[derive(Debug)]
pub struct StoreSockets {
    sockets: Vec<StoreSocket>,
    registry: Arc<Registry>,
    waker: Arc<Waker>,
}

impl StoreSockets {
    /// None yet: they are made as there are connections. `waker` wakes the poll of `registry`.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new(registry: &Registry, waker: Arc<Waker>) -> io::Result<StoreSockets> {
        let registry = Arc::new(registry.try_clone()?);
        Ok(StoreSockets { sockets: Vec::new(), registry, waker })
    }

    /// Does what the connections command, and sends what they have to send.
    pub fn run_commands(&mut self, connections: &mut [Connection], now: Instant) {
        if self.sockets.len() < connections.len() {
            self.provide(connections.len());
        }
        for (socket, connection) in self.sockets.iter_mut().zip(connections) {
            socket.run_commands(connection, now);
        }
    }

    /// The socket of the connection that all reactors share, if this one has it.
    pub fn shared(&mut self) -> &mut StoreSocket {
        if self.sockets.is_empty() {
            self.provide(1);
        }
        &mut self.sockets[0]
    }

    /// An event came with a token for which [`is_token`] holds.
    pub fn ready(&mut self, event: &Event, connections: &mut [Connection], now: Instant) {
        let place = place(event.token());
        if let (Some(socket), Some(connection)) =
            (self.sockets.get_mut(place), connections.get_mut(place))
        {
            socket.ready(event, connection, now);
        }
    }

    /// The waker woke the reactor: a name may be resolved.
    pub fn woken(&mut self, connections: &mut [Connection], now: Instant) {
        for (socket, connection) in self.sockets.iter_mut().zip(connections) {
            socket.woken(connection, now);
        }
    }

    /// Whether a store has sent more than a wake's share, of which the kernel will not tell again.
    pub fn is_unread(&self) -> bool {
        self.sockets.iter().any(StoreSocket::is_unread)
    }

    /// Reads on where a wake's share was not all.
    pub fn read_unread(&mut self, connections: &mut [Connection], now: Instant) {
        for (socket, connection) in self.sockets.iter_mut().zip(connections) {
            socket.read_unread(connection, now);
        }
    }

    /// Makes those that are missing of so many.
    #[cold]
    fn provide(&mut self, count: usize) {
        while self.sockets.len() < count {
            let token = token(self.sockets.len());
            let (registry, waker) = (Arc::clone(&self.registry), Arc::clone(&self.waker));
            self.sockets.push(StoreSocket::new(token, registry, waker));
        }
    }
}

/// Whether it is the token of a store's socket. No client's token has such a slot.
pub fn is_token(token: Token) -> bool {
    token.0 as u32 == SLOT
}

/// The place is where a client's token has its generation.
fn token(place: usize) -> Token {
    Token(place << 32 | SLOT as usize)
}

fn place(token: Token) -> usize {
    token.0 >> 32
}

const SLOT: u32 = u32::MAX - 1;
