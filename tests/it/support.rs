//! What the tests stand on: the program as a child process, a store of their own, an HTTP client,
//! a load. Every server listens on loopback on a port of its own, so that tests run side by side;
//! every wait is for a condition, and [`wait::PATIENCE`] only turns a hang into a failure.

pub mod certificates;
pub mod daemon;
pub mod front;
pub mod http_client;
pub mod lines;
pub mod load;
pub mod nginx;
pub mod path_load;
pub mod pgbouncer;
pub mod postgres_server;
pub mod postgres_wire;
pub mod probe;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod redis_cluster;
pub mod redis_server;
pub mod resp;
pub mod sentinels;
pub mod small_disk;
pub mod start;
pub mod store_file;
pub mod store_server;
pub mod vitals;
pub mod wait;
