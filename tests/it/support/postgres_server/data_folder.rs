//! What a PostgreSQL needs before it runs: its programs, a user, a folder of data.
//!
//! `initdb` takes a second: it runs once, and every server gets a copy of what it made. The copy
//! to copy from is in memory, as a tar archive, so that nothing stays behind at the end.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::support::process::Folder;

/// How every server runs: each commit is on disk before it is acknowledged, and what is in
/// shared memory is small, for many run side by side.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "fsync=on",
    "synchronous_commit=on",
    "shared_buffers=8MB",
    "dynamic_shared_memory_type=mmap",
    "logging_collector=off",
];

/// Who the server runs as, since it refuses to run as root: user and group.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

/// One of PostgreSQL's own programs (`postgres`, `initdb`, `psql`), or `pgbouncer`.
///
/// # Panics
/// When PostgreSQL is not installed.
pub fn program(name: &str) -> PathBuf {
    // Debian has several versions side by side, and none of their servers in the PATH.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    versions.sort_unstable();
    let debian = versions.into_iter().rev().map(|(_, path)| path.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = debian.chain(std::env::split_paths(&path)).map(|folder| folder.join(name));
    places.find(|place| place.is_file()).unwrap_or_else(|| {
        panic!(
            "these tests need {name} under /usr/lib/postgresql/*/bin or in the PATH \
             (Debian: apt-get install postgresql postgresql-client pgbouncer)"
        )
    })
}

/// A command that runs one of PostgreSQL's programs as a user that is not root, in the process
/// that is spawned. The tests' own environment is not passed on.
pub fn command(name: &str) -> Command {
    let program = program(name);
    let mut command = match owner() {
        None => Command::new(program),
        Some(Owner { user, group }) => {
            let mut command = Command::new("setpriv");
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
            command.arg("--clear-groups").arg(program);
            command
        }
    };
    command.env_clear().env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// A folder with a cluster in [`data`] that has never run: one superuser `postgres`.
pub fn create() -> Folder {
    let folder = Folder::create();
    give_away(folder.path());
    let mut unpack = Command::new("tar");
    unpack.arg("-C").arg(folder.path()).args(["-xf", "-"]);
    unpack.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = unpack.spawn().expect("these tests need tar");
    let mut input = child.stdin.take().expect("stdin is piped");
    let written = input.write_all(template());
    drop(input);
    succeeded("tar", &child.wait_with_output().expect("tar is ours"));
    written.expect("tar takes the whole archive");
    folder
}

/// The same with a copy of the cluster that a server on this port has, which follows that server.
pub fn copy_of(port: u16) -> Folder {
    let folder = Folder::create();
    give_away(folder.path());
    let primary = format!("host=127.0.0.1 port={port} user=postgres application_name=standby");
    let backup = command("pg_basebackup")
        .args(["--dbname", &primary, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
        .arg("--pgdata")
        .arg(data(&folder))
        .current_dir(folder.path())
        .output();
    succeeded("pg_basebackup", &backup.expect("pg_basebackup runs"));
    folder
}

/// The cluster in a folder that [`create`] made.
pub fn data(folder: &Folder) -> PathBuf {
    folder.path().join("data")
}

/// The lines of `pg_hba.conf` that have one method for everybody.
pub fn access(method: &str) -> String {
    format!(
        "local all all {method}\nhost all all 127.0.0.1/32 {method}\n\
         host replication postgres 127.0.0.1/32 trust"
    )
}

/// Starts the server of a folder.
pub fn spawn(port: u16, folder: &Folder, settings: &[String]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.path().join("log"));
    let log = log.expect("the temporary folder is writable");
    let mut command = command("postgres");
    command.arg("-D").arg(data(folder)).args(["-p", &port.to_string()]);
    command.arg("-c").arg(format!("unix_socket_directories={}", folder.path().display()));
    for setting in SETTINGS.iter().copied().chain(settings.iter().map(String::as_str)) {
        command.args(["-c", setting]);
    }
    command.current_dir(folder.path()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("postgres runs; as root, these tests need setpriv (util-linux)")
}

fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = Folder::create();
        give_away(folder.path());
        // A small segment of the log: the first one is written at the start, and copied.
        let initdb = command("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "--wal-segsize=1", "--pgdata"])
            .arg(data(&folder))
            .current_dir(folder.path())
            .output();
        succeeded("initdb", &initdb.expect("initdb runs"));
        let tar =
            Command::new("tar").arg("-C").arg(folder.path()).args(["-cf", "-", "data"]).output();
        let tar = tar.expect("these tests need tar");
        succeeded("tar", &tar);
        tar.stdout
    })
}

/// None where the tests are not root's: then the server runs as they do.
fn owner() -> Option<Owner> {
    let is_root = fs::metadata("/proc/self").expect("these tests need /proc").uid() == 0;
    is_root.then(|| {
        let users = fs::read_to_string("/etc/passwd").expect("a system has users");
        let find = |name: &str| {
            let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let user = fields.into_iter().find(|fields| fields.len() > 3 && fields[0] == name)?;
            Some(Owner { user: user[2].parse().ok()?, group: user[3].parse().ok()? })
        };
        let found = find("postgres").or_else(|| find("nobody"));
        found.expect("as root these tests need a user postgres or nobody in /etc/passwd")
    })
}

/// Makes a folder the server's own; others may pass through it to the socket.
pub fn give_away(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("the folder is ours");
    if let Some(Owner { user, group }) = owner() {
        chown(path, Some(user), Some(group)).expect("root may give a folder away");
    }
}

/// Makes a private key the server's own, which refuses one that others may read.
pub fn give_key_away(path: &str) {
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("the key is ours");
    if let Some(Owner { user, group }) = owner() {
        chown(path, Some(user), Some(group)).expect("root may give a key away");
    }
}

fn succeeded(name: &str, output: &Output) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed: {words}");
}
