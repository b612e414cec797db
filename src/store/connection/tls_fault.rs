//! What is wrong with TLS, in words that say what to do about it.

use crate::store::error::{Fault, StoreError};
use crate::store::wire::Wire;

/// Whose parameters the words name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Redis, or Valkey.
    Redis,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// That of a protocol.
    pub fn of(wire: &Wire) -> Dialect {
        match wire {
            Wire::Redis(_) => Dialect::Redis,
            Wire::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A reply that is no TLS.
    pub fn not_tls(self) -> &'static str {
        match self {
            Dialect::Redis => {
                "the server speaks no TLS on this port: use its TLS port, or redis:// in --store"
            }
            Dialect::Postgres => "what the server sent is no TLS: see what is in between",
        }
    }

    /// A TLS alert in reply to plain text.
    pub fn plain_to_tls(self) -> &'static str {
        match self {
            Dialect::Redis => {
                "the server speaks TLS on this port: use rediss:// in --store, or its other port"
            }
            Dialect::Postgres => "the server speaks TLS from the first byte on: use another port",
        }
    }

    /// A connection without TLS was closed before anything came.
    pub fn closed_plain(self) -> Option<&'static str> {
        match self {
            Dialect::Redis => {
                Some("nothing came before: if this is a TLS port, use rediss:// in --store")
            }
            Dialect::Postgres => None,
        }
    }

    /// Nothing came in reply to the start of TLS.
    pub fn silence(self) -> &'static str {
        match self {
            Dialect::Redis => {
                "nothing came in reply to the start of TLS: the server is busy, or speaks no TLS \
                 on this port (then use its TLS port, or redis:// in --store)"
            }
            Dialect::Postgres => "nothing came in reply to the start of TLS",
        }
    }

    /// The server went when TLS had begun, before it said anything.
    pub fn closed_after_handshake(self) -> &'static str {
        match self {
            Dialect::Redis => {
                "nothing came after the TLS handshake: the server may want a client certificate \
                 (cert=FILE and key=FILE in --store)"
            }
            Dialect::Postgres => {
                "nothing came after the TLS handshake: the server may want a client certificate \
                 (sslcert=FILE and sslkey=FILE in --store)"
            }
        }
    }

    /// The parameter that names who may have issued the server's certificate.
    pub fn root_parameter(self) -> &'static str {
        match self {
            Dialect::Redis => "ca=FILE",
            Dialect::Postgres => "sslrootcert=FILE",
        }
    }

    /// The parameters of a client certificate.
    pub fn client_parameters(self) -> &'static str {
        match self {
            Dialect::Redis => "cert=FILE and key=FILE",
            Dialect::Postgres => "sslcert=FILE and sslkey=FILE",
        }
    }
}

/// TLS failed, as `detail` says.
pub fn tls_fault(detail: impl Into<String>) -> Fault {
    Fault { error: StoreError::Tls, detail: detail.into() }
}
