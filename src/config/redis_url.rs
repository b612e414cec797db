//! Redis as the store: `redis://` and `redis+unix://` as a value, and what Sentinel adds to it.
//!
//! As everywhere in a store's URL, no error repeats anything of its text.

use std::fmt;

use percent_encoding::utf8_percent_encode;
use url::Url;

use super::endpoint::{ENCODED, ENCODED_IN_PATH, Endpoint, HINT, Secret, decoded};
use super::postgres_hosts::split_hosts;
use super::tls::TlsConfig;
use super::value::{ConfigError, integer, refuse};
use crate::limits::{REPLICAS_MAX, STORE_HOSTS_MAX};

/// The form of a URL with a Unix socket.
pub(super) const UNIX_FORM: &str = "redis+unix:///path[?db=N][&user=U][&password=P][&wait=N]";

/// What is needed to reach a counter in Redis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisUrl {
    /// Where to connect to.
    pub endpoint: Endpoint,
    /// The user of Redis 6's access lists; without one a password is the default user's.
    pub user: Option<String>,
    /// Never without a password if there is a user.
    pub password: Option<Secret>,
    /// What SELECT is given; Redis has 16 of them unless told otherwise.
    pub database: u32,
    /// How it is encrypted, if it is.
    pub tls: Option<Box<TlsConfig>>,
    /// The endpoint is a sentinel, and these are with it.
    pub sentinels: Option<Box<Sentinels>>,
    /// More nodes of the Cluster that the endpoint is one of.
    pub seeds: Vec<Endpoint>,
    /// How many replicas are to have a write before it counts; 0: none is asked.
    pub wait: u8,
}

/// The sentinels who know where the primary is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentinels {
    /// Those beside the first.
    pub others: Vec<Endpoint>,
    /// The name by which they know the primary.
    pub master: String,
    /// Their own user, if not the default one.
    pub user: Option<String>,
    /// Their own password.
    pub password: Option<Secret>,
}

impl RedisUrl {
    /// Whether what it names may be nodes of a Cluster.
    pub fn may_be_cluster(&self) -> bool {
        matches!(self.endpoint, Endpoint::Tcp { .. }) && self.sentinels.is_none()
    }

    /// The sentinels beside the first, if there are any.
    pub fn other_sentinels(&self) -> impl Iterator<Item = Endpoint> {
        self.sentinels.iter().flat_map(|sentinels| sentinels.others.clone())
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sentinels) = &self.sentinels {
            return show_sentinels(self, sentinels, formatter);
        }
        let database = self.database;
        let user = self.user.as_deref().map(|user| utf8_percent_encode(user, ENCODED));
        match &self.endpoint {
            Endpoint::Tcp { .. } => {
                let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
                write!(formatter, "{scheme}://")?;
                if let Some(user) = user {
                    write!(formatter, "{user}@")?;
                }
                write!(formatter, "{}", self.endpoint)?;
                for seed in &self.seeds {
                    write!(formatter, ",{seed}")?;
                }
                let query = self.tls.as_ref().map(|tls| tls.redis_query()).unwrap_or_default();
                write!(formatter, "/{database}{query}")?;
                show_wait(self.wait, query.is_empty(), formatter)
            }
            Endpoint::Unix(path) => {
                let path = path.to_string_lossy();
                let path = utf8_percent_encode(&path, ENCODED_IN_PATH);
                write!(formatter, "redis+unix://{path}?db={database}")?;
                if let Some(user) = user {
                    write!(formatter, "&user={user}")?;
                }
                show_wait(self.wait, false, formatter)
            }
        }
    }
}

/// The URL without its passwords, and with every default filled in.
fn show_sentinels(
    url: &RedisUrl,
    sentinels: &Sentinels,
    formatter: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let encoded = |text| utf8_percent_encode(text, ENCODED);
    formatter.write_str("redis+sentinel://")?;
    if let Some(user) = &url.user {
        write!(formatter, "{}@", encoded(user))?;
    }
    write!(formatter, "{}", url.endpoint)?;
    for other in &sentinels.others {
        write!(formatter, ",{other}")?;
    }
    write!(formatter, "/{}/{}", encoded(&sentinels.master), url.database)?;
    if let Some(user) = &sentinels.user {
        write!(formatter, "?sentinel_user={}", encoded(user))?;
    }
    show_wait(url.wait, sentinels.user.is_none(), formatter)
}

fn show_wait(wait: u8, is_first: bool, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (wait, is_first) {
        (0, _) => Ok(()),
        (wait, true) => write!(formatter, "?wait={wait}"),
        (wait, false) => write!(formatter, "&wait={wait}"),
    }
}

/// `redis://[user:password@]host[:port][,host...][/db]`, and the same of TLS with its parameters.
/// Several hosts are nodes of one Cluster.
pub(super) fn tcp(text: &str, is_tls: bool) -> Result<RedisUrl, ConfigError> {
    let (first, others) = split_hosts(text);
    let seeds = other_hosts(&others, REDIS_PORT)?;
    let Ok(url) = Url::parse(&first) else {
        return refuse(format!("the user, host or port is malformed; {HINT}"));
    };
    if url.fragment().is_some() {
        let scheme = if is_tls { "rediss" } else { "redis" };
        return refuse(format!("a {scheme}:// URL has no #; {HINT}"));
    }
    let query = url.query().unwrap_or_default();
    let tls = match is_tls {
        true => Some(Box::new(TlsConfig::of_redis(query)?)),
        false => plain(query)?,
    };
    let wait = wait_of(query)?;
    let endpoint = Endpoint::tcp(&url, REDIS_PORT)?;
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded).transpose()?;
    let password = url.password().map(decoded).transpose()?;
    let path = url.path();
    let database = match path.strip_prefix('/').unwrap_or(path) {
        "" => 0,
        digits => database(digits)?,
    };
    if database != 0 && !seeds.is_empty() {
        return refuse("several hosts are a Cluster, which has the database 0 alone");
    }
    Ok(RedisUrl { tls, seeds, wait, ..redis_url(endpoint, user, password, database)? })
}

/// Without TLS there is no parameter but `wait`.
fn plain(query: &str) -> Result<Option<Box<TlsConfig>>, ConfigError> {
    for (index, (name, _)) in parameters(query).enumerate() {
        if name != "wait" {
            // Not named: it may be a piece of a password.
            let number = index + 1;
            return refuse(format!("query parameter {number} is unknown: wait is allowed; {HINT}"));
        }
    }
    Ok(None)
}

/// The names and values behind a `?`, as they stand there.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = query.split('&').filter(|text| !text.is_empty());
    parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

/// The parameter `wait` of a query. Without a value it counts as not given, as a template leaves
/// it.
pub(super) fn wait_of(query: &str) -> Result<u8, ConfigError> {
    let values = parameters(query).filter(|(name, value)| *name == "wait" && !value.is_empty());
    let mut wait = None;
    for (_, value) in values {
        let number = integer(value).and_then(|number| u8::try_from(number).ok());
        let Some(number) = number.filter(|number| *number <= REPLICAS_MAX) else {
            return refuse(format!(
                "wait is a number of replicas from 0 to {REPLICAS_MAX}; {HINT}"
            ));
        };
        if wait.replace(number).is_some() {
            return refuse("the query parameter wait is given twice");
        }
    }
    Ok(wait.unwrap_or(0))
}

/// `redis+unix:///path[?db=N][&user=U][&password=P]`: a path leaves no room for `user@`.
pub(super) fn unix(text: &str) -> Result<RedisUrl, ConfigError> {
    // Split by hand: `url` would resolve `..` in a path, and read `+` in a query as a space.
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    // An @ is what is left of `user:password@`: as a path it would be shown.
    if !path.starts_with('/') || path.contains('@') || rest.contains('#') {
        return refuse(format!("allowed is {}, without @ and #; {HINT}", UNIX_FORM));
    }
    let endpoint = Endpoint::unix(path)?;
    let [mut database_given, mut user, mut password] = [None, None, None];
    for (index, parameter) in query.split('&').filter(|text| !text.is_empty()).enumerate() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let place = match name {
            "db" => &mut database_given,
            "user" => &mut user,
            "password" => &mut password,
            "wait" => continue, // Read below.
            // Not named: it may be what follows a bare & in the password.
            _ => {
                let number = index + 1;
                return refuse(format!(
                    "query parameter {number} is unknown: db, user, password and wait are allowed; \
                     {HINT}"
                ));
            }
        };
        if place.replace(decoded(value)?).is_some() {
            return refuse(format!("the query parameter {name} is given twice"));
        }
    }
    let database = database_given.as_deref().map_or(Ok(0), database)?;
    Ok(RedisUrl { wait: wait_of(query)?, ..redis_url(endpoint, user, password, database)? })
}

/// Joins the parts. An empty user or password counts as none, as a template leaves it.
pub(super) fn redis_url(
    endpoint: Endpoint,
    user: Option<String>,
    password: Option<String>,
    database: u32,
) -> Result<RedisUrl, ConfigError> {
    let user = user.filter(|user| !user.is_empty());
    let password = password.and_then(Secret::from_text);
    // redis-cli reads `redis://word@host` as a password. Taking it for a user would log it.
    if user.is_some() && password.is_none() {
        return refuse("a user needs a password; a password alone is written :password@host");
    }
    let (tls, sentinels, seeds) = (None, None, Vec::new());
    Ok(RedisUrl { endpoint, user, password, database, tls, sentinels, seeds, wait: 0 })
}

/// The hosts behind the first, each with a port of its own or the store's.
pub(super) fn other_hosts(hosts: &[&str], port: u16) -> Result<Vec<Endpoint>, ConfigError> {
    if hosts.len() >= STORE_HOSTS_MAX {
        return refuse(format!("there are more than {STORE_HOSTS_MAX} hosts"));
    }
    let other = |host: &&str| match Url::parse(&format!("redis://{host}")) {
        Ok(url) => Endpoint::tcp(&url, port),
        Err(_) => refuse(format!("the user, host or port is malformed; {HINT}")),
    };
    hosts.iter().map(other).collect()
}

pub(super) fn database(digits: &str) -> Result<u32, ConfigError> {
    match integer(digits).and_then(|number| u32::try_from(number).ok()) {
        Some(number) => Ok(number),
        None => refuse(format!("the database is a number from 0 to {}; {HINT}", u32::MAX)),
    }
}

/// The port registered for Redis.
const REDIS_PORT: u16 = 6379;
