//! Resolves the store's name. That blocks, so it happens on a thread of its own, one at a time,
//! which wakes the reactor when it is done.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mio::Waker;

/// The addresses of a name.
pub type Resolved = io::Result<Vec<SocketAddr>>;

/// Resolves one name at a time.
#[derive(Debug)]
pub struct Resolver {
    waker: Arc<Waker>,
    /// Where the addresses of the name that is being resolved now will be.
    pending: Option<Arc<Mutex<Option<Resolved>>>>,
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
        let pending = Arc::new(Mutex::new(None));
        let place = Arc::clone(&pending);
        let waker = Arc::clone(&self.waker);
        thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let addresses = (host.as_str(), port).to_socket_addrs();
            let resolved = addresses.map(Iterator::collect);
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(resolved);
            // The reactor may be gone by now, and then nobody needs the answer.
            let _ = waker.wake();
        })?;
        self.pending = Some(pending);
        Ok(())
    }

    /// The addresses, or why there are none, once that is known.
    pub fn poll(&mut self) -> Option<Resolved> {
        let place = self.pending.as_ref()?;
        let resolved = place.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.pending = None;
        Some(resolved)
    }
}
