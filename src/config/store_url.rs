//! Where the count lives: `--store` as a value.
//!
//! A URL may hold a password in any part of it when it is malformed, so no error here repeats
//! anything of its text, and what is kept of the password shows itself only to
//! [`super::Secret::reveal`].
//! Knows nothing of how a store is spoken to.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::utf8_percent_encode;

use super::endpoint::{ENCODED_IN_PATH, decoded};
use super::postgres_url::PostgresUrl;
use super::redis_url::{self, RedisUrl, UNIX_FORM};
use super::sentinel_url;
use super::tls::{HAS_TLS, NOT_BUILT_IN, TlsConfig};
use super::value::{ConfigError, refuse};

/// The forms of a store's URL that are built in, for `--help` and for errors.
pub(super) const FORMS: [&str; 9] = [
    "memory:",
    FILE_FORM,
    "redis://[user:password@]host[:port][,host...][/db][?wait=N]",
    "rediss://[user:password@]host[:port][,host...][/db][?ca=FILE...]",
    UNIX_FORM,
    "redis+sentinel://[user:password@]host[:port][,host...]/MASTER[/db][?wait=N]",
    "rediss+sentinel://[user:password@]host[:port][,host...]/MASTER[/db][?ca=FILE]",
    "postgres://[user[:password]@]host[:port][,host...][/db][?sslmode=MODE...]",
    "postgres:///db?host=/folder[&port=N][&user=U][&password=P]",
];

/// The store of the counter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreUrl {
    /// The process itself: the count ends with it.
    Memory,
    /// A file of this host.
    File(PathBuf),
    /// Redis 6.2 or newer, or Valkey.
    Redis(RedisUrl),
    /// PostgreSQL 12 or newer.
    Postgres(Box<PostgresUrl>),
}

impl StoreUrl {
    /// Reads a store's URL.
    ///
    /// # Errors
    /// Says which part is wrong or which forms there are, and repeats nothing of `text`.
    pub fn parse(text: &str) -> Result<StoreUrl, ConfigError> {
        // `url` would silently drop tabs and line ends; in a password that is a wrong password.
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return refuse("the URL has a space or a control character: write it as %20 and so on");
        }
        let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("memory") if text.len() == "memory:".len() => Ok(StoreUrl::Memory),
            Some("memory") => refuse("memory: has nothing after its colon"),
            Some("file") => file(text).map(StoreUrl::File),
            Some("redis" | "valkey") => redis_url::tcp(text, false).map(StoreUrl::Redis),
            Some("redis+unix") => redis_url::unix(text).map(StoreUrl::Redis),
            Some("redis+sentinel") => sentinel_url::parse(text, false).map(StoreUrl::Redis),
            Some("rediss" | "valkeys" | "rediss+sentinel") if !HAS_TLS => refuse(NOT_BUILT_IN),
            Some("rediss" | "valkeys") => redis_url::tcp(text, true).map(StoreUrl::Redis),
            Some("rediss+sentinel") => sentinel_url::parse(text, true).map(StoreUrl::Redis),
            Some("postgres" | "postgresql") => {
                PostgresUrl::parse(text).map(|url| StoreUrl::Postgres(Box::new(url)))
            }
            _ => refuse(format!("unknown kind of store; allowed is {}", forms())),
        }
    }

    /// How the connection is encrypted, if it is.
    pub fn tls(&self) -> Option<&TlsConfig> {
        match self {
            StoreUrl::Memory | StoreUrl::File(_) => None,
            StoreUrl::Redis(redis) => redis.tls.as_deref(),
            StoreUrl::Postgres(postgres) => postgres.tls.as_deref(),
        }
    }

    /// Reads the files that it names.
    ///
    /// # Errors
    /// One of them cannot be read, or does not hold what it should.
    pub(super) fn read_files(
        &mut self,
        read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), ConfigError> {
        let tls = match self {
            StoreUrl::Memory | StoreUrl::File(_) => None,
            StoreUrl::Redis(redis) => {
                if let Some(sentinels) = &mut redis.sentinels {
                    sentinels.read_password(read_file)?;
                }
                redis.tls.as_deref_mut()
            }
            StoreUrl::Postgres(postgres) => postgres.tls.as_deref_mut(),
        };
        tls.map_or(Ok(()), |tls| tls.read_files(read_file))
    }

    /// Whether it holds a password itself, and not the name of a file.
    pub(super) fn has_password(&self) -> bool {
        match self {
            StoreUrl::Memory | StoreUrl::File(_) => false,
            StoreUrl::Redis(redis) => redis.has_password(),
            StoreUrl::Postgres(postgres) => postgres.password.is_some(),
        }
    }
}

/// The URL without its password, and with every default filled in.
impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Memory => formatter.write_str("memory:"),
            StoreUrl::File(path) => {
                let path = path.to_string_lossy();
                write!(formatter, "file:{}", utf8_percent_encode(&path, ENCODED_IN_PATH))
            }
            StoreUrl::Redis(redis) => write!(formatter, "{redis}"),
            StoreUrl::Postgres(postgres) => write!(formatter, "{postgres}"),
        }
    }
}

/// `file:PATH` or `file:///PATH`, with `%20` for a space.
fn file(text: &str) -> Result<PathBuf, ConfigError> {
    let path = text.split_once(':').map_or("", |(_, path)| path);
    let path = match path.strip_prefix("//") {
        Some(path) if !path.starts_with('/') => {
            return refuse(format!("a file has no host; allowed is {FILE_FORM}"));
        }
        Some(path) => path,
        None => path,
    };
    if path.contains(['?', '#']) {
        return refuse(format!("write ? and # in a path as %3F and %23; allowed is {FILE_FORM}"));
    }
    let path = decoded(path)?;
    if path.is_empty() || path.ends_with('/') || path.contains(char::is_control) {
        return refuse(format!("allowed is {FILE_FORM}, of a file and not of a folder"));
    }
    Ok(PathBuf::from(path))
}

const FILE_FORM: &str = "file:/folder/file";

fn forms() -> String {
    FORMS.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::endpoint::{Endpoint, HINT, Secret};
    use std::path::PathBuf;

    fn redis(endpoint: Endpoint, user: &str, password: &str, database: u32) -> StoreUrl {
        StoreUrl::Redis(RedisUrl {
            endpoint,
            user: Some(user.to_owned()).filter(|user| !user.is_empty()),
            password: Secret::from_text(password.to_owned()),
            database,
            tls: None,
            sentinels: None,
            seeds: Vec::new(),
            wait: 0,
        })
    }

    fn tcp(host: &str, port: u16) -> Endpoint {
        let host = host.to_owned();
        Endpoint::Tcp { host, port }
    }

    fn file(path: &str) -> StoreUrl {
        StoreUrl::File(PathBuf::from(path))
    }

    fn unix(path: &str) -> Endpoint {
        Endpoint::Unix(PathBuf::from(path))
    }

    #[test]
    fn a_url_becomes_its_parts_and_is_shown_without_its_password() {
        let table = [
            ("memory:", StoreUrl::Memory, "memory:"),
            ("file:/var/lib/count", file("/var/lib/count"), "file:/var/lib/count"),
            ("FILE:///var/lib/count", file("/var/lib/count"), "file:/var/lib/count"),
            ("file:count", file("count"), "file:count"),
            ("file:./a%20b%3F/c", file("./a b?/c"), "file:./a%20b%3F/c"),
            ("redis://h", redis(tcp("h", 6379), "", "", 0), "redis://h:6379/0"),
            ("redis://h/", redis(tcp("h", 6379), "", "", 0), "redis://h:6379/0"),
            ("redis://h:/2", redis(tcp("h", 6379), "", "", 2), "redis://h:6379/2"),
            ("valkey://my-h_1.x:1", redis(tcp("my-h_1.x", 1), "", "", 0), "redis://my-h_1.x:1/0"),
            (
                "REDIS://10.0.0.1",
                redis(tcp("10.0.0.1", 6379), "", "", 0),
                "redis://10.0.0.1:6379/0",
            ),
            ("redis://[::1]:7/3", redis(tcp("::1", 7), "", "", 3), "redis://[::1]:7/3"),
            ("redis://[0:0::1]", redis(tcp("::1", 6379), "", "", 0), "redis://[::1]:6379/0"),
            ("redis://u:p@h:1/2", redis(tcp("h", 1), "u", "p", 2), "redis://u@h:1/2"),
            ("redis://:p@h", redis(tcp("h", 6379), "", "p", 0), "redis://h:6379/0"),
            ("redis://:@h", redis(tcp("h", 6379), "", "", 0), "redis://h:6379/0"),
            ("redis://h/?", redis(tcp("h", 6379), "", "", 0), "redis://h:6379/0"),
            ("redis://h?wait=0", redis(tcp("h", 6379), "", "", 0), "redis://h:6379/0"),
            ("redis://h?wait=", redis(tcp("h", 6379), "", "", 0), "redis://h:6379/0"),
            ("redis://:a:b@h", redis(tcp("h", 6379), "", "a:b", 0), "redis://h:6379/0"),
            ("redis://:a@b@h", redis(tcp("h", 6379), "", "a@b", 0), "redis://h:6379/0"),
            ("redis://:a+%zz%@h", redis(tcp("h", 6379), "", "a+%zz%", 0), "redis://h:6379/0"),
            (
                "redis://%C3%A9%0A:%40%2f%25%3a%20@h/4294967295",
                redis(tcp("h", 6379), "é\n", "@/%: ", u32::MAX),
                "redis://%C3%A9%0A@h:6379/4294967295",
            ),
            (
                "redis+unix:///run/r.sock",
                redis(unix("/run/r.sock"), "", "", 0),
                "redis+unix:///run/r.sock?db=0",
            ),
            (
                "redis+unix:///a%20b%3f/../c?user=%26u&db=2&password=p%26+%3D",
                redis(unix("/a b?/../c"), "&u", "p&+=", 2),
                "redis+unix:///a%20b%3F/../c?db=2&user=%26u",
            ),
            (
                "redis+unix:///r?password=a=b&",
                redis(unix("/r"), "", "a=b", 0),
                "redis+unix:///r?db=0",
            ),
        ];
        for (text, expected, shown) in table {
            assert_eq!(StoreUrl::parse(text), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), shown, "{text}");
            assert!(!format!("{expected:?}").contains("Secret("), "{expected:?}");
        }
    }

    #[test]
    fn what_is_shown_without_a_user_is_read_back_as_the_same() {
        let texts = [
            "memory:",
            "redis://h1:1,[::1]:2,h3:7/0",
            "redis://[fe80::2]:1/9",
            "redis://h:1/0?wait=16",
            "redis+unix:///a%20%25/%40?db=7",
            "redis+unix:///r?db=0&wait=1",
        ];
        for text in texts {
            let parsed = StoreUrl::parse(text).unwrap();
            assert_eq!(parsed.to_string(), text);
            assert_eq!(StoreUrl::parse(&parsed.to_string()), Ok(parsed), "{text}");
        }
    }

    #[test]
    fn an_endpoint_is_shown_as_it_is_dialled() {
        assert_eq!(tcp("h", 1).to_string(), "h:1");
        assert_eq!(tcp("::1", 1).to_string(), "[::1]:1");
        assert_eq!(unix("/run/r.sock").to_string(), "/run/r.sock");
    }

    #[test]
    fn a_wrong_url_is_refused_by_its_part() {
        let unknown = format!("unknown kind of store; allowed is {}", FORMS.join(", "));
        let malformed = format!("the user, host or port is malformed; {HINT}");
        let no_host = format!("the host is missing; {HINT}");
        let host = "the host is an address, or a name of letters, digits, '.', '-' and '_'";
        let query = format!("query parameter 1 is unknown: wait is allowed; {HINT}");
        let fragment = format!("a redis:// URL has no #; {HINT}");
        let wait = format!("wait is a number of replicas from 0 to 16; {HINT}");
        let number = format!("the database is a number from 0 to 4294967295; {HINT}");
        let control = "the URL has a space or a control character: write it as %20 and so on";
        let utf8 = "what is percent-encoded in the URL is not UTF-8";
        let user = "a user needs a password; a password alone is written :password@host";
        let unix = format!("allowed is {UNIX_FORM}, without @ and #; {HINT}");
        let path = "a socket's path has 2 to 107 bytes and no control characters";
        let parameter = |number: usize| {
            format!(
                "query parameter {number} is unknown: db, user, password and wait are allowed; \
                 {HINT}"
            )
        };
        let long_host = format!("redis://{}", "h".repeat(254));
        let long_path = format!("redis+unix:///{}", "p".repeat(107));
        let table: &[(&str, &str)] = &[
            ("", &unknown),
            ("memory", &unknown),
            ("localhost:6379", &unknown),
            ("http://h", &unknown),
            ("redis", &unknown),
            ("redis+tcp://h", &unknown),
            ("memory:x", "memory: has nothing after its colon"),
            ("memory://", "memory: has nothing after its colon"),
            ("redis://", &no_host),
            ("redis:", &no_host),
            ("redis:h", &no_host),
            ("redis:///0", &no_host),
            ("redis://:6379", &malformed),
            ("redis://u:p@", &malformed),
            ("redis://u:p@:1", &malformed),
            ("redis://h:65536", &malformed),
            ("redis://h:x", &malformed),
            ("redis://h:-1", &malformed),
            ("redis://[::1", &malformed),
            ("redis://[::g]", &malformed),
            ("redis://h<x", &malformed),
            ("redis://h:0", "the port is a number from 1 to 65535"),
            ("redis://h%41", host),
            ("redis://hé", host),
            ("redis://h!", host),
            (&long_host, host),
            ("redis://h,h2:x", &malformed),
            ("redis://h,", &no_host),
            ("redis://h,h2!", host),
            ("redis://h,h2/1", "several hosts are a Cluster, which has the database 0 alone"),
            ("redis://h,h,h,h,h,h,h,h,h,h,h,h,h,h,h,h,h", "there are more than 16 hosts"),
            ("redis://h/x", &number),
            ("redis://h/-1", &number),
            ("redis://h/+1", &number),
            ("redis://h/1/", &number),
            ("redis://h/4294967296", &number),
            ("redis://h?db=1", &query),
            ("redis://h?wait=1&x=1&y", &query.replace(" 1 ", " 2 ")),
            ("redis://h/1#", &fragment),
            ("redis://h?wait=17", &wait),
            ("redis://h?wait=-1", &wait),
            ("redis://h?wait=+1", &wait),
            ("redis://h?wait=256", &wait),
            ("redis://h?wait=1@x", &wait),
            ("redis://h?wait=1&wait=1", "wait is given twice"),
            ("redis+unix:///s?wait=x", &wait),
            ("redis://h ", control),
            ("redis://:a\tb@h", control),
            ("redis://:a\nb@h", control),
            ("redis://:%ff@h", utf8),
            ("redis://u@h", user),
            ("redis://u:@h", user),
            ("redis+unix:///s?user=u", user),
            ("redis+unix:", &unix),
            ("redis+unix:/s", &unix),
            ("redis+unix://", &unix),
            ("redis+unix://h/s", &unix),
            ("redis+unix:///s#", &unix),
            ("redis+unix:///u:p@/s", &unix),
            ("redis+unix:///", path),
            ("redis+unix:///s%00", path),
            ("redis+unix:///s%0a", path),
            (&long_path, path),
            ("redis+unix:///s%ff", utf8),
            ("redis+unix:///s?db=x", &number),
            ("redis+unix:///s?db=", &number),
            ("redis+unix:///s?db", &number),
            ("redis+unix:///s?db=1&db=1", "db is given twice"),
            ("redis+unix:///s?timeout=1", &parameter(1)),
            ("redis+unix:///s?db=1&DB=1", &parameter(2)),
            ("redis+unix:///s?passwrd=x", "query parameter 1 is unknown; did you mean password?"),
        ];
        for (text, expected) in table {
            let error = StoreUrl::parse(text).expect_err(text).to_string();
            assert_eq!(error, *expected, "{text}");
        }
    }

    /// Whole, in halves and encoded: what is left of a password must show nowhere.
    #[test]
    fn a_password_shows_nowhere_in_whatever_url() {
        let templates = [
            "redis://u:{}@h",
            "redis://:{}@h:1/1",
            "redis://u:{},{}@h1,h2",
            "redis://u:{}@h1,h2:x",
            "redis://u:{},{}/@h1,h2",
            "redis://u:{}@",
            "redis://:{}@",
            "redis://u:{}@h:x",
            "redis://u:{}@h/{}",
            "redis://u:{}@h?{}={}",
            "redis://u:{}@h#{}",
            "redis://u:{}@h\n{}",
            "redis://u:{}@[{}]",
            "redis://u:{}@{} {}",
            "redis:u:{}@h",
            "redis:/u:{}@h",
            "redis//u:{}@h",
            "redis;//u:{}@h",
            "valkey://u:{}@h:x",
            "rediss://u:{}@h",
            "redis+sentinel://u:{}@h/m",
            "redis+sentinel://u:{}@h,h2/m?sentinel_user=u&sentinel_password={}",
            "rediss+sentinel://u:{}@h/m?sentinel_password={}&{}",
            "rediss+sentinel://u:1/{}?ca={}@h/m",
            "rediss+sentinel://u:1/m?sentinel_password_file={}@h/m",
            "postgres://u:{}@h/d",
            "postgresql://u:{}@h/d",
            "postgres://u:{}@",
            "postgres://u:{}@/d?host=/s",
            "postgres://u:{}@h:x/d",
            "postgres://u:{}@h/d?{}={}",
            "postgres://u:1{}@h/d",
            "postgres://u:1/{}@h/d",
            "postgres://u:1?user={}@h/d",
            "postgres:///d?host=/s&password={}",
            "postgres:///d?host=/s&password={}&{}={}&{}",
            "postgres:///d?host=/s&password={}#{}",
            "postgres://h/d?password={}&password={}",
            "postgres://h/d?port={}&connect_timeout={}&sslmode={}",
            "{}://u:{}@h",
            "{}:",
            "{}",
            "memory:{}",
            "redis+unix://u:{}@/s",
            "redis+unix:///u:{}@/s",
            "redis+unix:///s?password={}",
            "redis+unix:///s?password={}&{}",
            "redis+unix:///s?password={}&{}={}&{}",
            "redis+unix:///s?db={}&password={}",
            "redis+unix:///s?user=u&password={}&password={}",
            "redis+unix:///s?pass={}",
            "redis+unix:///s?password=x#{}",
            "http://u:{}@h",
        ];
        let separators =
            ["", "/", "?", "#", "@", ":", "&", "%", "=", "[", "\\", " ", "\n", "\u{7f}"];
        let mut refused = 0;
        for template in templates {
            for separator in separators {
                let text = template.replace("{}", &format!("zq1s{separator}zq2t"));
                let shown = match StoreUrl::parse(&text) {
                    Ok(url) => format!("{url} {url:?}"),
                    Err(error) => {
                        refused += 1;
                        format!("{error} {error:?}")
                    }
                };
                assert!(!shown.contains("zq1s") && !shown.contains("zq2t"), "{text}: {shown}");
                assert!(!shown.contains('\n'), "{text}: {shown}");
            }
        }
        assert!((300..templates.len() * separators.len()).contains(&refused), "{refused} refused");
    }

    #[test]
    fn a_file_is_a_path_and_nothing_else() {
        let no_file = "allowed is file:/folder/file, of a file and not of a folder";
        let in_path = "write ? and # in a path as %3F and %23; allowed is file:/folder/file";
        let table = [
            ("file:", no_file),
            ("file:/folder/", no_file),
            ("file:/a%00", no_file),
            ("file://host/count", "a file has no host; allowed is file:/folder/file"),
            ("file:/a?b", in_path),
            ("file:/a#b", in_path),
        ];
        for (text, expected) in table {
            let error = StoreUrl::parse(text).expect_err(text).to_string();
            assert_eq!(error, expected, "{text}");
        }
    }
}
