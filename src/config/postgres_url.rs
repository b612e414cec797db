//! PostgreSQL as the store: `postgres://` as a value.
//!
//! The form is libpq's (PostgreSQL's manual, "Connection URIs"), with fewer parameters, and one
//! difference: without a user it is `postgres`, since an image without an operating system has
//! no user's name to take. As everywhere in a store's URL, no error repeats anything of its text.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use url::{Host, Url};

use super::endpoint::{ENCODED, ENCODED_IN_PATH, Endpoint, HINT, Secret, decoded};
use super::value::{ConfigError, integer, refuse};
use crate::limits::{CONNECT_TIMEOUT_S_MAX, CONNECT_TIMEOUT_S_MIN};

/// What is needed to reach a counter in PostgreSQL. No text in it has a NUL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostgresUrl {
    /// Where to connect to.
    pub endpoint: Endpoint,
    /// The role.
    pub user: String,
    /// Needed if the server asks for one.
    pub password: Option<Secret>,
    /// Unless given, it has the role's name.
    pub database: String,
    /// How long connecting and the handshake may take, if not as long as by default.
    pub connect_timeout: Option<Duration>,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
}

/// What the parts of the URL say, not yet understood.
#[derive(Default)]
struct Parameters {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    connect_timeout: Option<String>,
    application_name: Option<String>,
    tls: Option<String>,
}

impl PostgresUrl {
    /// Reads a `postgres://` or `postgresql://` URL.
    ///
    /// # Errors
    /// Says which part is wrong, and repeats nothing of `text`.
    pub(super) fn parse(text: &str) -> Result<PostgresUrl, ConfigError> {
        let mut parameters = Parameters::default();
        let query = parameters.take_parts(&with_host(text))?;
        for (index, parameter) in query.split('&').filter(|text| !text.is_empty()).enumerate() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            parameters.give(name, value, index + 1)?;
        }
        parameters.understand()
    }
}

impl Parameters {
    /// Takes what comes before the query, and returns the query.
    fn take_parts(&mut self, text: &str) -> Result<String, ConfigError> {
        let Ok(url) = Url::parse(text) else {
            return refuse(format!("the user, host or port is malformed; {HINT}"));
        };
        let query = url.query().unwrap_or_default();
        // A raw @ behind the host is what is left of a password: as a database it would be shown.
        let is_plain = text.contains("://") && url.fragment().is_none();
        if !is_plain || url.path().contains('@') || query.contains('@') {
            return refuse(format!("a postgres:// URL has no # and one @ at most; {HINT}"));
        }
        self.host = match url.host() {
            Some(Host::Domain(name)) => given(name.to_owned()).filter(|name| name != NO_HOST),
            Some(Host::Ipv4(address)) => Some(address.to_string()),
            Some(Host::Ipv6(address)) => Some(address.to_string()),
            None => None,
        };
        self.port = url.port().map(|port| port.to_string());
        self.user = given(part(url.username())?);
        self.password = given(part(url.password().unwrap_or_default())?);
        self.database = given(part(url.path().strip_prefix('/').unwrap_or_default())?);
        Ok(query.to_owned())
    }

    /// Takes parameter `number` of the query; an empty one counts as none, as a template with
    /// nothing to fill in leaves it.
    fn give(&mut self, name: &str, value: &str, number: usize) -> Result<(), ConfigError> {
        let place = match name {
            "host" => &mut self.host,
            "port" => &mut self.port,
            "user" => &mut self.user,
            "password" => &mut self.password,
            "dbname" => &mut self.database,
            "connect_timeout" => &mut self.connect_timeout,
            "application_name" => &mut self.application_name,
            "sslmode" => &mut self.tls,
            // Not named: it may be what follows a bare & in the password.
            _ => {
                return refuse(format!(
                    "query parameter {number} is unknown: host, port, user, password, dbname, \
                     connect_timeout, application_name and sslmode are allowed; {HINT}"
                ));
            }
        };
        match given(part(value)?) {
            Some(_) if place.is_some() => refuse(format!("{name} is given twice")),
            Some(value) => {
                *place = Some(value);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn understand(self) -> Result<PostgresUrl, ConfigError> {
        refuse_tls(self.tls.as_deref())?;
        let endpoint = endpoint(self.host.as_deref(), self.port.as_deref())?;
        let connect_timeout = self.connect_timeout.as_deref().map(connect_timeout).transpose()?;
        let user = self.user.unwrap_or_else(|| USER_DEFAULT.to_owned());
        let database = self.database.unwrap_or_else(|| user.clone());
        let password = self.password.and_then(Secret::from_text);
        let application_name = self.application_name;
        let application_name = application_name.unwrap_or_else(|| APPLICATION_NAME.to_owned());
        Ok(PostgresUrl { endpoint, user, password, database, connect_timeout, application_name })
    }
}

/// The URL without its password, and with every default filled in.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text| utf8_percent_encode(text, ENCODED);
        let (user, database) = (encoded(&self.user), encoded(&self.database));
        let mut separator = '?';
        match &self.endpoint {
            Endpoint::Tcp { .. } => {
                write!(formatter, "postgres://{user}@{}/{database}", self.endpoint)?
            }
            Endpoint::Unix(path) => {
                let folder = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
                let folder = utf8_percent_encode(&folder, ENCODED_IN_PATH);
                let port = path.extension().unwrap_or_default().to_string_lossy();
                write!(formatter, "postgres:///{database}?host={folder}&port={port}&user={user}")?;
                separator = '&';
            }
        }
        if let Some(timeout) = self.connect_timeout {
            write!(formatter, "{separator}connect_timeout={}", timeout.as_secs())?;
            separator = '&';
        }
        if self.application_name != APPLICATION_NAME {
            let name = encoded(&self.application_name);
            write!(formatter, "{separator}application_name={name}")?;
        }
        Ok(())
    }
}

/// `url` knows no user without a host, which is how a socket's URL has it: puts one there.
fn with_host(text: &str) -> Cow<'_, str> {
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

/// What would be a plain connection against the operator's word is refused.
fn refuse_tls(mode: Option<&str>) -> Result<(), ConfigError> {
    match mode {
        None | Some("disable" | "allow" | "prefer") => Ok(()),
        Some("require" | "verify-ca" | "verify-full") => {
            refuse("TLS to the store is not built in yet")
        }
        Some(_) => refuse("sslmode is disable, allow or prefer"),
    }
}

fn connect_timeout(seconds: &str) -> Result<Duration, ConfigError> {
    let allowed = CONNECT_TIMEOUT_S_MIN..=CONNECT_TIMEOUT_S_MAX;
    match integer(seconds).filter(|seconds| allowed.contains(seconds)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => refuse(format!(
            "connect_timeout is a number of seconds \
             from {CONNECT_TIMEOUT_S_MIN} to {CONNECT_TIMEOUT_S_MAX}"
        )),
    }
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// The protocol ends each of its texts with a NUL, so that none can be in one.
fn part(text: &str) -> Result<String, ConfigError> {
    let text = decoded(text)?;
    if text.contains('\0') {
        return refuse("a NUL (%00) can be in no part of the URL");
    }
    Ok(text)
}

/// The port registered for PostgreSQL.
const POSTGRES_PORT: u16 = 5432;

/// The role that a new cluster has.
const USER_DEFAULT: &str = "postgres";

const APPLICATION_NAME: &str = "headcount";

/// Stands where a host is missing; no host that is allowed has such a name.
const NO_HOST: &str = "~";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn tcp(host: &str, port: u16) -> Endpoint {
        let host = host.to_owned();
        Endpoint::Tcp { host, port }
    }

    fn unix(path: &str) -> Endpoint {
        Endpoint::Unix(PathBuf::from(path))
    }

    fn postgres(endpoint: Endpoint, user: &str, password: &str, database: &str) -> PostgresUrl {
        PostgresUrl {
            endpoint,
            user: user.to_owned(),
            password: Secret::from_text(password.to_owned()),
            database: database.to_owned(),
            connect_timeout: None,
            application_name: "headcount".to_owned(),
        }
    }

    #[test]
    fn a_url_becomes_its_parts_and_is_shown_without_its_password() {
        let local = || tcp("h", 5432);
        let socket = || unix("/run/postgresql/.s.PGSQL.5432");
        let table = [
            ("postgres://h", postgres(local(), "postgres", "", "postgres")),
            ("postgresql://h/", postgres(local(), "postgres", "", "postgres")),
            ("POSTGRES://u@h", postgres(local(), "u", "", "u")),
            ("postgres://u:p@h:1/d", postgres(tcp("h", 1), "u", "p", "d")),
            ("postgres://u:@h/d?", postgres(local(), "u", "", "d")),
            ("postgres://:p@h/d?sslmode=disable", postgres(local(), "postgres", "p", "d")),
            ("postgres://[::1]:7/d", postgres(tcp("::1", 7), "postgres", "", "d")),
            ("postgres://10.0.0.1", postgres(tcp("10.0.0.1", 5432), "postgres", "", "postgres")),
            ("postgres:///?host=::1", postgres(tcp("::1", 5432), "postgres", "", "postgres")),
            ("postgres://?host=h&user=u&port=9", postgres(tcp("h", 9), "u", "", "u")),
            ("postgres://u%40:%40%2f%25%3a%20@h/%C3%A9%2F", postgres(local(), "u@", "@/%: ", "é/")),
            ("postgres://u:a:b@h?sslmode=prefer", postgres(local(), "u", "a:b", "u")),
            ("postgres:///d?host=/run/postgresql", postgres(socket(), "postgres", "", "d")),
            ("postgres://u:p@/d?host=/run/postgresql/", postgres(socket(), "u", "p", "d")),
            ("postgres://u:p@?host=/run/postgresql", postgres(socket(), "u", "p", "u")),
            (
                "postgres:///?host=/a%20b&user=u&password=a=b%26&dbname=d&port=1&sslmode=allow",
                postgres(unix("/a b/.s.PGSQL.1"), "u", "a=b&", "d"),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(PostgresUrl::parse(text), Ok(expected.clone()), "{text}");
            let shown = PostgresUrl::parse(&expected.to_string());
            assert_eq!(shown, Ok(PostgresUrl { password: None, ..expected }), "{text}");
        }
    }

    #[test]
    fn it_is_shown_with_every_default_and_without_a_password() {
        let table = [
            ("postgres://h", "postgres://postgres@h:5432/postgres"),
            ("postgres://u%0a:zq@[::1]/d", "postgres://u%0A@[::1]:5432/d"),
            (
                "postgres:///d?host=/run/p%20g&password=zq",
                "postgres:///d?host=/run/p%20g&port=5432&user=postgres",
            ),
            (
                "postgres://h/d?application_name=%C3%A9&connect_timeout=60",
                "postgres://postgres@h:5432/d?connect_timeout=60&application_name=%C3%A9",
            ),
            (
                "postgres://u@/d?host=/s&connect_timeout=1",
                "postgres:///d?host=/s&port=5432&user=u&connect_timeout=1",
            ),
        ];
        for (text, shown) in table {
            let url = PostgresUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("zq"), "{url:?}");
            assert_eq!(PostgresUrl::parse(shown).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_wrong_url_is_refused_by_its_part() {
        let malformed = format!("the user, host or port is malformed; {HINT}");
        let no_host = format!("the host is missing; {HINT}");
        let stray = format!("a postgres:// URL has no # and one @ at most; {HINT}");
        let host = "the host is an address, or a name of letters, digits, '.', '-' and '_'";
        let port = "the port is a number from 1 to 65535";
        let tls = "TLS to the store is not built in yet";
        let mode = "sslmode is disable, allow or prefer";
        let timeout = "connect_timeout is a number of seconds from 1 to 60";
        let nul = "a NUL (%00) can be in no part of the URL";
        let path = "a socket's path has 2 to 107 bytes and no control characters";
        let unknown = |number: usize| {
            format!(
                "query parameter {number} is unknown: host, port, user, password, dbname, \
                 connect_timeout, application_name and sslmode are allowed; {HINT}"
            )
        };
        let long = format!("postgres:///d?host=/{}", "p".repeat(107));
        let table: &[(&str, &str)] = &[
            ("postgres:h", &stray),
            ("postgres://", &no_host),
            ("postgres:///d", &no_host),
            ("postgres://u:p@/d", &no_host),
            ("postgres://:5432/d", &malformed),
            ("postgres://h:x/d", &malformed),
            ("postgres://h:65536/d", &malformed),
            ("postgres://u:1/x@h/d", &stray),
            ("postgres://u:1?password=x@h/d", &stray),
            ("postgres://u:1#x@h/d", &stray),
            ("postgres://h/d#", &stray),
            ("postgres://h1,h2/d", host),
            ("postgres://%2Frun/d", host),
            ("postgres:///d?host=h1,h2", host),
            ("postgres://~/d", &no_host),
            ("postgres://h:0/d", port),
            ("postgres:///d?host=h&port=0", port),
            ("postgres:///d?host=h&port=+1", port),
            ("postgres:///d?host=h&port=65536", port),
            ("postgres://h/d?sslmode=require", tls),
            ("postgres://h/d?sslmode=verify-ca", tls),
            ("postgres://h/d?sslmode=verify-full", tls),
            ("postgres://h/d?sslmode=REQUIRE", mode),
            ("postgres://h/d?connect_timeout=0", timeout),
            ("postgres://h/d?connect_timeout=61", timeout),
            ("postgres://h/d?connect_timeout=-1", timeout),
            ("postgres://h/d?connect_timeout=1s", timeout),
            ("postgres://h/d%00", nul),
            ("postgres://u:%00@h/d", nul),
            ("postgres://h/d?application_name=%00", nul),
            ("postgres://u:%ff@h/d", "what is percent-encoded in the URL is not UTF-8"),
            ("postgres://h/d?host=h", "host is given twice"),
            ("postgres://u@h/d?user=u", "user is given twice"),
            ("postgres://:p@h/d?password=p", "password is given twice"),
            ("postgres://h/d?dbname=d", "dbname is given twice"),
            ("postgres://h:1/d?port=1", "port is given twice"),
            ("postgres://h/d?sslmode=disable&sslmode=disable", "sslmode is given twice"),
            ("postgres://h/d?sslrootcert=x", &unknown(1)),
            ("postgres://h/d?user=u&PASSWORD=p", &unknown(2)),
            ("postgres:///d?host=/s%0a", path),
            (&long, path),
        ];
        for (text, expected) in table {
            let error = PostgresUrl::parse(text).expect_err(text).to_string();
            assert_eq!(error, *expected, "{text}");
        }
    }
}
