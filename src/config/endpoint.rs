//! The parts that a store's URL is made of, whichever the store.
//!
//! No error here repeats anything of its input: it may be part of a password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str};
use url::{Host, Url};

use super::value::{ConfigError, refuse};

/// The likeliest cause of a malformed URL is a password that was not encoded.
pub(super) const HINT: &str =
    "in a user or password write / ? # @ : & % as %2F %3F %23 %40 %3A %26 %25";

/// What is shown of a URL has everything encoded but RFC 3986's unreserved characters (section
/// 2.3).
pub(super) const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same, for a path in one piece.
pub(super) const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Where to connect to. Shown as `host:port` (an IPv6 address in brackets) or as the path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// A name or an address (IPv6 without its brackets), and a port that is not 0.
    Tcp {
        /// Letters, digits, `.`, `-` and `_`, or an IPv6 address.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// The absolute path of a Unix socket, short enough for the kernel.
    Unix(PathBuf),
}

/// A password: `Debug` shows `***`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Endpoint {
    /// Host and port of `url`; without a port the store's own.
    pub(super) fn tcp(url: &Url, port_default: u16) -> Result<Endpoint, ConfigError> {
        let port = url.port().unwrap_or(port_default);
        match url.host() {
            Some(Host::Domain(name)) => Endpoint::named(name, port),
            Some(Host::Ipv4(address)) => Endpoint::named(&address.to_string(), port),
            Some(Host::Ipv6(address)) => Endpoint::named(&address.to_string(), port),
            None => refuse(format!("the host is missing; {HINT}")),
        }
    }

    /// A host's name or address, an IPv6 one without its brackets.
    pub(super) fn named(host: &str, port: u16) -> Result<Endpoint, ConfigError> {
        let host = match host.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => host_name(host)?,
        };
        match port {
            0 => refuse("the port is a number from 1 to 65535"),
            port => Ok(Endpoint::Tcp { host, port }),
        }
    }

    /// What a server has named; `None` if it is nothing to connect to.
    pub fn of_host(host: &str, port: u16) -> Option<Endpoint> {
        Endpoint::named(host, port).ok()
    }

    /// The percent-encoded path of a Unix socket.
    pub(super) fn unix(path: &str) -> Result<Endpoint, ConfigError> {
        Endpoint::socket(decoded(path)?)
    }

    /// The path of a Unix socket as it is.
    pub(super) fn socket(path: String) -> Result<Endpoint, ConfigError> {
        let length_allowed = (2..=SOCKET_PATH_BYTES_MAX).contains(&path.len());
        if !length_allowed || path.contains(char::is_control) {
            return refuse(format!(
                "a socket's path has 2 to {SOCKET_PATH_BYTES_MAX} bytes and no control characters"
            ));
        }
        Ok(Endpoint::Unix(PathBuf::from(path)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port } if host.contains(':') => {
                write!(formatter, "[{host}]:{port}")
            }
            Endpoint::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Endpoint::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}

impl Secret {
    /// `None` for an empty password, which is what a template with nothing to fill in leaves.
    pub(super) fn from_text(password: String) -> Option<Secret> {
        (!password.is_empty()).then_some(Secret(password))
    }

    /// The password itself, for the store's handshake and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// `text` without its percent-encoding.
pub(super) fn decoded(text: &str) -> Result<String, ConfigError> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => refuse("what is percent-encoded in the URL is not UTF-8"),
    }
}

fn host_name(name: &str) -> Result<String, ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.is_empty() || name.len() > HOST_BYTES_MAX || !name.bytes().all(allowed) {
        return refuse("the host is an address, or a name of letters, digits, '.', '-' and '_'");
    }
    Ok(name.to_owned())
}

/// Bytes of a host's name (RFC 1035, section 2.3.4, without the length octets).
const HOST_BYTES_MAX: usize = 253;

/// Bytes of a Unix socket's path: Linux gives `sun_path` 108 with the NUL (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;
