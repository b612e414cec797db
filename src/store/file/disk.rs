//! The calls to the operating system. Nothing here knows what the bytes mean.
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

use rustix::fs::{
    AtFlags, FallocateFlags, FlockOperation, Mode, OFlags, fallocate, flock, openat, renameat,
    unlinkat,
};

/// Keys are secrets of their clients: nobody else reads a new file.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// What the name of the next file has behind that of the journal.
const NEXT_SUFFIX: &str = ".new";
/// The file that is locked may be replaced between its opening and the lock: by a process that
/// compacts and then ends. So often in a row is no accident.
const OPEN_ATTEMPTS_MAX: usize = 8;

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The journal itself.
    Journal,
    /// The one that is to take its place.
    Next,
}

/// A file, and the one that is to take its place. Errors keep their [`ErrorKind`]: a full disk is
/// told from a broken one by [`is_no_room`].
pub trait Disk {
    /// The first bytes of the journal, so many or all that it has.
    ///
    /// # Errors
    /// Of the system.
    fn read_start(&mut self, bytes: usize) -> io::Result<Vec<u8>>;

    /// All bytes of the journal; none if it is new.
    ///
    /// # Errors
    /// Of the system; [`ErrorKind::FileTooLarge`] if there are more than `bytes_max`.
    fn read(&mut self, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// Creates the next file, empty.
    ///
    /// # Errors
    /// Of the system.
    fn create_next(&mut self) -> io::Result<()>;

    /// Writes all of these bytes there. They are on the disk once [`Disk::sync`] returns.
    ///
    /// # Errors
    /// Of the system; some of the bytes may be written.
    fn write(&mut self, target: Target, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Brings to the disk what was written, and the length.
    ///
    /// # Errors
    /// Of the system; it is not known then what is on the disk, nor ever will be.
    /// [`ErrorKind::NotFound`] if the file was removed: no start will find what is in it.
    fn sync(&mut self, target: Target) -> io::Result<()>;

    /// Cuts the journal off there.
    ///
    /// # Errors
    /// Of the system.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Makes the journal so long, with room on the disk for all of it; what was not written is 0.
    ///
    /// # Errors
    /// Of the system; [`ErrorKind::Unsupported`] if the file system never can.
    fn allocate(&mut self, length: u64) -> io::Result<()>;

    /// Puts the next file in the journal's place: it is the journal from now on. That is on the
    /// disk once [`Disk::sync_folder`] returns.
    ///
    /// # Errors
    /// Of the system; [`ErrorKind::NotFound`] if the journal does not have its name any more.
    fn rename_next(&mut self) -> io::Result<()>;

    /// Removes the next file, as far as that is possible.
    fn remove_next(&mut self);

    /// Brings the names of the files to the disk.
    ///
    /// # Errors
    /// Of the system.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// Whether there was no room on the disk: there may be some later.
pub fn is_no_room(error: &io::Error) -> bool {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// The files of the operating system.
#[derive(Debug)]
pub struct FileDisk {
    folder: File,
    name: OsString,
    next_name: OsString,
    journal: File,
    next: Option<File>,
}

impl FileDisk {
    /// Opens and locks the file of this path, or creates it. Links are followed once, here: the
    /// file that they lead to is replaced, and not they.
    ///
    /// # Errors
    /// Of the system; [`ErrorKind::WouldBlock`] if another process has locked it, and
    /// [`ErrorKind::InvalidInput`] if it can be no journal.
    pub fn open(path: &Path) -> io::Result<FileDisk> {
        let resolved = resolve(path)?;
        let name = resolved.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
        let has_suffix = |name: &[u8]| name.ends_with(NEXT_SUFFIX.as_bytes());
        if has_suffix(path.as_os_str().as_bytes()) || has_suffix(name.as_bytes()) {
            return Err(invalid("a name that ends in .new is that of another file's next one"));
        }
        let folder = File::open(resolved.parent().unwrap_or(Path::new("/")))?;
        let mut next_name = name.clone();
        next_name.push(NEXT_SUFFIX);
        let journal = open_locked(&folder, &name)?;
        Ok(FileDisk { folder, name, next_name, journal, next: None })
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
        let file = self.file(target)?;
        file.sync_data()?;
        match file.metadata()?.nlink() {
            0 => Err(io::Error::new(ErrorKind::NotFound, "the file was removed or replaced")),
            _ => Ok(()),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.journal.set_len(length)
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        Ok(fallocate(&self.journal, FallocateFlags::empty(), 0, length)?)
    }

    fn rename_next(&mut self) -> io::Result<()> {
        if !is_named(&self.folder, &self.name, &self.journal.metadata()?) {
            return Err(io::Error::new(ErrorKind::NotFound, "another file has taken its name"));
        }
        let next = self.next.take().ok_or(ErrorKind::NotFound)?;
        renameat(&self.folder, &self.next_name, &self.folder, &self.name)?;
        self.journal = next;
        Ok(())
    }

    fn remove_next(&mut self) {
        self.next = None;
        // What stays is removed before the next one is created.
        unlinkat(&self.folder, &self.next_name, AtFlags::empty()).ok();
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

fn open_locked(folder: &File, name: &OsString) -> io::Result<File> {
    // The links were followed before: one that has come since is not.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let file = File::from(openat(folder, name, flags, MODE)?);
        let held = file.metadata()?;
        if !held.is_file() {
            return Err(invalid("not a regular file"));
        }
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        if is_named(folder, name, &held) {
            return Ok(file);
        }
    }
    Err(ErrorKind::WouldBlock.into())
}

/// Whether the file of this name is this one.
fn is_named(folder: &File, name: &OsString, held: &Metadata) -> bool {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let named = openat(folder, name, flags, Mode::empty()).map_err(io::Error::from);
    let named = named.and_then(|named| File::from(named).metadata());
    named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino()))
}
