//! PostgreSQL as the store: `postgres://` as a value.
//!
//! The form is libpq's (PostgreSQL's manual, "Connection URIs"), with fewer parameters, and one
//! difference: without a user it is `postgres`, since an image without an operating system has
//! no user's name to take. As everywhere in a store's URL, no error repeats anything of its text.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use url::Url;

use super::endpoint::{ENCODED, ENCODED_IN_PATH, Endpoint, HINT, Secret, decoded};
use super::postgres_hosts::{endpoints, host, listed, port, split_hosts, with_host};
use super::query::{Query, given_twice};
use super::tls::{ChannelBinding, TlsConfig, TlsParameters};
use super::value::{ConfigError, integer, refuse};
use crate::limits::{CONNECT_TIMEOUT_S_MAX, CONNECT_TIMEOUT_S_MIN};

/// What is needed to reach a counter in PostgreSQL. No text in it has a NUL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostgresUrl {
    /// Where to connect to.
    pub endpoint: Endpoint,
    /// Hosts that are tried after it, in this order: one of all may be written to.
    pub others: Vec<Endpoint>,
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
    /// How it is encrypted, if it is; a Unix socket never is.
    pub tls: Option<Box<TlsConfig>>,
    /// Whether the login is bound to that.
    pub channel_binding: ChannelBinding,
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
    session: Option<String>,
    options: Option<String>,
    pooler: Option<String>,
    tls: TlsParameters,
}

impl PostgresUrl {
    /// Reads a `postgres://` or `postgresql://` URL.
    ///
    /// # Errors
    /// Says which part is wrong, and repeats nothing of `text`.
    pub(super) fn parse(text: &str) -> Result<PostgresUrl, ConfigError> {
        // The protocol ends each of its texts with a NUL, so that none can be in one.
        if text.contains("%00") {
            return refuse("a NUL (%00) can be in no part of the URL");
        }
        let mut parameters = Parameters::default();
        let query = parameters.take_parts(&with_host(text))?;
        parameters.take_query(Query::parse(&query, &PARAMETERS)?)?;
        parameters.understand()
    }
}

impl Parameters {
    /// Takes what comes before the query, and returns the query.
    fn take_parts(&mut self, text: &str) -> Result<String, ConfigError> {
        let malformed = || ConfigError::new(format!("the user, host or port is malformed; {HINT}"));
        let (first, others) = split_hosts(text);
        let url = Url::parse(&first).map_err(|_| malformed())?;
        let query = url.query().unwrap_or_default();
        // A raw @ behind the host is what is left of a password: as a database it would be shown.
        let is_plain = text.contains("://") && url.fragment().is_none();
        if !is_plain || url.path().contains('@') || query.contains('@') {
            return refuse(format!("a postgres:// URL has no # and one @ at most; {HINT}"));
        }
        let (mut hosts, mut ports) = (vec![host(&url)], vec![port(&url)]);
        for other in others {
            let url = Url::parse(&format!("postgres://{other}")).map_err(|_| malformed())?;
            hosts.push(host(&url).filter(|_| url.username().is_empty()));
            ports.push(port(&url));
        }
        self.host = listed(hosts);
        self.port = listed(ports);
        self.user = given(decoded(url.username())?);
        self.password = given(decoded(url.password().unwrap_or_default())?);
        self.database = given(decoded(url.path().strip_prefix('/').unwrap_or_default())?);
        Ok(query.to_owned())
    }

    /// Takes the parameters of the query. What comes before it is not said there again.
    fn take_query(&mut self, mut query: Query) -> Result<(), ConfigError> {
        let places = [
            ("host", &mut self.host),
            ("port", &mut self.port),
            ("user", &mut self.user),
            ("password", &mut self.password),
            ("dbname", &mut self.database),
            ("connect_timeout", &mut self.connect_timeout),
            ("application_name", &mut self.application_name),
            ("target_session_attrs", &mut self.session),
            ("options", &mut self.options),
            ("pgbouncer", &mut self.pooler),
        ];
        for (name, place) in places {
            let Some(value) = query.take(name) else { continue };
            if place.replace(value).is_some() {
                return refuse(given_twice(name));
            }
        }
        self.tls = TlsParameters::of(&mut query);
        Ok(())
    }

    fn understand(self) -> Result<PostgresUrl, ConfigError> {
        let channel_binding = self.tls.binding()?;
        let tls = self.tls.understand()?;
        refuse_reading(self.session.as_deref())?;
        refuse_options(self.options.as_deref(), self.pooler.as_deref())?;
        let mut others = endpoints(self.host.as_deref(), self.port.as_deref())?;
        let endpoint = others.remove(0);
        let connect_timeout = self.connect_timeout.as_deref().map(connect_timeout).transpose()?;
        let user = self.user.unwrap_or_else(|| USER_DEFAULT.to_owned());
        let database = self.database.unwrap_or_else(|| user.clone());
        let password = self.password.and_then(Secret::from_text);
        let application_name = self.application_name;
        let application_name = application_name.unwrap_or_else(|| APPLICATION_NAME.to_owned());
        // As libpq has it: nobody reads what goes over a Unix socket.
        let is_tcp = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Tcp { .. });
        let has_network = is_tcp(&endpoint) || others.iter().any(is_tcp);
        let tls = tls.filter(|_| has_network).map(Box::new);
        Ok(PostgresUrl {
            endpoint,
            others,
            user,
            password,
            database,
            connect_timeout,
            application_name,
            tls,
            channel_binding,
        })
    }
}

/// The URL without its password, and with every default filled in.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text| utf8_percent_encode(text, ENCODED);
        let (user, database) = (encoded(&self.user), encoded(&self.database));
        let mut separator = '?';
        let endpoints = || std::iter::once(&self.endpoint).chain(&self.others);
        if endpoints().all(|endpoint| matches!(endpoint, Endpoint::Tcp { .. })) {
            let hosts: Vec<String> = endpoints().map(Endpoint::to_string).collect();
            write!(formatter, "postgres://{user}@{}/{database}", hosts.join(","))?;
        } else {
            let (hosts, ports): (Vec<String>, Vec<String>) = endpoints().map(host_and_port).unzip();
            let (hosts, ports) = (hosts.join(","), ports.join(","));
            write!(formatter, "postgres:///{database}?host={hosts}&port={ports}&user={user}")?;
            separator = '&';
        }
        if let Some(timeout) = self.connect_timeout {
            write!(formatter, "{separator}connect_timeout={}", timeout.as_secs())?;
            separator = '&';
        }
        if self.application_name != APPLICATION_NAME {
            let name = encoded(&self.application_name);
            write!(formatter, "{separator}application_name={name}")?;
            separator = '&';
        }
        if matches!(self.endpoint, Endpoint::Tcp { .. }) {
            for parameter in TlsConfig::postgres_parameters(self.tls.as_deref()) {
                write!(formatter, "{separator}{parameter}")?;
                separator = '&';
            }
        }
        if let Some(parameter) = self.channel_binding.parameter() {
            write!(formatter, "{separator}{parameter}")?;
        }
        Ok(())
    }
}

/// As they stand in the parameters of a query.
fn host_and_port(endpoint: &Endpoint) -> (String, String) {
    match endpoint {
        Endpoint::Tcp { host, port } => (host.clone(), port.to_string()),
        Endpoint::Unix(path) => {
            let folder = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
            let folder = utf8_percent_encode(&folder, ENCODED_IN_PATH).to_string();
            (folder, path.extension().unwrap_or_default().to_string_lossy().into_owned())
        }
    }
}

/// Who takes numbers writes: a session that must not write is of no use.
fn refuse_reading(session: Option<&str>) -> Result<(), ConfigError> {
    match session {
        None | Some("any" | "read-write" | "primary") => Ok(()),
        Some(_) => refuse("target_session_attrs is read-write or primary: numbers are written"),
    }
}

/// What the consoles of providers add, and what needs nothing of us: Neon takes the endpoint from
/// the name that TLS names, and a pooler is seen by itself.
fn refuse_options(options: Option<&str>, pooler: Option<&str>) -> Result<(), ConfigError> {
    let is_endpoint = |options: &str| {
        let name = options.strip_prefix("endpoint=").unwrap_or_default();
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !name.is_empty() && name.bytes().all(is_of_name)
    };
    if options.is_some_and(|options| !is_endpoint(options)) {
        return refuse("options is endpoint=NAME, which needs nothing; no other option is set");
    }
    match pooler {
        None | Some("true") => Ok(()),
        Some(_) => refuse("pgbouncer is true: a pooler is seen without it"),
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

/// The names of the parameters, in the order in which an error lists them.
const PARAMETERS: [&str; 16] = [
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "connect_timeout",
    "application_name",
    "target_session_attrs",
    "sslmode",
    "ssl",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "channel_binding",
    "options",
    "pgbouncer",
];

/// The role that a new cluster has.
const USER_DEFAULT: &str = "postgres";

const APPLICATION_NAME: &str = "headcount";

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
        let tls = match &endpoint {
            Endpoint::Tcp { .. } => TlsParameters::default().understand().unwrap().map(Box::new),
            Endpoint::Unix(_) => None,
        };
        PostgresUrl {
            tls,
            channel_binding: ChannelBinding::Prefer,
            endpoint,
            others: Vec::new(),
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
            (
                "postgres://:p@h/d?sslmode=disable",
                PostgresUrl { tls: None, ..postgres(local(), "postgres", "p", "d") },
            ),
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
    fn what_the_consoles_of_providers_add_needs_nothing_of_us() {
        let expected = PostgresUrl::parse("postgres://u:p@h/d?sslmode=require").unwrap();
        for query in [
            "sslmode=require&options=endpoint%3Dep-cool-darkness-123456",
            "options=endpoint=ep-cool-darkness-123456&ssl=true",
            "sslmode=require&pgbouncer=true",
            "ssl=true&pgbouncer=true&options=&pgbouncer=",
        ] {
            let url = PostgresUrl::parse(&format!("postgres://u:p@h/d?{query}"));
            assert_eq!(url.as_ref(), Ok(&expected), "{query}");
        }
    }

    #[test]
    fn several_hosts_are_tried_in_their_order() {
        let several = |endpoints: &[Endpoint]| {
            let others = endpoints[1..].to_vec();
            PostgresUrl { others, ..postgres(endpoints[0].clone(), "u", "p", "d") }
        };
        let table = [
            ("postgres://u:p@h1:1,h2/d", several(&[tcp("h1", 1), tcp("h2", 5432)])),
            (
                "postgres://u:p@h1,[::1]:7,10.0.0.1/d?target_session_attrs=primary",
                several(&[tcp("h1", 5432), tcp("::1", 7), tcp("10.0.0.1", 5432)]),
            ),
            ("postgres://u:p@/d?host=h1,h2&port=9", several(&[tcp("h1", 9), tcp("h2", 9)])),
            (
                "postgres://u:p@/d?host=h1,/s&port=1,2&target_session_attrs=any",
                several(&[tcp("h1", 1), unix("/s/.s.PGSQL.2")]),
            ),
            (
                "postgres://u:p%2C@h1,h2/d",
                PostgresUrl {
                    password: Secret::from_text("p,".to_owned()),
                    ..several(&[tcp("h1", 5432), tcp("h2", 5432)])
                },
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
                "postgres://h/d?sslmode=require&channel_binding=require",
                "postgres://postgres@h:5432/d?sslmode=require&channel_binding=require",
            ),
            ("postgres://h/d?channel_binding=prefer", "postgres://postgres@h:5432/d"),
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
        let mode = "sslmode is disable, allow, prefer, require, verify-ca or verify-full";
        let timeout = "connect_timeout is a number of seconds from 1 to 60";
        let nul = "a NUL (%00) can be in no part of the URL";
        let path = "a socket's path has 2 to 107 bytes and no control characters";
        let unknown = |number: usize| {
            format!(
                "query parameter {number} is unknown: host, port, user, password, dbname, \
                 connect_timeout, application_name, target_session_attrs, sslmode, ssl, \
                 sslrootcert, sslcert, sslkey, channel_binding, options and pgbouncer are \
                 allowed; {HINT}"
            )
        };
        let options = "options is endpoint=NAME, which needs nothing; no other option is set";
        let reading = "target_session_attrs is read-write or primary: numbers are written";
        let many = format!("postgres://{}/d", "h,".repeat(16) + "h");
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
            ("postgres://%2Frun/d", host),
            ("postgres://h1,h%20/d", host),
            ("postgres://h1,,h2/d", &no_host),
            ("postgres://h1,h2:0/d", port),
            ("postgres:///d?host=h1,h2,h3&port=1,2", "there is one port, or as many as hosts"),
            ("postgres://h1,h2/d?target_session_attrs=standby", reading),
            (&many, "there are more than 16 hosts"),
            ("postgres://~/d", &no_host),
            ("postgres://h:0/d", port),
            ("postgres:///d?host=h&port=0", port),
            ("postgres:///d?host=h&port=+1", port),
            ("postgres:///d?host=h&port=65536", port),
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
            ("postgres://h/d?options=-c%20search_path%3Dx", options),
            ("postgres://h/d?options=endpoint%3D", options),
            ("postgres://h/d?options=endpoint%3Da%20-c%20search_path%3Dx", options),
            ("postgres://h/d?options=endpoint%3Da&options=endpoint%3Da", "options is given twice"),
            ("postgres://h/d?pgbouncer=false", "pgbouncer is true: a pooler is seen without it"),
            ("postgres://h/d?gssencmode=x", &unknown(1)),
            ("postgres://h/d?sslmod=x", "query parameter 1 is unknown; did you mean sslmode?"),
            ("postgres://h/d?sslkey=%00", nul),
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
