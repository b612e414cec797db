//! The program as its users see it: HTTP, command line, signals, log.

mod command_line;
mod connections;
mod draining;
mod framing;
mod full_disk;
mod log_lines;
mod refusals;
mod requests;
mod shutdown;

use crate::support::daemon::Daemon;
use crate::support::store_file::StoreFile;
use crate::support::store_server::KINDS;

/// Checks a behaviour with the count in the process, and with the count in each other store.
fn on_every_store(arguments: &[&str], check: impl Fn(&Daemon)) {
    check(&Daemon::start(arguments));
    let file = StoreFile::create();
    check(&Daemon::start_with_store(&file.url(), arguments));
    for kind in KINDS {
        let server = kind.start();
        check(&Daemon::start_with_store(&server.url(), arguments));
    }
}
