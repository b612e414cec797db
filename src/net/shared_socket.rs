//! The socket behind the connection that reactors share: what its owner does, in steps that hold
//! the connection's lock, and steps that read and write without it.

use std::time::Instant;

use mio::event::Event;

use crate::limits::STORE_READS_MAX;
use crate::net::store_socket::StoreSocket;
use crate::store::shared::SharedStore;

/// The socket is ready for something: ends a connecting, or reads what came.
pub fn ready(socket: &mut StoreSocket, event: &Event, shared: &SharedStore, now: Instant) {
    if !socket.is_connected() {
        return shared.with_connection(now, |connection| socket.ready(event, connection, now));
    }
    socket.note_ready(event);
    read_unread(socket, shared, now);
}

/// The waker woke the reactor: a name may be resolved.
pub fn woken(socket: &mut StoreSocket, shared: &SharedStore, now: Instant) {
    if !socket.is_connected() {
        shared.with_connection(now, |connection| socket.woken(connection, now));
    }
}

/// Reads on until the socket is empty, or a wake's share is read.
pub fn read_unread(socket: &mut StoreSocket, shared: &SharedStore, now: Instant) {
    for _ in 0..STORE_READS_MAX {
        let Some(filled) = socket.read() else {
            return;
        };
        shared.with_connection(now, |connection| socket.received(filled, connection, now));
        run_commands(socket, shared, now);
    }
}

/// Does what the connection commands, and sends what it has to send.
pub fn run_commands(socket: &mut StoreSocket, shared: &SharedStore, now: Instant) {
    shared.with_connection(now, |connection| socket.take_unsent(connection, now));
    if let Err(error) = socket.send_taken() {
        shared.with_connection(now, |connection| {
            socket.received(Err(error), connection, now);
            socket.take_unsent(connection, now);
        });
    }
}
