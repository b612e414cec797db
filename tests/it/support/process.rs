//! What the tests ask of the operating system: signals, free ports, temporary folders.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

/// The ports the tests choose from: below the kernel's ephemeral range, so that no outgoing
/// connection holds one while its server is away, and none connects to itself.
const PORT_FIRST: u32 = 10_000;
const PORT_COUNT: u32 = 20_000;

/// Sends the signal `name` ("TERM", "STOP", …) to the process `process_id`.
pub fn signal(process_id: u32, name: &str) {
    // The shell's own kill: the standard library has none, and a slim system no /bin/kill.
    let script = format!("kill -s {name} {process_id}");
    let status = Command::new("sh").args(["-c", &script]).status();
    let status = status.expect("sh runs");
    assert!(status.success(), "{script} failed");
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
