//! The clients' sockets of one reactor: moves bytes between them and the engine.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mio::net::TcpStream;

use crate::api::route::Listener;
use crate::engine::Engine;
use crate::engine::client::CloseReason;
use crate::engine::shared::Shared;
use crate::limits::READ_BYTES_MAX;
use crate::net::socket::{self, Filled};
use crate::token::Token;

/// The sockets by the slots of their clients' tokens.
#[derive(Debug)]
pub struct ClientSockets {
    slots: Vec<Option<ClientSocket>>,
    shared: Arc<Shared>,
    /// Those of the admin listener.
    admin_clients: usize,
    /// Those whose sockets have more than one wake's share.
    unread: Vec<Token>,
    /// Kept from wake to wake for its memory alone, as is `inbound`.
    touched: Vec<Token>,
    inbound: Vec<u8>,
}

#[derive(Debug)]
struct ClientSocket {
    stream: TcpStream,
    /// The socket was not read until it blocked.
    is_readable: bool,
}

impl ClientSockets {
    /// None yet. Each one that closes is counted off in `shared`.
    pub fn new(shared: Arc<Shared>) -> ClientSockets {
        ClientSockets {
            slots: Vec::new(),
            shared,
            admin_clients: 0,
            unread: Vec::new(),
            touched: Vec::new(),
            inbound: vec![0; READ_BYTES_MAX],
        }
    }

    /// How many there are of the admin listener. Those of the public one are counted in
    /// [`Shared::clients`].
    pub fn admin_clients(&self) -> usize {
        self.admin_clients
    }

    /// The socket of a new client.
    pub fn insert(&mut self, token: Token, stream: TcpStream, listener: Listener) {
        self.admin_clients += usize::from(listener == Listener::Admin);
        let slot = token.slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(ClientSocket { stream, is_readable: false });
    }

    /// Whether a socket has more to read, of which the kernel will not tell again.
    pub fn is_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Reads on where a wake's share was not all.
    pub fn read_unread(&mut self, engine: &mut Engine) {
        let mut unread = std::mem::take(&mut self.unread);
        for token in unread.drain(..) {
            self.read(token, true, engine);
        }
        self.unread = unread;
    }

    /// One read: a wake's share. A read that does not fill the buffer has emptied the socket, and
    /// the kernel will tell of more, but not of an end that came with it: then `has_ended`.
    pub fn read(&mut self, token: Token, has_ended: bool, engine: &mut Engine) {
        let Some((client, _)) = engine.clients.touch(token) else {
            return; // It left earlier in this wake.
        };
        let Some(socket) = &mut self.slots[token.slot as usize] else {
            return;
        };
        if !client.wants_input() {
            socket.is_readable = true;
            return;
        }
        let filled = socket::fill(&mut socket.stream, &mut self.inbound);
        let is_full = matches!(filled, Ok(Filled::Bytes(count)) if count == self.inbound.len());
        socket.is_readable = is_full || (has_ended && matches!(filled, Ok(Filled::Bytes(_))));
        client.set_unread(is_full);
        match filled {
            Ok(Filled::Bytes(count)) => engine.receive(token, &self.inbound[..count]),
            Ok(Filled::Blocked) => {}
            Ok(Filled::End) => client.on_eof(),
            Err(_) => self.close(token, CloseReason::Reset, engine),
        }
    }

    /// Sends every touched client its answers, and ends those that are at their end.
    pub fn flush_touched(&mut self, engine: &mut Engine) {
        let mut touched = std::mem::take(&mut self.touched);
        engine.clients.swap_touched(&mut touched);
        for token in touched.drain(..) {
            match self.flush(token, engine) {
                Ok(()) => self.conclude(token, engine),
                Err(_) => self.close(token, CloseReason::Reset, engine),
            }
        }
        self.touched = touched;
    }

    /// Sends what there is, and what follows from its being sent.
    fn flush(&mut self, token: Token, engine: &mut Engine) -> io::Result<()> {
        let Some(socket) = &mut self.slots[token.slot as usize] else {
            return Ok(());
        };
        while let Some(client) = engine.clients.get(token)
            && !client.send_buffer().unsent().is_empty()
        {
            match socket::flush(&mut socket.stream, client.send_buffer().unsent())? {
                0 => return Ok(()),
                count => engine.sent(token, count),
            }
        }
        Ok(())
    }

    /// A client was flushed: it is waited for, read on, or at its end.
    fn conclude(&mut self, token: Token, engine: &mut Engine) {
        let now = engine.clients.turn_mut().now;
        let Some(client) = engine.clients.get(token) else {
            return;
        };
        let Some(socket) = &mut self.slots[token.slot as usize] else {
            return;
        };
        if client.finished().is_some() {
            return self.finish(token, engine);
        }
        client.update_timer(now);
        if socket.is_readable && client.wants_input() {
            self.unread.push(token);
        }
    }

    /// A client is at its end: it is closed, or read past.
    #[cold]
    fn finish(&mut self, token: Token, engine: &mut Engine) {
        let now = engine.clients.turn_mut().now;
        let reason = engine.clients.get(token).and_then(|client| client.finished());
        if reason == Some(CloseReason::Idle) && self.has_sent_more(token, engine) {
            return;
        }
        let Some(client) = engine.clients.get(token) else {
            return;
        };
        let (Some(socket), Some(reason)) = (&mut self.slots[token.slot as usize], reason) else {
            return;
        };
        if !client.lingers(socket.is_readable) {
            return self.close(token, reason, engine);
        }
        if client.start_lingering() {
            // Where it fails, the socket is gone, and the next read will say so.
            let _ = socket.stream.shutdown(Shutdown::Write);
        }
        client.update_timer(now);
        if socket.is_readable && client.wants_input() {
            self.unread.push(token);
        }
    }

    /// Whether one who is about to be closed for idling has sent something meanwhile: the last read
    /// is right before the close. It is read on in the next wake, which comes at once.
    fn has_sent_more(&mut self, token: Token, engine: &mut Engine) -> bool {
        self.read(token, false, engine);
        let client = engine.clients.get(token);
        let is_idle = client.is_some_and(|it| it.finished() == Some(CloseReason::Idle));
        if !is_idle {
            self.unread.push(token);
        }
        !is_idle
    }

    fn close(&mut self, token: Token, reason: CloseReason, engine: &mut Engine) {
        let Some(peer) = engine.disconnect(token, reason) else {
            return;
        };
        self.slots[token.slot as usize] = None;
        match peer.listener {
            Listener::Public => drop(self.shared.clients.fetch_sub(1, Ordering::Relaxed)),
            Listener::Admin => self.admin_clients -= 1,
        }
    }
}
