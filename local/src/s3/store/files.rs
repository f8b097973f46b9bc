//! The folder with the bytes of objects.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use super::StoredFile;

/// The most bytes that are read at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// The folder.
pub(super) enum Folder {
    Kept(PathBuf),
    /// Created with the first file.
    Temporary(Mutex<Option<TempDir>>),
}

impl Folder {
    /// A folder that stays.
    pub(super) fn at(path: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(Self::Kept(path))
    }

    /// A folder that is removed with this.
    pub(super) fn temporary() -> Self {
        Self::Temporary(Mutex::default())
    }

    pub(super) fn path(&self) -> io::Result<PathBuf> {
        match self {
            Self::Kept(path) => Ok(path.clone()),
            Self::Temporary(folder) => {
                let mut folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
                let path = match &*folder {
                    Some(folder) => folder.path(),
                    None => {
                        folder.insert(tempfile::Builder::new().prefix("funnelcast-s3-").tempdir()?).path()
                    }
                };
                Ok(path.to_owned())
            }
        }
    }

    pub(super) async fn new_file(&self) -> io::Result<NewFile> {
        let name = Uuid::now_v7().to_string();
        let path = self.path()?.join(&name);
        let file = tokio::fs::File::create_new(&path).await?;
        Ok(NewFile { file, path: Unfinished(Some(path)), name, bytes: 0 })
    }

    /// Another name for the bytes of a file.
    pub(super) fn link(&self, file: &StoredFile) -> io::Result<StoredFile> {
        let (folder, name) = (self.path()?, Uuid::now_v7().to_string());
        fs::hard_link(folder.join(&file.name), folder.join(&name))?;
        Ok(StoredFile { name, bytes: file.bytes })
    }

    /// Removes files. One that cannot be removed is removed at the next start.
    pub(super) fn remove(&self, files: &[StoredFile]) {
        for file in files {
            let removed = self.path().and_then(|folder| fs::remove_file(folder.join(&file.name)));
            if let Err(error) = removed {
                tracing::warn!(%error, file = file.name, "cannot remove a file of S3");
            }
        }
    }

    /// Removes all files but these.
    pub(super) fn retain(&self, names: &HashSet<String>) -> anyhow::Result<()> {
        let Self::Kept(folder) = self else { return Ok(()) };
        let read = || folder.display().to_string();
        for file in fs::read_dir(folder).with_context(read)? {
            let file = file.with_context(read)?;
            if !file.file_name().to_str().is_some_and(|name| names.contains(name)) {
                fs::remove_file(file.path()).with_context(|| file.path().display().to_string())?;
            }
        }
        Ok(())
    }
}

/// A file that is being written; it is removed if that does not come to its end.
pub(crate) struct NewFile {
    file: tokio::fs::File,
    path: Unfinished,
    name: String,
    bytes: u64,
}

struct Unfinished(Option<PathBuf>);

impl NewFile {
    /// Appends bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the writing. The file stays from now on.
    pub(crate) async fn finish(mut self) -> io::Result<StoredFile> {
        self.file.flush().await?;
        self.path.0 = None;
        Ok(StoredFile { name: self.name, bytes: self.bytes })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            fs::remove_file(path).ok(); // otherwise at the next start
        }
    }
}

/// The bytes of `range` of several files that are read one after the other. All are opened at once, so that it does not
/// matter if they are removed while they are read.
pub(crate) async fn read(
    files: Vec<(PathBuf, u64)>,
    range: std::ops::Range<u64>,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static> {
    let (mut opened, mut begin) = (Vec::new(), 0);
    for (path, bytes) in files {
        let end = begin + bytes;
        let (from, to) = (range.start.max(begin), range.end.min(end));
        if from < to {
            opened.push((open(&path, from - begin).await?, to - from));
        }
        begin = end;
    }
    opened.reverse();
    Ok(stream::try_unfold(opened, next_chunk))
}

async fn open(path: &Path, at: u64) -> io::Result<tokio::fs::File> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(io::SeekFrom::Start(at)).await?;
    Ok(file)
}

/// The next bytes of the last of these files, of which so many are still to be read.
async fn next_chunk(
    mut files: Vec<(tokio::fs::File, u64)>,
) -> io::Result<Option<(Bytes, Vec<(tokio::fs::File, u64)>)>> {
    let Some((file, left)) = files.last_mut() else { return Ok(None) };
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES.min(usize::try_from(*left).unwrap_or(CHUNK_BYTES)));
    let read = file.take(*left).read_buf(&mut chunk).await?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    *left -= read as u64;
    if *left == 0 {
        files.pop();
    }
    Ok(Some((chunk.freeze(), files)))
}
