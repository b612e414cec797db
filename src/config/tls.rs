//! How the connection to a store is encrypted, as its URL says.
//!
//! A URL names files; [`TlsConfig::read_files`] reads them, and how is passed in. Knows nothing of
//! certificates, nor of TLS itself.

mod postgres;
mod redis;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::utf8_percent_encode;

use super::endpoint::ENCODED_IN_PATH;
use super::value::{ConfigError, quoted, refuse};
use crate::limits::TLS_FILE_BYTES_MAX;

pub(super) use postgres::TlsParameters;
pub(super) use redis::TLS_PARAMETERS;

/// TLS to a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsConfig {
    /// When it is used.
    pub demand: TlsDemand,
    /// What of the server's certificate is verified.
    pub verification: Verification,
    /// Who may have issued it.
    pub roots: Roots,
    /// Who we are, for a server that wants to know.
    pub client: Option<ClientIdentity>,
}

/// When TLS is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsDemand {
    /// Only if the server refuses a plain connection.
    Allow,
    /// If the server has it.
    Prefer,
    /// Always.
    Require,
}

/// Whether the login is bound to the TLS connection, so that nobody in between can pass it on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where the server can do it.
    #[default]
    Prefer,
    /// Always: else there is no login.
    Require,
}

/// What of the server's certificate is verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verification {
    /// Nothing: it keeps out who listens, and not who stands in between.
    Nothing,
    /// That one of the roots has issued it, for whatever name, and that it has not expired.
    Issuer,
    /// That, and that it is for the host of the URL.
    IssuerAndName,
}

/// Who may have issued the server's certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Roots {
    /// The public authorities, as they are built in.
    Public,
    /// Those in a file.
    File(PemFile),
}

/// A client certificate and its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientIdentity {
    /// The certificate, and those between it and its root.
    pub certificate: PemFile,
    /// Its private key.
    pub key: PemFile,
}

/// A file of the URL, and what it holds: `Debug` shows its path alone.
#[derive(Clone, PartialEq, Eq)]
pub struct PemFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl TlsConfig {
    /// Whether it names certificates, and a connection may go without TLS all the same.
    pub fn may_ignore_certificates(&self) -> bool {
        let names_some = matches!(self.roots, Roots::File(_)) || self.client.is_some();
        names_some && self.demand != TlsDemand::Require
    }

    /// Reads the files that the URL names.
    ///
    /// # Errors
    /// One of them cannot be read, or is too long.
    pub(super) fn read_files(
        &mut self,
        read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), ConfigError> {
        if let Roots::File(file) = &mut self.roots {
            file.read(read_file)?;
        }
        if let Some(client) = &mut self.client {
            client.certificate.read(read_file)?;
            client.key.read(read_file)?;
        }
        Ok(())
    }
}

impl ClientIdentity {
    /// Both files, or neither; `names` are those of their parameters.
    pub(super) fn from_paths(
        certificate: Option<String>,
        key: Option<String>,
        names: [&str; 2],
    ) -> Result<Option<ClientIdentity>, ConfigError> {
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(ClientIdentity {
                certificate: PemFile::at(certificate),
                key: PemFile::at(key),
            })),
            _ => {
                refuse(format!("{} and {} go together: one of them is missing", names[0], names[1]))
            }
        }
    }
}

impl PemFile {
    /// A file that is not read yet.
    pub(super) fn at(path: String) -> PemFile {
        PemFile { path: PathBuf::from(path), bytes: Vec::new() }
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where it is, in quotes and escaped, for an error.
    pub fn quoted_path(&self) -> String {
        quoted(&self.path.to_string_lossy())
    }

    fn read(
        &mut self,
        read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), ConfigError> {
        let bytes = read_file(&self.path);
        let path = self.quoted_path();
        self.bytes = match bytes {
            Ok(bytes) if bytes.len() > TLS_FILE_BYTES_MAX => {
                return refuse(format!("{path} has more than {TLS_FILE_BYTES_MAX} bytes"));
            }
            Ok(bytes) => bytes,
            Err(error) => return refuse(format!("cannot read {path}: {error}")),
        };
        Ok(())
    }
}

/// The path as it stands in a URL.
impl fmt::Display for PemFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string_lossy();
        write!(formatter, "{}", utf8_percent_encode(&path, ENCODED_IN_PATH))
    }
}

impl fmt::Debug for PemFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.path)
    }
}

/// Whether this build has TLS at all.
pub const HAS_TLS: bool = cfg!(feature = "tls");

/// What a build without TLS says where it is asked for.
pub(super) const NOT_BUILT_IN: &str =
    "this build has no TLS: use one with the feature tls, as the released image is";
