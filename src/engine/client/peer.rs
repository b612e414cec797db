//! Who is at the other end of a connection.

use std::net::{Ipv6Addr, SocketAddr};

use crate::api::route::Listener;

/// The other end of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Where it has come in.
    pub listener: Listener,
}

impl Default for Peer {
    /// Nobody in particular, on the public listener.
    fn default() -> Peer {
        let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        Peer { address, listener: Listener::Public }
    }
}
