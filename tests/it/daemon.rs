//! The program as its users see it: HTTP, command line, signals, log.

mod command_line;
mod connections;
mod framing;
mod log_lines;
mod refusals;
mod requests;
mod shutdown;

use crate::support::daemon::Daemon;
use crate::support::redis_server::RedisServer;

/// Checks a behaviour twice: with the count in the process, and with the count in Redis.
fn on_every_store(arguments: &[&str], check: impl Fn(&Daemon)) {
    check(&Daemon::start(arguments));
    let redis = RedisServer::start(&[]);
    check(&Daemon::start_with_store(&redis.url(), arguments));
}
