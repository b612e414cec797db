//! The only part that knows mio and sockets: the event loop, and whose bytes go where.

pub mod acceptor;
pub mod admin_listener;
pub mod change_queue;
pub mod client_sockets;
pub mod committer;
pub mod event_loop;
pub mod probe;
pub mod process_stats;
pub mod resolver;
pub mod shared_socket;
pub mod socket;
pub mod store_socket;
pub mod store_sockets;
