//! The journal in a real folder.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::{SMALL, compact, create, digest, key, take};
use crate::store::file::disk::{Disk, Target};
use crate::store::file::draft::Take;
use crate::store::file::file_disk::FileDisk;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{CommitError, Progress};
use crate::store::file::recovery::{OpenError, RecoveryError};
use crate::store::file::tail::Sizes;
use crate::store::keys::Keys;

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("headcount-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder can be made");
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn open(path: PathBuf) -> Journal<FileDisk> {
    let disk = FileDisk::open(&path).expect("it is free");
    Journal::open_with(disk, 1, SMALL).expect("the disk is well").0
}

#[test]
fn what_was_committed_is_there_again_through_compactions() {
    let folder = Folder::new("again");
    let mut journal = open(folder.path("count"));
    journal.change("shoes", &create(500), 5).expect("it is new");
    let mut compacted = 0;
    for number in 0..200 {
        take(&mut journal, "shoes", &[&format!("key-{}", number % 50)], 1);
        compacted += u32::from(compact(&mut journal).expect("the disk is well"));
    }
    assert!(compacted > 0);
    let held = digest(journal.state());
    drop(journal);
    assert_eq!(digest(open(folder.path("count")).state()), held);
    let names = fs::read_dir(&folder.0).expect("it is there").count();
    assert_eq!(names, 1, "no other file is left");
    let mode = fs::metadata(folder.path("count")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn twenty_thousand_keys_come_while_it_compacts_and_are_there_again() {
    const KEYS: usize = 20_000;
    let folder = Folder::new("many");
    let sizes = Sizes {
        snapshot_payload_bytes: 16 * 1024,
        sync_bytes: 64 * 1024,
        last_sync_bytes: 8 * 1024,
        ..SMALL
    };
    let disk = FileDisk::open(&folder.path("count")).expect("it is free");
    let (mut journal, _) = Journal::open_with(disk, 1, sizes).expect("the disk is well");
    journal.change("shoes", &create(KEYS as u64), 5).expect("it is new");
    let place = journal.state().find("shoes").expect("it is there");
    let (mut compacted, mut waited) = (0, 0);
    for batch in 0..KEYS / 50 {
        let numbers = batch * 50..(batch + 1) * 50;
        let keys = numbers.map(|number| key(&format!("{number:0>36}"))).collect();
        journal.commit(&[Take { place, count: 0, keys }]).expect("the disk is well");
        let mut progress = journal.compact_step().expect("the disk is well");
        // However slow the disk is, a sync of it goes on for two commits at the most.
        while progress == Progress::Waiting && batch % 2 == 1 {
            thread::sleep(Duration::from_millis(1));
            progress = journal.compact_step().expect("the disk is well");
        }
        match progress {
            Progress::Done => compacted += 1,
            Progress::More | Progress::Waiting => waited += 1,
            Progress::Idle => {}
        }
    }
    assert!(compacted > 2 && waited > 50, "{compacted} compactions, {waited} steps");
    let held = digest(journal.state());
    drop(journal);
    let journal = open(folder.path("count"));
    assert_eq!(journal.state().keys(), KEYS as u64);
    assert_eq!(digest(journal.state()), held);
}

#[test]
fn what_is_left_of_a_compaction_is_removed_at_the_next_start() {
    let folder = Folder::new("left");
    let mut journal = shoes(folder.path("count"));
    while journal.compact_step().expect("the disk is well") == Progress::Idle {
        take(&mut journal, "shoes", &[], 1);
    }
    take(&mut journal, "shoes", &["late"], 1);
    assert!(folder.path("count.new").exists());
    let held = digest(journal.state());
    drop(journal);
    assert_eq!(digest(open(folder.path("count")).state()), held);
    assert!(!folder.path("count.new").exists());
}

#[test]
fn a_file_is_locked_by_one_also_after_another_took_its_place() {
    let folder = Folder::new("locked");
    let refused = || FileDisk::open(&folder.path("count")).err().map(|error| error.kind());
    let disk = FileDisk::open(&folder.path("count")).expect("it is free");
    assert_eq!(refused(), Some(ErrorKind::WouldBlock));
    let (journal, _) = Journal::open(disk, 1).expect("the disk is well");
    assert_eq!(refused(), Some(ErrorKind::WouldBlock));
    drop(journal);
    assert_eq!(refused(), None);
}

#[test]
fn a_link_is_followed_and_stays_and_one_in_the_way_of_the_next_file_is_not() {
    let folder = Folder::new("link");
    fs::write(folder.path("other"), "not ours").expect("it can be written");
    symlink(folder.path("count"), folder.path("link")).expect("a link can be made");
    drop(open(folder.path("count")));
    symlink(folder.path("other"), folder.path("count.new")).expect("a link can be made");
    drop(open(folder.path("link")));
    let link = fs::symlink_metadata(folder.path("link")).expect("it is there");
    assert!(link.is_symlink());
    assert_eq!(fs::read(folder.path("other")).expect("it is there"), b"not ours");
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new("refused");
    let refused = |name: &str| FileDisk::open(&folder.path(name)).map(|_| ()).expect_err("refused");
    assert_eq!(refused("nowhere/count").kind(), ErrorKind::NotFound);
    fs::create_dir(folder.path("folder")).expect("it can be made");
    assert_eq!(refused("folder").kind(), ErrorKind::IsADirectory);
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let folder = Folder::new("large");
    let mut disk = FileDisk::open(&folder.path("count")).expect("it is free");
    disk.write(Target::Journal, 0, b"12345").expect("there is room");
    assert_eq!(disk.read(5).expect("it is small"), b"12345");
    assert_eq!(disk.read(4).map_err(|error| error.kind()), Err(ErrorKind::FileTooLarge));
}

/// A journal with the counter `shoes`, in this file.
fn shoes(path: PathBuf) -> Journal<FileDisk> {
    let mut journal = open(path);
    journal.change("shoes", &create(500), 5).expect("it is new");
    journal
}

fn commit(journal: &mut Journal<FileDisk>) -> Result<(), CommitError> {
    let place = journal.state().find("shoes").expect("it is there");
    journal.commit(&[Take { place, count: 1, keys: Keys::NONE }]).map(|_| ())
}

#[test]
fn nobody_is_answered_out_of_a_file_that_was_removed_or_replaced() {
    let folder = Folder::new("removed");
    for is_replaced in [false, true] {
        let mut journal = shoes(folder.path("count"));
        commit(&mut journal).expect("the disk is well");
        if is_replaced {
            fs::write(folder.path("other"), "").expect("it can be written");
            fs::rename(folder.path("other"), folder.path("count")).expect("it can be moved");
        } else {
            fs::remove_file(folder.path("count")).expect("it can be removed");
        }
        for _ in 0..2 {
            assert!(matches!(commit(&mut journal), Err(CommitError::Failed(_))), "{is_replaced}");
        }
        fs::remove_file(folder.path("count")).ok();
    }
}

#[test]
fn a_snapshot_takes_the_place_of_no_other_file() {
    let folder = Folder::new("other");
    let mut disk = FileDisk::open(&folder.path("count")).expect("it is free");
    // It still has a name, but no longer this one.
    fs::rename(folder.path("count"), folder.path("kept")).expect("it can be moved");
    fs::write(folder.path("count"), "not ours").expect("it can be written");
    disk.create_next().expect("there is room");
    assert!(disk.rename_next().is_err());
    assert_eq!(fs::read(folder.path("count")).expect("it is there"), b"not ours");
}

#[test]
fn a_folder_that_is_moved_takes_the_journal_with_it() {
    let folder = Folder::new("moved");
    fs::create_dir(folder.path("before")).expect("it can be made");
    let mut journal = shoes(folder.path("before/count"));
    fs::rename(folder.path("before"), folder.path("after")).expect("it can be moved");
    let mut compacted = 0;
    for _ in 0..100 {
        commit(&mut journal).expect("the disk is well");
        compacted += u32::from(compact(&mut journal).expect("the disk is well"));
    }
    assert!(compacted > 0);
    let held = digest(journal.state());
    drop(journal);
    assert_eq!(digest(open(folder.path("after/count")).state()), held);
}

#[test]
fn a_link_to_no_file_is_refused_and_stays() {
    let folder = Folder::new("dangling");
    symlink(folder.path("nowhere"), folder.path("link")).expect("a link can be made");
    let refused = FileDisk::open(&folder.path("link")).map(|_| ()).expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
    assert!(fs::symlink_metadata(folder.path("link")).expect("it is there").is_symlink());
    assert_eq!(fs::read_dir(&folder.0).expect("it is there").count(), 1);
}

#[test]
fn a_name_that_the_next_file_of_another_may_have_is_refused() {
    let folder = Folder::new("next-name");
    fs::write(folder.path("count"), "").expect("it can be written");
    symlink(folder.path("count"), folder.path("link.new")).expect("a link can be made");
    for name in ["count.new", "link.new"] {
        let refused = FileDisk::open(&folder.path(name)).map(|_| ()).expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
    }
}

#[test]
fn the_next_file_has_the_owner_of_the_journal() {
    let folder = Folder::new("owner");
    fs::write(folder.path("count"), "").expect("it can be written");
    // Only root may give a file away; to anybody else there is no other owner to keep.
    let owner = if chown(folder.path("count"), Some(1), Some(2)).is_ok() {
        (1, 2)
    } else {
        let held = fs::metadata(folder.path("count")).expect("it is there");
        (held.uid(), held.gid())
    };
    drop(open(folder.path("count")));
    let held = fs::metadata(folder.path("count")).expect("it is there");
    assert_eq!((held.uid(), held.gid()), owner);
}

#[test]
fn another_file_is_known_by_its_start_however_large_it_is() {
    let folder = Folder::new("start");
    fs::write(folder.path("count"), "PK and more").expect("it can be written");
    let file = fs::OpenOptions::new().write(true).open(folder.path("count")).expect("it is there");
    file.set_len(5 << 30).expect("a hole takes no room");
    let disk = FileDisk::open(&folder.path("count")).expect("it is free");
    let refused = Journal::open(disk, 1).map(|_| ()).expect_err("refused");
    assert!(matches!(refused, OpenError::Recovery(RecoveryError::Foreign)), "{refused:?}");
}
