//! Opens the store of a configuration, for one reactor.

use std::io;
use std::time::Instant;

use rustix::rand::{GetRandomFlags, getrandom};

use crate::config::{Config, Endpoint, StoreUrl};
use crate::store::Store;
use crate::store::connection::Connection;
use crate::store::counter::Counter;
use crate::store::memory::Memory;
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;
use crate::store::wire::Wire;

/// The store of one reactor, and where it is if it is not in the process.
///
/// # Errors
/// The operating system has no random numbers.
pub fn store(
    config: &Config,
    memory: &Memory,
    counter: &Counter,
    now: Instant,
) -> io::Result<(Store, Option<Endpoint>)> {
    Ok(match connection(config, counter, now)? {
        Some((connection, endpoint)) => (Store::Connection(Box::new(connection)), Some(endpoint)),
        None => (Store::Memory(memory.clone()), None),
    })
}

/// A connection to the store, unless it is in the process.
///
/// # Errors
/// The operating system has no random numbers.
pub fn connection(
    config: &Config,
    counter: &Counter,
    now: Instant,
) -> io::Result<Option<(Connection, Endpoint)>> {
    let (counter, timeout, id) = (counter.clone(), config.store_timeout, random()?);
    let (wire, endpoint) = match &config.store {
        StoreUrl::Memory => return Ok(None),
        StoreUrl::Redis(url) => {
            let redis = Redis::new(url.clone(), counter, id);
            (Wire::Redis(Box::new(redis)), &url.endpoint)
        }
        StoreUrl::Postgres(url) => {
            let postgres = Postgres::new((**url).clone(), counter, timeout, id);
            (Wire::Postgres(Box::new(postgres)), &url.endpoint)
        }
    };
    let connection = Connection::new(wire, timeout, random()?, now);
    Ok(Some((connection, endpoint.clone())))
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
