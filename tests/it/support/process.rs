//! What the tests ask of the operating system: signals, free ports, temporary folders.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use super::wait::wait_for;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The ports the tests choose from: below the kernel's ephemeral range, so that no outgoing
/// connection holds one while its server is away, and none connects to itself.
const PORT_FIRST: u32 = 10_000;
const PORT_COUNT: u32 = 20_000;

/// Sends the signal `name` ("TERM", "STOP", …) to the process `process_id`. With "STOP" it waits
/// until each thread of it has stopped.
pub fn signal(process_id: u32, name: &str) {
    // The shell's own kill: the standard library has none, and a slim system no /bin/kill.
    let script = format!("kill -s {name} {process_id}");
    let status = Command::new("sh").args(["-c", &script]).status();
    let status = status.expect("sh runs");
    assert!(status.success(), "{script} failed");
    if name == "STOP" {
        wait_for("a stopped process", || is_stopped(process_id).then_some(()));
    }
}

/// The state stands behind the name in brackets, proc_pid_stat(5).
fn is_stopped(process_id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process_id}/task")).expect("it runs");
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    })
}

/// The same to each of these processes that still is there.
pub fn signal_those_left(process_ids: &[u32], name: &str) {
    let ids: Vec<String> = process_ids.iter().map(u32::to_string).collect();
    let script = format!("for id in {}; do kill -s {name} $id; done; true", ids.join(" "));
    let command = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
    assert!(command.expect("sh runs").success(), "{script} failed");
}

/// The processes that this one has started, without those that they have started.
pub fn children(process_id: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("these tests need /proc");
    let names = entries.flatten().map(|entry| entry.file_name());
    let ids = names.filter_map(|name| name.to_str().and_then(|name| name.parse().ok()));
    ids.filter(|&id| state_and_parent(id).is_some_and(|(_, parent)| parent == process_id)).collect()
}

/// Whether it runs, or could; what has ended and waits to be seen by its parent does not.
pub fn is_running(process_id: u32) -> bool {
    state_and_parent(process_id).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// See proc(5), /proc/pid/stat: the name before them is in parentheses, and may have any bytes.
fn state_and_parent(process_id: u32) -> Option<(char, u32)> {
    let stat = fs::read(format!("/proc/{process_id}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

/// A port on loopback that nobody listens on, and that no other test of this run is given.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORT_COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        // Two runs side by side start at different places.
        let offset = id().wrapping_mul(97).wrapping_add(step) % PORT_COUNT;
        let port = u16::try_from(PORT_FIRST + offset).expect("the last port is below 65,536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on loopback");
}

/// Raises this process's limit of open files as far as it may go; the tests of this binary share
/// it.
///
/// # Panics
/// When that is not as many as a test of `needed` connections takes, with some for the others.
pub fn raise_open_files(needed: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum");
    let needed = needed + 1_000;
    assert!(maximum.is_none_or(|maximum| maximum >= needed), "ulimit -Hn must be {needed}");
}

/// A temporary folder, removed with everything in it when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder. Its path is short: a Unix socket's has under 108 bytes.
    pub fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("headcount-it-{}-{number}", id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is no reason to fail a test that is over.
        let _ = fs::remove_dir_all(&self.0);
    }
}
