//! TLS by rustls, without a socket: bytes in, bytes out.
//!
//! rustls itself reads the clock, for a certificate's dates, and the system's random source.
//! Sessions are not resumed: connections are few, and each verifies the server anew.

mod end_point;
mod verifier;
mod words;

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::tls_fault::{Dialect, tls_fault};
use crate::config::{ClientIdentity, PemFile, Roots, TlsConfig, Verification};
use crate::store::channel::Channel;
use crate::store::error::{Fault, StoreError};

/// What all connections to a store have in common.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    dialect: Dialect,
    verification: Verification,
}

/// The TLS of one connection.
pub struct TlsSession {
    connection: Box<ClientConnection>,
    dialect: Dialect,
    verification: Verification,
    has_received: bool,
    is_channel_told: bool,
}

impl TlsClient {
    /// # Errors
    /// A file does not hold what it should; says which.
    pub fn new(config: &TlsConfig, dialect: Dialect) -> io::Result<TlsClient> {
        let provider = Arc::new(provider());
        let verifier: Arc<dyn ServerCertVerifier> = match config.verification {
            Verification::Nothing => Arc::new(verifier::Nothing::new(&provider)),
            Verification::Issuer => {
                Arc::new(verifier::Issuer::new(roots(&config.roots)?, &provider)?)
            }
            Verification::IssuerAndName => verifier::full(roots(&config.roots)?, &provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut client = match &config.client {
            Some(client) => {
                let (chain, key) = identity(client)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    let path = client.key.quoted_path();
                    io::Error::other(format!("the key in {path} cannot be used: {error}"))
                })?
            }
            None => builder.with_no_client_auth(),
        };
        client.resumption = Resumption::disabled();
        let verification = config.verification;
        Ok(TlsClient { config: Arc::new(client), dialect, verification })
    }

    /// A session with the server that is called `host`.
    ///
    /// # Errors
    /// No certificate can be for such a name.
    pub fn session(&self, host: &str) -> Result<TlsSession, Fault> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| tls_fault(format!("no certificate can be for the name {host}")))?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| words::fault(&error, self.dialect))?;
        let (dialect, verification) = (self.dialect, self.verification);
        Ok(TlsSession {
            connection: Box::new(connection),
            dialect,
            verification,
            has_received: false,
            is_channel_told: false,
        })
    }
}

impl TlsSession {
    /// Whether the server is not verified yet.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the server has sent anything behind its handshake.
    pub fn has_received(&self) -> bool {
        self.has_received
    }

    /// What a login can be bound to: once, when the handshake is done.
    pub fn take_channel(&mut self) -> Option<Channel> {
        if self.is_channel_told || self.is_handshaking() {
            return None;
        }
        self.is_channel_told = true;
        let certificate = self.connection.peer_certificates()?.first()?;
        Some(match end_point::end_point(certificate) {
            _ if !verifier::is_readable(certificate) => Channel::Unbindable(OLD_FORM),
            Some(hash) => Channel::EndPoint(hash),
            None => Channel::Unbindable(NO_HASH),
        })
    }

    /// Moves the records that wait in rustls to `out`; after an error, the alert that tells of it.
    pub fn write_records(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // A Vec takes everything.
            let _ = self.connection.write_tls(out);
        }
    }

    /// Decrypts what came, and appends it to `plain`.
    ///
    /// # Errors
    /// The connection must be given up.
    pub fn open(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), Fault> {
        while !bytes.is_empty() {
            self.connection.read_tls(&mut bytes).map_err(broken)?;
            let state = self.connection.process_new_packets();
            let state = state.map_err(|error| words::fault(&error, self.dialect))?;
            let start = plain.len();
            plain.resize(start + state.plaintext_bytes_to_read(), 0);
            self.connection.reader().read_exact(&mut plain[start..]).map_err(broken)?;
            self.has_received |= plain.len() > start;
            // rustls takes no bytes from here on. What came just before is asked for again.
            if state.peer_has_closed() {
                return Err(closed());
            }
        }
        Ok(())
    }

    /// Moves what is to be sent from `plain` to `out`, encrypted; until the handshake is done, only
    /// what belongs to that.
    pub fn seal(&mut self, plain: &mut Vec<u8>, out: &mut Vec<u8>) {
        let mut sealed = 0;
        loop {
            self.write_records(out);
            if self.connection.is_handshaking() || sealed == plain.len() {
                break;
            }
            // As much of it as a bounded buffer of rustls takes at once.
            match self.connection.writer().write(&plain[sealed..]) {
                Ok(count) if count > 0 => sealed += count,
                _ => break,
            }
        }
        plain.drain(..sealed);
        plain.shrink_to(UNSEALED_KEPT_BYTES);
    }

    /// The version and the suite, and what was verified.
    pub fn outcome(&self) -> String {
        let version = self.connection.protocol_version().and_then(|it| it.as_str());
        let version = version.unwrap_or("TLS").replace('_', ".").replace("TLSv", "TLS ");
        let suite = self.connection.negotiated_cipher_suite().map(|it| it.suite());
        let suite = suite.and_then(|it| it.as_str()).unwrap_or("a suite without a name");
        let verified = match self.verification {
            Verification::Nothing => "the server's certificate is not verified",
            Verification::Issuer => "the issuer of the server's certificate is verified",
            Verification::IssuerAndName => "the server's certificate is verified",
        };
        format!("{version}, {suite}; {verified}")
    }
}

/// ring, with the suites and groups that stores have. P-256 beside X25519: PostgreSQL 15 knows no
/// other group unless told.
fn provider() -> CryptoProvider {
    use ring::cipher_suite;
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ],
        kx_groups: vec![ring::kx_group::X25519, ring::kx_group::SECP256R1],
        ..ring::default_provider()
    }
}

fn roots(roots: &Roots) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::Public => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Roots::File(file) => {
            for certificate in certificates(file)? {
                store.add(certificate).map_err(|error| {
                    let path = file.quoted_path();
                    io::Error::other(format!("a certificate in {path} cannot be used: {error}"))
                })?;
            }
        }
    }
    Ok(store)
}

fn identity(
    client: &ClientIdentity,
) -> io::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let key = PrivateKeyDer::from_pem_slice(client.key.bytes()).map_err(|_| {
        let path = client.key.quoted_path();
        io::Error::other(format!("{path} has no private key in PEM, or an encrypted one"))
    })?;
    Ok((certificates(&client.certificate)?, key))
}

/// At least one.
fn certificates(file: &PemFile) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file.bytes()).collect();
    certificates.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
        let path = file.quoted_path();
        io::Error::other(format!("{path} has no certificate in PEM, or a broken one"))
    })
}

/// The server has ended the connection, as RFC 8446, section 6.1, has it.
fn closed() -> Fault {
    Fault { error: StoreError::Unreachable, detail: "closed by the store, over TLS".to_owned() }
}

/// What rustls cannot take, though no error of TLS.
fn broken(error: io::Error) -> Fault {
    Fault { error: StoreError::Protocol, detail: format!("TLS: {error}") }
}

/// The keys stay out of every log.
impl fmt::Debug for TlsClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsSession").finish_non_exhaustive()
    }
}

const OLD_FORM: &str =
    "the server's certificate is not of X.509 version 3, and proves nothing here";

const NO_HASH: &str =
    "the signature of the server's certificate has no hash to bind to, as Ed25519";

/// Capacity kept for the next requests; what a burst took beyond it is given back.
const UNSEALED_KEPT_BYTES: usize = 4 * 1024;
