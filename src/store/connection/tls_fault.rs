//! What is wrong with TLS, in words that say what to do about it.

use crate::limits::TLS_DETAIL_BYTES_MAX;
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
                "the server speaks TLS on this port: use rediss:// in --store (for a sentinel \
                 rediss+sentinel://), or its other port"
            }
            Dialect::Postgres => "the server speaks TLS from the first byte on: use another port",
        }
    }

    /// A connection without TLS was closed before anything came.
    pub fn closed_plain(self) -> Option<&'static str> {
        match self {
            Dialect::Redis => Some(
                "nothing came before: if this is a TLS port, use rediss:// in --store, and \
                     for a sentinel rediss+sentinel://",
            ),
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

/// TLS failed, as `detail` says: as much of it as a log line bears, since rustls repeats all that a
/// certificate claims.
pub fn tls_fault(detail: impl Into<String>) -> Fault {
    let mut detail = detail.into();
    detail.truncate(detail.floor_char_boundary(TLS_DETAIL_BYTES_MAX));
    Fault { error: StoreError::Tls, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_end_can_make_long_is_cut() {
        for (unit, count) in [("x", 100_000), ("é", 100_000), ("\u{10ffff}", 100_000)] {
            let detail = tls_fault(unit.repeat(count)).detail;
            let length = detail.len();
            assert!(
                (TLS_DETAIL_BYTES_MAX - 3..=TLS_DETAIL_BYTES_MAX).contains(&length),
                "{length}"
            );
            assert_eq!(detail, unit.repeat(length / unit.len()));
        }
        assert_eq!(tls_fault("short").detail, "short");
    }
}
