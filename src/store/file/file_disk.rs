//! The calls to the operating system.
//!
//! The lock is on the file itself. A new file takes its place by a rename, so it is locked before;
//! and whoever has locked a file makes sure that it is still the one of this name. The names are
//! looked up in the folder that was opened, so that one which is moved takes them with it.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use rustix::fs::{
    AtFlags, FallocateFlags, FlockOperation, Mode, OFlags, fallocate, flock, openat, renameat,
    statat, unlinkat,
};

use rustix::io::Errno;

use crate::store::file::disk::{Disk, Target};

/// Keys are secrets of their clients: nobody else reads a new file.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// What the name of the next file has behind that of the journal.
const NEXT_SUFFIX: &str = ".new";
/// The file that is locked may be replaced between its opening and the lock: by a process that
/// compacts and then ends. So often in a row is no accident.
const OPEN_ATTEMPTS_MAX: usize = 8;

/// The files of the operating system.
#[derive(Debug)]
pub struct FileDisk {
    folder: File,
    name: OsString,
    next_name: OsString,
    journal: File,
    next: Option<File>,
    /// The sync of the next file that runs in the background.
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl FileDisk {
    /// Opens and locks the file of this path, or creates it. Links are followed once, here: the
    /// file that they lead to is replaced, and not they.
    ///
    /// # Errors
    /// Of the system; [`ErrorKind::WouldBlock`] if another process has locked it, and
    /// [`ErrorKind::InvalidInput`] if it can be no journal.
    pub fn open(path: &Path) -> io::Result<FileDisk> {
        FileDisk::open_with(path, OFlags::CREATE)
    }

    /// The same for a file that is there.
    ///
    /// # Errors
    /// The same; [`ErrorKind::NotFound`] if there is none.
    pub fn open_existing(path: &Path) -> io::Result<FileDisk> {
        FileDisk::open_with(path, OFlags::empty())
    }

    fn open_with(path: &Path, creating: OFlags) -> io::Result<FileDisk> {
        let resolved = resolve(path)?;
        let name = resolved.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
        let has_suffix = |name: &[u8]| name.ends_with(NEXT_SUFFIX.as_bytes());
        if has_suffix(path.as_os_str().as_bytes()) || has_suffix(name.as_bytes()) {
            return Err(invalid("a name that ends in .new is that of another file's next one"));
        }
        let folder = File::open(resolved.parent().unwrap_or(Path::new("/")))?;
        let mut next_name = name.clone();
        next_name.push(NEXT_SUFFIX);
        let journal = open_locked(&folder, &name, creating)?;
        Ok(FileDisk { folder, name, next_name, journal, next: None, syncing: None })
    }

    fn file(&self, target: Target) -> io::Result<&File> {
        match target {
            Target::Journal => Ok(&self.journal),
            Target::Next => self.next.as_ref().ok_or_else(|| ErrorKind::NotFound.into()),
        }
    }
}

impl Disk for FileDisk {
    fn read_start(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        let length = self.journal.metadata()?.len().min(bytes as u64);
        let mut start = vec![0; length as usize];
        self.journal.read_exact_at(&mut start, 0)?;
        Ok(start)
    }

    fn read(&mut self, bytes_max: u64) -> io::Result<Vec<u8>> {
        let length = self.journal.metadata()?.len();
        if length > bytes_max {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.read_start(length as usize)
    }

    fn create_next(&mut self) -> io::Result<()> {
        match unlinkat(&self.folder, &self.next_name, AtFlags::empty()).map_err(io::Error::from) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Only a new one, so that no link is followed.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let next = File::from(openat(&self.folder, &self.next_name, flags, MODE)?);
        let (held, made) = (self.journal.metadata()?, next.metadata()?);
        if (held.uid(), held.gid()) != (made.uid(), made.gid()) {
            fchown(&next, Some(held.uid()), Some(held.gid()))?;
        }
        next.set_permissions(held.permissions())?;
        flock(&next, FlockOperation::NonBlockingLockExclusive)?;
        self.next = Some(next);
        Ok(())
    }

    fn write(&mut self, target: Target, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(target)?.write_all_at(bytes, offset)
    }

    fn sync(&mut self, target: Target) -> io::Result<()> {
        self.file(target)?.sync_data()?;
        match target {
            // With another file in its place, or none, the next start would begin at 1.
            Target::Journal => check_name(&self.folder, &self.name, &self.journal.metadata()?),
            Target::Next => Ok(()),
        }
    }

    fn start_sync_next(&mut self) -> io::Result<()> {
        // The copy is the same open file: of a failed write the system tells one of the two.
        let next = self.file(Target::Next)?.try_clone()?;
        let sync = thread::Builder::new().name("file sync".into()).spawn(move || next.sync_data());
        self.syncing = Some(sync?);
        Ok(())
    }

    fn next_synced(&mut self) -> Option<io::Result<()>> {
        let sync = self.syncing.take_if(|sync| sync.is_finished())?;
        Some(sync.join().unwrap_or_else(|_| Err(io::Error::other("the sync has panicked"))))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.journal.set_len(length)
    }

    fn allocate(&mut self, target: Target, length: u64) -> io::Result<()> {
        Ok(fallocate(self.file(target)?, FallocateFlags::empty(), 0, length)?)
    }

    fn rename_next(&mut self) -> io::Result<()> {
        check_name(&self.folder, &self.name, &self.journal.metadata()?)?;
        let next = self.file(Target::Next)?;
        check_name(&self.folder, &self.next_name, &next.metadata()?)?;
        renameat(&self.folder, &self.next_name, &self.folder, &self.name)?;
        if let Some(next) = self.next.take() {
            close(std::mem::replace(&mut self.journal, next));
        }
        Ok(())
    }

    fn remove_next(&mut self) {
        // What stays is removed before the next one is created.
        unlinkat(&self.folder, &self.next_name, AtFlags::empty()).ok();
        // The thread of a sync ends on its own; its file has no name, and nobody waits for it.
        self.syncing = None;
        if let Some(next) = self.next.take() {
            // Its room is to be had at once, however long the last user of the file holds it.
            next.set_len(0).ok();
            close(next);
        }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}

/// The path of the file behind all links. Its folder is there; the file may not be.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        // Where it leads to is not known for sure, and the link would be replaced.
        Err(_) if path.is_symlink() => Err(invalid("a link that leads to no file")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        resolved => resolved,
    }
}

fn open_locked(folder: &File, name: &OsString, creating: OFlags) -> io::Result<File> {
    // The links were followed before: one that has come since is not.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | creating;
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let file = File::from(openat(folder, name, flags, MODE)?);
        let held = file.metadata()?;
        if !held.is_file() {
            return Err(invalid("not a regular file"));
        }
        if held.nlink() > 1 {
            // The new file that takes its place has one of them alone.
            return Err(invalid("it has a second name (a hard link), which would go on apart"));
        }
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        match check_name(folder, name, &held) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            checked => return checked.map(|()| file),
        }
    }
    Err(ErrorKind::WouldBlock.into())
}

/// Closes a file that has no name any more: with its last user goes its room, which takes long if
/// it is large. Without a thread it is closed here.
fn close(file: File) {
    thread::Builder::new().name("file close".into()).spawn(move || drop(file)).ok();
}

/// Checks that the file of this name is this one.
fn check_name(folder: &File, name: &OsString, held: &Metadata) -> io::Result<()> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) if (named.st_dev, named.st_ino) == (held.dev(), held.ino()) => Ok(()),
        Ok(_) | Err(Errno::NOENT) => {
            Err(io::Error::new(ErrorKind::NotFound, "the file was moved or removed"))
        }
        Err(error) => Err(error.into()),
    }
}
