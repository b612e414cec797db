//! Redis as the store: `redis://` and `redis+unix://` as a value.
//!
//! As everywhere in a store's URL, no error repeats anything of its text.

use std::fmt;

use percent_encoding::utf8_percent_encode;
use url::Url;

use super::endpoint::{ENCODED, ENCODED_IN_PATH, Endpoint, HINT, Secret, decoded};
use super::postgres_hosts::split_hosts;
use super::query::Query;
use super::sentinels::{Sentinels, scheme};
use super::tls::{TLS_PARAMETERS, TlsConfig};
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

impl RedisUrl {
    /// Whether it holds a password itself, and not the name of a file.
    pub(super) fn has_password(&self) -> bool {
        let of_sentinels = |sentinels: &Sentinels| sentinels.has_password_in_url();
        self.password.is_some() || self.sentinels.as_deref().is_some_and(of_sentinels)
    }

    /// Whether the server is asked if it is a node of a Cluster, and followed to the others if so.
    pub fn asks_for_cluster(&self) -> bool {
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
                let tls = self.tls.iter().flat_map(|tls| tls.redis_parameters());
                let parameters: Vec<_> = tls.chain(wait_parameter(self.wait)).collect();
                write!(formatter, "/{database}{}", with_question_mark(&parameters))
            }
            Endpoint::Unix(path) => {
                let path = path.to_string_lossy();
                let path = utf8_percent_encode(&path, ENCODED_IN_PATH);
                write!(formatter, "redis+unix://{path}?db={database}")?;
                if let Some(user) = user {
                    write!(formatter, "&user={user}")?;
                }
                wait_parameter(self.wait).map_or(Ok(()), |wait| write!(formatter, "&{wait}"))
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
    write!(formatter, "{}://", scheme(url.tls.is_some()))?;
    if let Some(user) = &url.user {
        write!(formatter, "{}@", encoded(user))?;
    }
    write!(formatter, "{}", url.endpoint)?;
    for other in &sentinels.others {
        write!(formatter, ",{other}")?;
    }
    let mut parameters = sentinels.parameters();
    parameters.extend(url.tls.iter().flat_map(|tls| tls.redis_parameters()));
    parameters.extend(wait_parameter(url.wait));
    let (master, database) = (encoded(&sentinels.master), url.database);
    write!(formatter, "/{master}/{database}{}", with_question_mark(&parameters))
}

/// `wait` as it stands in a URL, if it is not what is meant without a word.
fn wait_parameter(wait: u8) -> Option<String> {
    (wait > 0).then(|| format!("wait={wait}"))
}

/// The parameters with their `?`, if there are any.
fn with_question_mark(parameters: &[String]) -> String {
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{mark}{}", parameters.join("&"))
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
    // A raw @ is what is left of a password: as a path it would be shown.
    if is_tls && query.contains('@') {
        return refuse(format!("a rediss:// URL has one @ at most, before its host; {HINT}"));
    }
    let mut query = Query::parse(query, &parameter_names(is_tls))?;
    let tls = is_tls.then(|| TlsConfig::of_redis(&mut query)).transpose()?.map(Box::new);
    let wait = wait_of(&mut query)?;
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

/// What a URL over TCP may have behind its `?`.
pub(super) fn parameter_names(is_tls: bool) -> Vec<&'static str> {
    let of_tls = TLS_PARAMETERS.into_iter().filter(|_| is_tls);
    of_tls.chain(["wait"]).collect()
}

/// The parameter `wait`.
pub(super) fn wait_of(query: &mut Query) -> Result<u8, ConfigError> {
    let Some(value) = query.take("wait") else {
        return Ok(0);
    };
    let number = integer(&value).and_then(|number| u8::try_from(number).ok());
    match number.filter(|number| *number <= REPLICAS_MAX) {
        Some(number) => Ok(number),
        None => refuse(format!("wait is a number of replicas from 0 to {REPLICAS_MAX}; {HINT}")),
    }
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
    let mut query = Query::parse(query, &["db", "user", "password", "wait"])?;
    // Not as a template leaves it: a database has a number.
    let database = query.take_as_written("db").as_deref().map_or(Ok(0), database)?;
    let (user, password) = (query.take("user"), query.take("password"));
    let wait = wait_of(&mut query)?;
    Ok(RedisUrl { wait, ..redis_url(endpoint, user, password, database)? })
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
