//! Opens the store of a configuration, for one reactor.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::config::StoreUrl;
use crate::store::Store;
use crate::store::change::Change;
use crate::store::connection::{Connection, Dialect, Encryption};
use crate::store::counters::Counters;
use crate::store::memory::Memory;
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;
use crate::store::survey::{Scope, Survey};
use crate::store::wire::Wire;

/// What a connection is for.
pub enum Task {
    /// To take numbers.
    Serve,
    /// To change the first counter, once.
    Change(Change),
    /// To read what is there, once. The counters of the connection are then of no meaning.
    Survey(Scope),
}

/// The store of one reactor. `timeout` bounds one request; `memory` is the store in the process.
///
/// # Errors
/// The operating system has no random numbers, or a file of the URL is not what it should be.
pub fn store(
    url: &StoreUrl,
    counters: &Arc<Counters>,
    memory: &Memory,
    timeout: Duration,
    now: Instant,
) -> io::Result<Store> {
    Ok(match connection(url, counters, Task::Serve, timeout, now)? {
        Some(connection) => Store::Connection(Box::new(connection)),
        None => Store::Memory(memory.clone()),
    })
}

/// A connection to the store, unless it is in the process.
///
/// # Errors
/// The operating system has no random numbers, or a file of the URL is not what it should be.
pub fn connection(
    url: &StoreUrl,
    counters: &Arc<Counters>,
    task: Task,
    timeout: Duration,
    now: Instant,
) -> io::Result<Option<Connection>> {
    let (known, id) = (Arc::clone(counters), random()?);
    let (change, survey) = match task {
        Task::Serve => (None, None),
        Task::Change(change) => (Some(change), None),
        Task::Survey(scope) => (None, Some(Survey::new(scope))),
    };
    let wire = match url {
        StoreUrl::Memory => return Ok(None),
        StoreUrl::Redis(url) => {
            let mut redis = Redis::new(url.clone(), known, change, id);
            *redis.survey() = survey;
            Wire::Redis(Box::new(redis))
        }
        StoreUrl::Postgres(url) => {
            let mut postgres = Postgres::new((**url).clone(), known, change, timeout, id);
            *postgres.survey() = survey;
            Wire::Postgres(Box::new(postgres))
        }
    };
    let encryption = url.tls().map(|tls| Encryption::new(tls, Dialect::of(&wire))).transpose()?;
    let mut connection = Connection::new(wire, Arc::clone(counters), timeout, random()?, now);
    if let Some(encryption) = encryption {
        connection.encrypt(encryption);
    }
    Ok(Some(connection))
}

/// From the operating system's random source, never from a seed of time: two processes that start
/// at the same moment of two clones of a machine must not be taken for one.
///
/// # Errors
/// The operating system has none.
pub fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    // Up to 256 bytes come whole: see getrandom(2).
    let count = getrandom(&mut bytes, GetRandomFlags::empty())?;
    debug_assert_eq!(count, bytes.len());
    Ok(u64::from_ne_bytes(bytes))
}
