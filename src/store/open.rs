//! Opens the store of a configuration, for the reactors of a process.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::config::{RedisUrl, StoreUrl};
use crate::store::Store;
use crate::store::change::{Change, ChangeKind};
use crate::store::connection::{Connection, Dialect, Encryption};
use crate::store::counters::Counters;
use crate::store::memory::Memory;
use crate::store::nodes::Nodes;
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;
use crate::store::shared::SharedStore;
use crate::store::survey::{Scope, Survey};
use crate::store::wire::Wire;

/// What a connection is for.
pub enum Purpose {
    /// To take numbers.
    Serve,
    /// To change the first counter, once.
    Change(Change),
    /// To read what is there, once. The counters of the connection are then of no meaning.
    Survey(Scope),
}

/// The stores of so many reactors, in their order; not of a file, which is [`super::file::open`]'s.
/// `timeout` bounds one request; `memory` is the store in the process. Reactors share one
/// connection to PostgreSQL; each has its own to Redis.
///
/// # Errors
/// The operating system has no random numbers, or a file of the URL is not what it should be.
pub fn stores(
    url: &StoreUrl,
    counters: &Arc<Counters>,
    memory: &Memory,
    timeout: Duration,
    reactors: usize,
    now: Instant,
) -> io::Result<Vec<Store>> {
    let is_shared = matches!(url, StoreUrl::Postgres(_)) && reactors > 1;
    let connections = if is_shared { 1 } else { reactors };
    let encryption = encryption(url)?;
    let mut stores = Vec::new();
    for _ in 0..connections {
        let encryption = encryption.clone();
        let opened = encrypted(url, counters, Purpose::Serve, encryption, timeout, now)?;
        let Some(connection) = opened else {
            stores.push(Store::Memory(memory.clone()));
            continue;
        };
        if is_shared {
            let shared = SharedStore::of(connection, reactors, counters);
            return Ok(shared.into_iter().map(Store::Shared).collect());
        }
        stores.push(match url {
            StoreUrl::Redis(url) if url.asks_for_cluster() => {
                Store::Nodes(Box::new(nodes(url, connection, counters.len(), timeout)?))
            }
            _ => Store::Connection(Box::new(connection)),
        });
    }
    Ok(stores)
}

/// The connections to the nodes of what may be a Cluster, for one command.
///
/// # Errors
/// The operating system has no random numbers, or a file of the URL is not what it should be.
pub fn command(
    url: &StoreUrl,
    counters: &Arc<Counters>,
    purpose: Purpose,
    timeout: Duration,
    now: Instant,
) -> io::Result<Option<Nodes>> {
    let Some(connection) = connection(url, counters, purpose, timeout, now)? else {
        return Ok(None);
    };
    Ok(Some(match url {
        StoreUrl::Redis(url) => nodes(url, connection, counters.len(), timeout)?,
        _ => Nodes::of_one(connection, counters.len(), timeout),
    }))
}

fn nodes(
    url: &RedisUrl,
    connection: Connection,
    counters: usize,
    timeout: Duration,
) -> io::Result<Nodes> {
    let seeds = [&url.endpoint].into_iter().chain(&url.seeds).cloned().collect();
    Ok(Nodes::new(connection, seeds, counters, timeout, random()?))
}

/// A connection to the store, unless it is in the process.
///
/// # Errors
/// The operating system has no random numbers, or a file of the URL is not what it should be.
pub fn connection(
    url: &StoreUrl,
    counters: &Arc<Counters>,
    purpose: Purpose,
    timeout: Duration,
    now: Instant,
) -> io::Result<Option<Connection>> {
    encrypted(url, counters, purpose, encryption(url)?, timeout, now)
}

/// How the connections to the store are encrypted, if they are. Made once for all reactors: it
/// takes in the roots and the files of the URL, and a copy shares them.
fn encryption(url: &StoreUrl) -> io::Result<Option<Encryption>> {
    let dialect = match url {
        StoreUrl::Memory | StoreUrl::File(_) => return Ok(None),
        StoreUrl::Redis(_) => Dialect::Redis,
        StoreUrl::Postgres(_) => Dialect::Postgres,
    };
    url.tls().map(|tls| Encryption::new(tls, dialect)).transpose()
}

/// A connection that is encrypted so, if at all.
fn encrypted(
    url: &StoreUrl,
    counters: &Arc<Counters>,
    purpose: Purpose,
    encryption: Option<Encryption>,
    timeout: Duration,
    now: Instant,
) -> io::Result<Option<Connection>> {
    let (counters, id) = (Arc::clone(counters), random()?);
    let (change, survey) = match purpose {
        Purpose::Serve => (None, None),
        Purpose::Change(change) => (Some(change), None),
        Purpose::Survey(scope) => (None, Some(Survey::new(scope))),
    };
    let wire = match url {
        StoreUrl::Memory | StoreUrl::File(_) => return Ok(None),
        StoreUrl::Redis(url) => {
            let mut redis = Redis::new(url.clone(), Arc::clone(&counters), change, timeout, id);
            *redis.survey_mut() = survey;
            Wire::Redis(Box::new(redis))
        }
        StoreUrl::Postgres(url) => {
            let (url, counters) = ((**url).clone(), Arc::clone(&counters));
            let mut postgres = Postgres::new(url, counters, change, timeout, id);
            *postgres.survey_mut() = survey;
            Wire::Postgres(Box::new(postgres))
        }
    };
    let mut connection = Connection::new(wire, counters, timeout, random()?, now);
    if let Some(encryption) = encryption {
        connection.encrypt(encryption);
    }
    Ok(Some(connection))
}

/// A change with a token that no other one has. `epoch_shown`: see [`Change`].
///
/// # Errors
/// The operating system has no random numbers.
pub fn new_change(kind: ChangeKind, epoch_shown: Option<u64>) -> io::Result<Change> {
    let token = format!("{:016x}", random()?);
    Ok(Change { token, kind, epoch_shown })
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
