//! A log file on a disk that is full after 100 KiB, and to which room can be given.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::daemon::Daemon;
use super::process::Folder;

/// Bytes that the log has room for at first.
pub const LOG_BYTES_MAX: u64 = 100 * 1024;

/// Bytes of the file system: more than any of these tests logs.
const DISK_BYTES: u64 = 32 * 1024 * 1024;

/// How a write to the log comes to fail.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The log and another file fill a file system that only the program has mounted, so that it
    /// goes away with it: ENOSPC. These arguments start a shell that may mount it.
    FileSystem(&'static [&'static str]),
    /// The program may write no larger file (`RLIMIT_FSIZE`): EFBIG. This needs no rights.
    FileSize,
}

impl Kind {
    /// The kinds that can be had here: the limit always, and a file system with the rights of root
    /// or where a user may have a namespace of his own.
    pub fn all() -> Vec<Kind> {
        shell_that_mounts().map(Kind::FileSystem).into_iter().chain([Kind::FileSize]).collect()
    }

    /// What the log says of a failed write.
    pub fn error(self) -> &'static str {
        match self {
            Kind::FileSystem(_) => "No space left on device (os error 28)",
            Kind::FileSize => "File too large (os error 27)",
        }
    }
}

/// A program whose log is on a small disk.
pub struct SmallDisk {
    pub daemon: Daemon,
    kind: Kind,
    log: File,
    /// The file that takes the rest of the file system.
    filler: Option<File>,
    _folder: Folder,
}

impl SmallDisk {
    /// Starts the program with its stdout there.
    pub fn start(kind: Kind, arguments: &[&str]) -> Self {
        let folder = Folder::create();
        let path = folder.path().display().to_string();
        let (shell, setup) = match kind {
            Kind::FileSystem(shell) => (shell, mount_and_fill(&path)),
            // In blocks of 512 bytes.
            Kind::FileSize => (["sh"].as_slice(), format!("ulimit -S -f {}", LOG_BYTES_MAX / 512)),
        };
        let setup = format!("{setup}; exec >>{path}/log");
        let daemon = Daemon::start_unread_in_shell(shell, &setup, arguments);
        // As the program sees the folder. What is open stays, even when the program has ended.
        let seen = format!("/proc/{}/root{path}", daemon.id());
        let log = File::open(format!("{seen}/log")).expect("the log is there");
        let filler = matches!(kind, Kind::FileSystem(_)).then(|| {
            let filler = File::options().write(true).open(format!("{seen}/filler"));
            filler.expect("the filler is there")
        });
        Self { daemon, kind, log, filler, _folder: folder }
    }

    /// Whether the log has all that there is room for.
    pub fn is_full(&self) -> bool {
        self.log.metadata().expect("the log is open").len() == LOG_BYTES_MAX
    }

    /// Makes room for all that the program will log.
    pub fn free(&self) {
        match (&self.kind, &self.filler) {
            (Kind::FileSystem(_), Some(filler)) => filler.set_len(0).expect("it can be emptied"),
            _ => {
                let id = i32::try_from(self.daemon.id()).ok().and_then(Pid::from_raw);
                // Only the soft limit was set, so the hard one is this process's own.
                let maximum = getrlimit(Resource::Fsize).maximum;
                let limit = Rlimit { current: maximum, maximum };
                prlimit(id, Resource::Fsize, limit).expect("the limit can be raised");
            }
        }
    }

    /// The log until now.
    pub fn read_log(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.log.metadata().expect("the log is open").len() as usize];
        self.log.read_exact_at(&mut bytes, 0).expect("a log does not shrink");
        bytes
    }
}

/// How a shell is started that may mount a file system for itself, where that can be had.
pub fn shell_that_mounts() -> Option<&'static [&'static str]> {
    let shells: [&[&str]; 2] =
        [&["unshare", "--mount", "sh"], &["unshare", "--map-root-user", "--mount", "sh"]];
    shells.into_iter().find(|shell| can_mount(shell))
}

/// Leaves [`LOG_BYTES_MAX`] for the log.
fn mount_and_fill(path: &str) -> String {
    let filler_bytes = DISK_BYTES - LOG_BYTES_MAX;
    format!(
        "mount -t tmpfs -o size={DISK_BYTES} tmpfs {path}; \
         head -c {filler_bytes} /dev/zero >{path}/filler"
    )
}

fn can_mount(shell: &[&str]) -> bool {
    let folder = Folder::create();
    let mount = format!("mount -t tmpfs tmpfs {}", Path::display(folder.path()));
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", &mount]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
