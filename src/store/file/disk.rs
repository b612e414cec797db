//! What the journal asks of a disk: two files, one of which takes the place of the other. Nothing
//! here knows what the bytes mean.

use std::io::{self, ErrorKind};

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
    /// [`ErrorKind::NotFound`] if the journal was moved or removed: no start will find it.
    fn sync(&mut self, target: Target) -> io::Result<()>;

    /// Begins to bring to the disk what was written to the next file, in the background. Nothing of
    /// it may be synced or renamed until [`Disk::next_synced`] has told the end.
    ///
    /// # Errors
    /// Of the system: it was not begun.
    fn start_sync_next(&mut self) -> io::Result<()>;

    /// Whether what [`Disk::start_sync_next`] has begun is done, and how it ended; once. `None`
    /// while it goes on.
    fn next_synced(&mut self) -> Option<io::Result<()>>;

    /// Cuts the journal off there.
    ///
    /// # Errors
    /// Of the system.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Makes the file so long, with room on the disk for all of it; what was not written is 0.
    ///
    /// # Errors
    /// Of the system; [`ErrorKind::Unsupported`] if the file system never can.
    fn allocate(&mut self, target: Target, length: u64) -> io::Result<()>;

    /// Puts the next file in the journal's place: it is the journal from now on. That is on the
    /// disk once [`Disk::sync_folder`] returns.
    ///
    /// # Errors
    /// Of the system; [`ErrorKind::NotFound`] if one of them does not have its name any more.
    fn rename_next(&mut self) -> io::Result<()>;

    /// Removes the next file, as far as that is possible. A sync of it that runs is forgotten.
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
