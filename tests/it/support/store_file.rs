//! A file that holds counters, in a folder of its own.

use std::path::{Path, PathBuf};

use super::process::Folder;

/// Removed with its folder when it is dropped.
pub struct StoreFile {
    folder: Folder,
}

impl StoreFile {
    /// A folder without a file yet.
    pub fn create() -> StoreFile {
        StoreFile { folder: Folder::create() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("count")
    }

    /// As `--store` has it.
    pub fn url(&self) -> String {
        format!("file:{}", self.path().display())
    }
}
