//! The store's side of a wake: its sockets, if this reactor has them, and whom the shared one
//! wakes.

use std::io;

use mio::event::Event;

use super::EventLoop;
use crate::net::shared_socket;
use crate::store::Store;

impl EventLoop {
    pub(super) fn read_store(&mut self) {
        if !self.store_sockets.is_unread() {
            return;
        }
        match &mut self.engine.store {
            Store::Shared(shared) => {
                shared_socket::read_unread(self.store_sockets.shared(), shared, self.now);
            }
            store => self.store_sockets.read_unread(store.connections(), self.now),
        }
    }

    /// An event came for a socket of the store.
    pub(super) fn store_ready(&mut self, event: &Event) {
        match &mut self.engine.store {
            Store::Shared(shared) => {
                shared_socket::ready(self.store_sockets.shared(), event, shared, self.now);
            }
            store => self.store_sockets.ready(event, store.connections(), self.now),
        }
    }

    /// The waker woke the reactor: a name may be resolved, or its mailbox has events, which the
    /// engine looks for in every turn.
    pub(super) fn woken(&mut self) {
        match &mut self.engine.store {
            Store::Shared(shared) if shared.is_owner() => {
                shared_socket::woken(self.store_sockets.shared(), shared, self.now);
            }
            store => self.store_sockets.woken(store.connections(), self.now),
        }
    }

    pub(super) fn run_store_commands(&mut self) {
        match &mut self.engine.store {
            Store::Shared(shared) if shared.is_owner() => {
                shared_socket::run_commands(self.store_sockets.shared(), shared, self.now);
            }
            store => self.store_sockets.run_commands(store.connections(), self.now),
        }
    }

    /// Wakes the reactors that have work for the shared connection, or from it.
    #[inline(always)] // 14 instructions less.
    pub(super) fn wake_others(&mut self) -> io::Result<()> {
        if let Store::Shared(shared) = &self.engine.store {
            for reactor in shared.take_wakes() {
                self.wakers[reactor].wake()?;
            }
        }
        Ok(())
    }
}
