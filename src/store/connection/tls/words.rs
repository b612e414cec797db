//! What rustls's errors mean, in words that say what to do.

use rustls::{AlertDescription, CertificateError, Error};

use crate::store::connection::tls_fault::{Dialect, tls_fault};
use crate::store::error::Fault;

/// The error as a connection takes it.
pub fn fault(error: &Error, dialect: Dialect) -> Fault {
    tls_fault(match error {
        Error::InvalidCertificate(error) => certificate(error, dialect),
        Error::AlertReceived(alert) => refused(*alert, dialect),
        Error::InvalidMessage(_) => dialect.not_tls().to_owned(),
        Error::PeerIncompatible(why) => {
            format!("no version or suite of TLS in common with the server: {why:?}")
        }
        error => format!("the TLS handshake failed: {error}"),
    })
}

fn certificate(error: &CertificateError, dialect: Dialect) -> String {
    use CertificateError::ApplicationVerificationFailure as NotItsKey;
    use CertificateError::{BadSignature, NotValidYet, NotValidYetContext, UnknownIssuer};
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext};
    match error {
        Expired | ExpiredContext { .. } => {
            "the server's certificate has expired: renew it, or set this host's clock".to_owned()
        }
        NotValidYet | NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: set this host's clock".to_owned()
        }
        // The second: one of the same name signs with another key.
        UnknownIssuer | BadSignature => format!(
            "the server's certificate is self-signed, or of an authority that is not known here: \
             name the authority's certificate with {} in --store",
            dialect.root_parameter()
        ),
        NotValidForNameContext { expected, presented } => {
            let names = presented.iter().take(NAMES_MAX).map(|name| plain_name(name));
            let mut names = names.collect::<Vec<_>>().join(", ");
            names.truncate(names.floor_char_boundary(NAMES_BYTES_MAX));
            format!(
                "the server's certificate is not for {}, but for {}: connect to a name that it has",
                expected.to_str(),
                if names.is_empty() { "no name at all" } else { &names }
            )
        }
        NotItsKey => "the server does not prove that it has the key of its certificate: somebody \
            may stand in between, or it is an RSA key of less than 2048 bits"
            .to_owned(),
        NotValidForName => "the server's certificate is for another name".to_owned(),
        // In the words of webpki, which names what it cannot take.
        error => format!(
            "the server's certificate cannot be used: {error}; it must be of X.509 version 3, with \
             the host among its subjectAltNames, and not the authority's own"
        ),
    }
}

/// webpki writes `DnsName("shop.example")` and `IpAddress(10.0.0.1)`.
fn plain_name(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"')
}

fn refused(alert: AlertDescription, dialect: Dialect) -> String {
    let parameters = dialect.client_parameters();
    match alert {
        AlertDescription::CertificateRequired => {
            format!("the server wants a client certificate: {parameters} in --store")
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => format!(
            "the server does not accept the client certificate ({alert:?}): see {parameters} in \
             --store"
        ),
        // How OpenSSL asks for a client certificate in TLS 1.2.
        AlertDescription::HandshakeFailure => format!(
            "the server refused the TLS handshake: it has no suite in common, or wants a client \
             certificate ({parameters} in --store)"
        ),
        alert => format!("the server refused the TLS handshake ({alert:?}): see its own log"),
    }
}

/// Names of a certificate in a line: it may have hundreds.
const NAMES_MAX: usize = 4;

/// Bytes of them.
const NAMES_BYTES_MAX: usize = 256;
