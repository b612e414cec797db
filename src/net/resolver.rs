//! Resolves the store's name. That blocks, so it happens on a thread of its own, one at a time,
//! which wakes the reactor when it is done.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use mio::Waker;

/// The addresses of a name.
pub type Resolved = io::Result<Vec<SocketAddr>>;

/// Resolves one name at a time.
#[derive(Debug)]
pub struct Resolver {
    waker: Arc<Waker>,
    /// The name that is being resolved now.
    pending: Option<Receiver<Resolved>>,
}

impl Resolver {
    /// A resolver that wakes its reactor with `waker`.
    pub fn new(waker: Arc<Waker>) -> Resolver {
        Resolver { waker, pending: None }
    }

    /// Begins to resolve a name, unless one is being resolved already.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(&mut self, host: String, port: u16) -> io::Result<()> {
        if self.pending.is_some() {
            return Ok(());
        }
        let (sender, receiver) = channel();
        let waker = Arc::clone(&self.waker);
        thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let addresses = (host.as_str(), port).to_socket_addrs();
            // The reactor may be gone by now, and then nobody needs the answer.
            if sender.send(addresses.map(Iterator::collect)).is_ok() {
                let _ = waker.wake();
            }
        })?;
        self.pending = Some(receiver);
        Ok(())
    }

    /// The addresses, or why there are none, once that is known.
    pub fn poll(&mut self) -> Option<Resolved> {
        let resolved = match self.pending.as_ref()?.try_recv() {
            Ok(resolved) => resolved,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the resolver ended")),
        };
        self.pending = None;
        Some(resolved)
    }
}
