//! Starting a server of a test's own: on a port that nobody else took, and what it said last.

use std::fs;

use super::process::{Folder, free_port};

/// How often a start is tried when another process took the port in between.
const START_ATTEMPTS_MAX: u32 = 20;

/// Lines of a log that are printed.
const LOG_TAIL_LINES: usize = 20;

/// Tries to start the server of this name on one free port after the other.
///
/// # Panics
/// If it never starts.
pub fn on_free_port<T>(name: &str, mut try_start: impl FnMut(u16) -> Option<T>) -> T {
    let started = (0..START_ATTEMPTS_MAX).find_map(|_| try_start(free_port()));
    started.unwrap_or_else(|| panic!("{name} starts; see its log above"))
}

/// Prints the last lines of the file `log` in the folder of a server.
pub fn print_log_tail(name: &str, port: u16, folder: &Folder) {
    let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
    eprintln!("--- {name} on port {port} said last:\n{}", tail.join("\n"));
}
