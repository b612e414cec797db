//! The parts that a store's URL is made of, whichever the store.
//!
//! No error here repeats anything of its input: it may be part of a password.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::value::{ConfigError, refuse};

/// The likeliest cause of a malformed URL is a password that was not encoded.
pub(super) const HINT: &str =
    "in a user or password write / ? # @ : & % as %2F %3F %23 %40 %3A %26 %25";

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
        let host = match url.host() {
            Some(Host::Domain(name)) => host_name(name)?,
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return refuse(format!("the host is missing; {HINT}")),
        };
        match url.port().unwrap_or(port_default) {
            0 => refuse("the port is a number from 1 to 65535"),
            port => Ok(Endpoint::Tcp { host, port }),
        }
    }

    /// The percent-encoded path of a Unix socket.
    pub(super) fn unix(path: &str) -> Result<Endpoint, ConfigError> {
        let path = decoded(path)?;
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

    /// The password itself, for the store's greeting and for nothing else.
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
