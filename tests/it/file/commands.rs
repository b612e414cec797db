//! The commands on a file: done while nobody serves it, and refused while somebody does.

use super::start;
use crate::commands::{refused, said};
use crate::support::store_file::StoreFile;

#[test]
fn the_commands_change_and_read_a_file_that_nobody_serves() {
    let file = StoreFile::create();
    let url = file.url();
    let say = |words: &[&str]| said(&url, words);
    assert_eq!(say(&["create", "shoes", "--limit", "5"]), "counter shoes created: 0 of 5 taken");
    let again = say(&["create", "shoes", "--limit", "5"]);
    assert_eq!(again, "counter shoes is already there: 0 of 5 taken");
    let otherwise = refused(&url, &["create", "shoes", "--limit", "6"]);
    assert!(otherwise.contains("is there with limit 5, not 6"), "{otherwise}");
    let daemon = start(&file, &["--counter", "shoes"]);
    (1..=4).for_each(|number| assert_eq!(daemon.client().get("/").number(), Some(number)));
    drop(daemon); // With SIGKILL.
    let set = say(&["set", "shoes", "--limit", "2"]);
    assert!(set.starts_with("counter shoes: limit 5 before, 4 now; 4 taken"), "{set}");
    let taken = say(&["set", "shoes", "--taken", "7", "--limit", "9"]);
    assert_eq!(taken, "counter shoes set: 4 of 4 taken before, 7 of 9 now");
    assert!(refused(&url, &["set", "shoes", "--taken", "3"]).contains("7 are taken already"));
    let reset = say(&["reset", "shoes", "--yes"]);
    assert_eq!(reset, "counter shoes reset: 7 of 9 taken before, 0 of 9 now");
    say(&["create", "hats", "--limit", "1"]);
    let status = say(&["status"]);
    let rows: Vec<&str> =
        status.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(rows, ["NAME", "hats", "shoes"]);
    assert!(say(&["status", "shoes", "--json"]).contains(r#""taken":0,"limit":9"#));
    let missing = refused(&url, &["set", "boots", "--limit", "1"]);
    assert!(missing.contains("headcount create boots --limit N creates it"), "{missing}");
}

#[test]
fn a_file_that_is_served_is_for_its_process_alone() {
    let file = StoreFile::create();
    let daemon = start(&file, &[]);
    let url = file.url();
    for words in [
        &["status"][..],
        &["create", "shoes", "--limit", "1"],
        &["set", "default", "--limit", "1"],
        &["reset", "default", "--yes"],
    ] {
        let line = refused(&url, words);
        assert!(line.contains("another process serves it"), "{line}");
        assert!(line.contains("--admin-listen"), "{line}");
    }
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn a_look_at_a_file_makes_none() {
    let file = StoreFile::create();
    for words in [&["status"][..], &["set", "shoes", "--limit", "1"], &["reset", "shoes", "--yes"]]
    {
        let line = refused(&file.url(), words);
        assert!(line.contains("there is none: headcount create NAME"), "{line}");
    }
    assert!(!file.path().exists());
}
