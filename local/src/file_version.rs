//! Which version of a file is on disk, to notice that it was replaced.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, time::SystemTime};

/// One version of a file. A file that was renamed over it has another inode, and one that was written in place another
/// length or modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileVersion {
    inode: (u64, u64),
    length: u64,
    pub(crate) modified: SystemTime,
}

impl FileVersion {
    /// The version of the file at `path` that is there now.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let inode = (metadata.dev(), metadata.ino());
        Ok(Self { inode, length: metadata.len(), modified: metadata.modified()? })
    }
}
