//! Files that are not served: each has its line, and exit code 1.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use super::start;
use crate::support::daemon::run;
use crate::support::store_file::StoreFile;

/// The one line of a process that cannot start.
fn refusal(url: &str) -> String {
    let finished = run(&["--listen", "127.0.0.1:0", "--store", url], &[]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(1), 1), "{finished:?}");
    finished.stderr[0].clone()
}

/// A file from which so many were taken.
fn used(takes: u64) -> StoreFile {
    let file = StoreFile::create();
    let daemon = start(&file, &[]);
    (1..=takes).for_each(|number| assert_eq!(daemon.client().get("/").number(), Some(number)));
    file
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let file = StoreFile::create();
    let daemon = start(&file, &[]);
    assert!(refusal(&file.url()).contains("another process serves it"));
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn what_is_no_file_of_headcount_is_left_alone() {
    let file = StoreFile::create();
    let text = "a letter to a friend, which is no journal at all, however long it may be";
    fs::write(file.path(), text).expect("the folder can be written");
    assert!(refusal(&file.url()).contains("it is no file of headcount"));
    assert_eq!(fs::read_to_string(file.path()).expect("it is there"), text);
    let url = format!("file:{}/nowhere/count", file.folder().display());
    assert!(refusal(&url).contains("its folder does not exist"));
    let url = format!("file:{}", file.folder().display());
    assert!(refusal(&url).contains("Is a directory"), "a folder is no file");
}

#[test]
fn damage_is_refused_with_its_place_and_a_torn_end_is_cut_off() {
    let file = used(3);
    let bytes = fs::read(file.path()).expect("it is there");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("it is not empty");
    let open = || OpenOptions::new().write(true).open(file.path()).expect("it is there");
    // In the last record but one or before: there is a record behind it.
    let place = 64;
    open().write_all_at(&[bytes[place] ^ 0xff], place as u64).expect("it can be written");
    let line = refusal(&file.url());
    assert!(line.contains("it is damaged at byte "), "{line}");
    assert!(line.contains("headcount set NAME --taken N"), "{line}");
    open().write_all_at(&[bytes[place]], place as u64).expect("it can be written");
    // The last record, as a crash may leave it: nobody was told of it.
    open().write_all_at(&[bytes[end] ^ 0xff], end as u64).expect("it can be written");
    let daemon = start(&file, &[]);
    let line = daemon.wait_for_log("the torn end", |line| line["offset"].is_u64());
    assert_eq!(line["level"], "INFO");
    assert_eq!(daemon.taken(), 2, "the test tore off what was acknowledged");
}

#[test]
fn a_newer_format_is_refused_by_its_version() {
    let file = used(1);
    let version_at = 8;
    let open = OpenOptions::new().write(true).open(file.path()).expect("it is there");
    open.write_all_at(&[77], version_at).expect("it can be written");
    let line = refusal(&file.url());
    assert!(line.contains("(the format is version 77)"), "{line}");
}

#[test]
fn a_file_with_two_names_is_refused() {
    let file = used(1);
    let other = file.folder().join("other");
    fs::hard_link(file.path(), &other).expect("a file can have two names");
    assert!(refusal(&file.url()).contains("a hard link"));
    fs::remove_file(other).expect("it is there");
    assert_eq!(start(&file, &[]).taken(), 1);
}
