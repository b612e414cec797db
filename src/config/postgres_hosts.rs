//! The hosts of a PostgreSQL URL: one or several, with a port for all or one for each.

use std::borrow::Cow;

use url::{Host, Url};

use super::endpoint::{Endpoint, HINT};
use super::value::{ConfigError, integer, refuse};
use crate::limits::STORE_HOSTS_MAX;

/// `url` knows no user without a host, which is how a socket's URL has it: puts one there.
pub(super) fn with_host(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Cow::Borrowed(text);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if !authority.ends_with('@') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{scheme}://{authority}{NO_HOST}{rest}"))
}

/// `url` knows one host: the text with the first of several, and the others as they are written.
pub(super) fn split_hosts(text: &str) -> (Cow<'_, str>, Vec<&str>) {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    // What is before the last @ is user and password, whatever is in it.
    let start = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
    let mut hosts = text[start..end].split(',');
    let first = hosts.next().unwrap_or_default();
    match hosts.collect::<Vec<_>>() {
        others if others.is_empty() => (Cow::Borrowed(text), others),
        others => (Cow::Owned(format!("{}{first}{}", &text[..start], &text[end..])), others),
    }
}

pub(super) fn host(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain(name) => {
            Some(name.to_owned()).filter(|name| !name.is_empty() && name != NO_HOST)
        }
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

pub(super) fn port(url: &Url) -> Option<String> {
    url.port().map(|port| port.to_string())
}

/// The form in which libpq has several values; `None` if there is none.
pub(super) fn listed(values: Vec<Option<String>>) -> Option<String> {
    let is_any = values.iter().any(Option::is_some);
    is_any.then(|| values.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join(","))
}

/// Each host with its port: there is one port for all, or one for each (PostgreSQL's manual,
/// "Specifying Multiple Hosts").
pub(super) fn endpoints(
    host: Option<&str>,
    port: Option<&str>,
) -> Result<Vec<Endpoint>, ConfigError> {
    let hosts: Vec<&str> = host.unwrap_or_default().split(',').collect();
    let ports: Vec<&str> = port.unwrap_or_default().split(',').collect();
    if hosts.len() > STORE_HOSTS_MAX {
        return refuse(format!("there are more than {STORE_HOSTS_MAX} hosts"));
    }
    if ports.len() > 1 && ports.len() != hosts.len() {
        return refuse("there is one port, or as many as hosts");
    }
    let of_host = |(index, host): (usize, &&str)| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or_default();
        let given = |text: &'_ str| (!text.is_empty()).then_some(text.to_owned());
        endpoint(given(host).as_deref(), given(port).as_deref())
    };
    hosts.iter().enumerate().map(of_host).collect()
}

fn endpoint(host: Option<&str>, port: Option<&str>) -> Result<Endpoint, ConfigError> {
    let port = match port.map(|port| integer(port).and_then(|port| port.try_into().ok())) {
        None => POSTGRES_PORT,
        Some(Some(port)) if port != 0 => port,
        Some(_) => return refuse("the port is a number from 1 to 65535"),
    };
    match host {
        Some(folder) if folder.starts_with('/') => {
            let folder = folder.trim_end_matches('/');
            Endpoint::socket(format!("{folder}/.s.PGSQL.{port}"))
        }
        Some(host) => Endpoint::named(host, port),
        None => refuse(format!("the host is missing; {HINT}")),
    }
}

/// The port registered for PostgreSQL.
const POSTGRES_PORT: u16 = 5432;

/// Stands where a host is missing; no host that is allowed has such a name.
const NO_HOST: &str = "~";
