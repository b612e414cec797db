//! The only part that knows mio and sockets: the event loop, and whose bytes go where.

pub mod acceptor;
pub mod client_sockets;
pub mod event_loop;
pub mod probe;
pub mod resolver;
pub mod socket;
pub mod store_socket;
