//! What a login on a connection can be bound to, so that nobody in between can pass it on.

/// The connection, as a login is bound to it (RFC 5056).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// It is not encrypted: there is nothing to bind to.
    #[default]
    Plain,
    /// TLS, with a server whose certificate has this hash (`tls-server-end-point`, RFC 5929,
    /// section 4). The server has proved that it has the key of that certificate.
    EndPoint(Vec<u8>),
    /// TLS, with a server whose certificate is of no use for that; says why.
    Unbindable(&'static str),
}
