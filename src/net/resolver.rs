//! Resolves the store's names. That blocks, so each is looked up on a thread of its own, which
//! wakes the reactor when it is done.
//!
//! One name is wanted at a time. When another one is, the lookup of the first is abandoned: its
//! thread ends by itself, and what it finds is nobody's, unless the name is wanted again before
//! that. Invariant: what is given is of the wanted name, whatever else comes.

mod turns;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mio::Waker;

use crate::limits::LOOKUPS_MAX;
use turns::{Name, Turns};

/// The addresses of a name.
pub type Resolved = io::Result<Vec<SocketAddr>>;

/// Resolves the names of one connection; one is wanted at a time.
#[derive(Debug)]
pub struct Resolver {
    waker: Arc<Waker>,
    /// Asks the system. It blocks.
    look_up: fn(&str, u16) -> Resolved,
    wanted: Option<Name>,
    /// Those that are not done, and those whose end was not seen yet: each of another name, at most
    /// [`LOOKUPS_MAX`].
    lookups: Vec<Lookup>,
    turns: Turns,
}

/// A thread that looks up a name.
#[derive(Debug)]
struct Lookup {
    name: Name,
    /// Where it leaves what it finds.
    place: Arc<Mutex<Option<Resolved>>>,
}

impl Resolver {
    /// A resolver that wakes its reactor with `waker`.
    pub fn new(waker: Arc<Waker>) -> Resolver {
        Resolver::asking(|host, port| Ok((host, port).to_socket_addrs()?.collect()), waker)
    }

    /// The same, which asks `look_up`.
    pub fn asking(look_up: fn(&str, u16) -> Resolved, waker: Arc<Waker>) -> Resolver {
        let (lookups, turns) = (Vec::new(), Turns::default());
        Resolver { waker, look_up, wanted: None, lookups, turns }
    }

    /// Wants the addresses of this name, and nothing else any more.
    ///
    /// # Errors
    /// Too many abandoned lookups are not done yet, or there is no thread for it.
    pub fn start(&mut self, host: String, port: u16) -> io::Result<()> {
        self.abandon();
        self.lookups.retain(Lookup::is_pending);
        let name = Name { host, port };
        if self.lookups.iter().all(|lookup| lookup.name != name) {
            if self.lookups.len() == LOOKUPS_MAX {
                return Err(io::Error::other(TOO_MANY));
            }
            let lookup = self.spawn(name.clone())?;
            self.lookups.push(lookup);
        }
        self.wanted = Some(name);
        Ok(())
    }

    /// No name is wanted any more.
    pub fn abandon(&mut self) {
        self.wanted = None;
    }

    /// The addresses of the wanted name, or why there are none, once that is known. Each time they
    /// begin with another one: a silent first one does not shut out the others for ever.
    pub fn poll(&mut self) -> Option<Resolved> {
        let name = self.wanted.as_ref()?;
        let at = self.lookups.iter().position(|lookup| lookup.name == *name)?;
        let mut resolved = self.lookups[at].take()?;
        let Lookup { name, .. } = self.lookups.swap_remove(at);
        self.wanted = None;
        if let Ok(addresses) = &mut resolved {
            let first = self.turns.next(name) % addresses.len().max(1);
            addresses.rotate_left(first);
        }
        Some(resolved)
    }

    fn spawn(&self, name: Name) -> io::Result<Lookup> {
        let lookup = Lookup { name, place: Arc::default() };
        let (Name { host, port }, place) = (lookup.name.clone(), Arc::clone(&lookup.place));
        let (look_up, waker) = (self.look_up, Arc::clone(&self.waker));
        thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let resolved = look_up(&host, port);
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(resolved);
            // The reactor may be gone by now, and then nobody needs the answer.
            let _ = waker.wake();
        })?;
        Ok(lookup)
    }
}

impl Lookup {
    fn is_pending(&self) -> bool {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn take(&self) -> Option<Resolved> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

const TOO_MANY: &str = "too many names are looked up already: the name service does not answer";

#[cfg(test)]
mod tests;
