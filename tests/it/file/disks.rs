//! Disks that are full, folders that cannot be written, and files that are taken away.

use std::fs;
use std::process::Command;

use super::start;
use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::small_disk::shell_that_mounts;
use crate::support::store_file::StoreFile;
use crate::support::wait::wait_until;

#[test]
fn a_file_that_is_moved_or_removed_ends_the_takes() {
    taken_away(|file| fs::remove_file(file.path()).expect("it is there"));
    taken_away(|file| {
        let other = file.folder().join("other");
        fs::rename(file.path(), other).expect("it is there");
    });
    taken_away(|file| {
        let other = file.folder().join("other");
        fs::copy(file.path(), &other).expect("it is there");
        fs::rename(other, file.path()).expect("it takes its place");
    });
}

fn taken_away(take_away: impl Fn(&StoreFile)) {
    let file = StoreFile::create();
    let daemon = start(&file, &["--limit", "1000"]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    take_away(&file);
    assert!(daemon.client().get("/").is_unavailable());
    let line = daemon.wait_for_log("the failure", |line| line["level"] == "ERROR");
    assert_eq!(line["reason"], "disk");
    assert!(line["hint"].as_str().is_some_and(|hint| hint.contains("restart")), "{line}");
    let ready = daemon.client().get("/readyz");
    assert_eq!((ready.status, &ready.json()["error"]), (503, &"disk".into()));
    assert_eq!(daemon.client().get("/livez").status, 200);
}

/// A process whose file system is filled, by a file that is as large as the room there is.
fn fill(daemon: &Daemon, folder: &str) -> String {
    // As the process sees the folder: it has mounted it for itself.
    let filler = format!("/proc/{}/root{folder}/filler", daemon.id());
    let mut size = 32 * 1024 * 1024;
    let mut filled = 0;
    while size > 0 {
        let bytes = vec![1; filled + size];
        match fs::write(&filler, &bytes) {
            Ok(()) => filled += size,
            Err(_) => size /= 2,
        }
        fs::write(&filler, vec![1; filled]).expect("so much has room");
    }
    filler
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let Some(shell) = shell_that_mounts() else {
        eprintln!("no file system can be mounted here: the simulated disk alone was full");
        return;
    };
    let file = StoreFile::create();
    let folder = file.folder().display().to_string();
    // No more than what the file allocates ahead, and a little.
    let setup = format!("mount -t tmpfs -o size=4194304 tmpfs {folder}");
    let arguments = ["--store", &file.url(), "--limit", "1000000"];
    let daemon = Daemon::start_unread_in_shell(shell, &setup, &arguments);
    daemon.wait_until_ready();
    let mut client = HttpClient::connect(daemon.address());
    let filler = fill(&daemon, &folder);
    let mut last = 0;
    // What was allocated before the disk was full is used up first.
    wait_until("the disk to be full", || {
        let answers = (0..500).map(|_| take(&mut client)).collect::<Vec<_>>();
        last = answers.iter().flatten().copied().max().unwrap_or(last).max(last);
        answers.contains(&None)
    });
    assert_eq!(client.get("/readyz").status, 503);
    fs::remove_file(filler).expect("it is there");
    wait_until("it to go on", || client.get("/readyz").status == 200);
    assert_eq!(take(&mut client), Some(last + 1), "nothing was taken for those refused");
}

/// The number of a take, whose key is so long that it soon fills what there is.
fn take(client: &mut HttpClient) -> Option<u64> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let key = format!("{:0>250}", NEXT.fetch_add(1, Ordering::Relaxed));
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\n\r\n");
    client.send(head.as_bytes());
    let answer = client.receive();
    assert!(answer.number().is_some() || answer.is_unavailable(), "{answer:?}");
    answer.number()
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_with_what_it_takes() {
    let Some(shell) = shell_that_mounts() else {
        eprintln!("no file system can be mounted here: no folder was read-only");
        return;
    };
    let file = StoreFile::create();
    drop(start(&file, &[]));
    let script = "mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"; \
        exec \"$2\" --listen 127.0.0.1:0 --store \"$3\"";
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-ec", script, "sh"]).arg(file.folder());
    command.args([env!("CARGO_BIN_EXE_headcount"), &file.url()]);
    let output = command.output().expect("the shell starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("to write its folder"), "{error}");
    assert!(error.contains("Read-only file system"), "{error}");
}
