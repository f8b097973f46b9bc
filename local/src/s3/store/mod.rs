//! Where the buckets' objects are: an index in `SQLite`, and the bytes in files beside it.
//!
//! An object is a list of files, in their order: one, or one for each part that it was uploaded in, so that a multipart
//! upload of any size is completed without copying a byte. A file is written whole before the index names it, and never
//! changed afterwards: whoever reads an object that is being replaced reads the old one to its end.
//!
//! With `--data` both are in that folder, where [`Journal`](crate::journal::Journal) keeps other stacks out. Without it, the
//! index is in memory, and the files are in a temporary folder, which is created with the first of them and removed with this.
//!
//! Never here: what a request means, or whether it is allowed.

mod files;
mod record;

use std::{
    collections::HashSet,
    path::Path,
    slice,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};
use s3s::S3Result;
use serde::{Serialize, de::DeserializeOwned};

use self::files::Folder;
pub(super) use self::{
    files::{NewFile, read},
    record::{ObjectHeaders, PartRecord, Record, StoredFile, UploadRecord, timestamp},
};

const INDEX: &str = "objects.sqlite";
const FOLDER: &str = "objects";
/// As those of the journal: what is committed survives the end of the process, but not a power failure.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;";
/// Texts are compared by their bytes, which is the order that S3 lists keys in.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS objects (
        bucket TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS uploads (
        id TEXT NOT NULL PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS parts (
        upload TEXT NOT NULL, number INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (upload, number))
        WITHOUT ROWID;";

/// The objects of all buckets, and the multipart uploads that have not ended.
pub(super) struct Store {
    index: Mutex<Connection>,
    folder: Folder,
}

/// What [`Store::put`] demands of the object that it replaces; it is given `None` if there is none.
pub(super) type Precondition<'a> = &'a (dyn Fn(Option<&Record>) -> S3Result<()> + Sync);

impl Store {
    /// Opens the store in the folder `data`; without a folder, one that ends with the process.
    ///
    /// Fails if the folder cannot be read or written.
    pub(super) fn open(data: Option<&Path>) -> anyhow::Result<Self> {
        let (connection, folder) = match data {
            Some(data) => {
                let file = data.join(INDEX);
                let connection = Connection::open(&file).with_context(|| file.display().to_string())?;
                (connection, Folder::at(data.join(FOLDER))?)
            }
            None => (Connection::open_in_memory()?, Folder::temporary()),
        };
        connection.execute_batch(SETTINGS).and_then(|()| connection.execute_batch(SCHEMA)).context(INDEX)?;
        let store = Self { index: Mutex::new(connection), folder };
        store.remove_orphans()?;
        Ok(store)
    }

    /// An empty file, whose bytes are yet to be written.
    pub(super) async fn new_file(&self) -> std::io::Result<NewFile> {
        self.folder.new_file().await
    }

    /// The path of a file.
    pub(super) fn path(&self, file: &StoredFile) -> std::io::Result<std::path::PathBuf> {
        Ok(self.folder.path()?.join(&file.name))
    }

    /// The same bytes as other files, which may be removed independently of these.
    pub(super) fn link(&self, files: &[StoredFile]) -> std::io::Result<Vec<StoredFile>> {
        files.iter().map(|file| self.folder.link(file)).collect()
    }

    /// The object with this key.
    pub(super) fn get(&self, bucket: &str, key: &str) -> S3Result<Option<Record>> {
        let found = self.index().query_row(
            "SELECT record FROM objects WHERE bucket = ?1 AND key = ?2",
            params![bucket, key],
            |row| row.get::<_, String>(0),
        );
        found.optional().map_err(internal)?.map(|record| parse(&record)).transpose()
    }

    /// Puts an object in the place of the one that is there, if `precondition` takes that one. Otherwise the files of the new
    /// one are removed.
    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        record: &Record,
        precondition: Precondition<'_>,
    ) -> S3Result<()> {
        let put = self.replace(bucket, key, Some(record), precondition, None).map(drop);
        if put.is_err() {
            self.folder.remove(&record.files);
        }
        put
    }

    /// Removes an object; returns the one that was there.
    pub(super) fn remove(
        &self,
        bucket: &str,
        key: &str,
        precondition: Precondition<'_>,
    ) -> S3Result<Option<Record>> {
        self.replace(bucket, key, None, precondition, None)
    }

    /// Ends an upload with an object, whose files are all or some of those of its parts.
    pub(super) fn complete(
        &self,
        (upload, of): (&str, &UploadRecord),
        record: &Record,
        precondition: Precondition<'_>,
    ) -> S3Result<()> {
        let unused = self.parts(upload)?.into_iter().map(|(_, part)| part.file);
        let unused: Vec<_> = unused.filter(|file| !record.files.contains(file)).collect();
        self.replace(&of.bucket, &of.key, Some(record), precondition, Some(upload))?;
        self.folder.remove(&unused);
        Ok(())
    }

    fn replace(
        &self,
        bucket: &str,
        key: &str,
        record: Option<&Record>,
        precondition: Precondition<'_>,
        ended_upload: Option<&str>,
    ) -> S3Result<Option<Record>> {
        let mut index = self.index();
        let transaction = index.transaction().map_err(internal)?;
        let at = params![bucket, key];
        let old = transaction
            .query_row("SELECT record FROM objects WHERE bucket = ?1 AND key = ?2", at, |row| {
                row.get::<_, String>(0)
            })
            .optional()
            .map_err(internal)?
            .map(|record| parse::<Record>(&record))
            .transpose()?;
        precondition(old.as_ref())?;
        match record {
            Some(record) => transaction.execute(
                "INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3)",
                params![bucket, key, json(record)?],
            ),
            None => transaction.execute("DELETE FROM objects WHERE bucket = ?1 AND key = ?2", at),
        }
        .map_err(internal)?;
        if let Some(upload) = ended_upload {
            for table in ["DELETE FROM uploads WHERE id = ?1", "DELETE FROM parts WHERE upload = ?1"] {
                transaction.execute(table, [upload]).map_err(internal)?;
            }
        }
        transaction.commit().map_err(internal)?;
        drop(index);
        if let Some(old) = &old {
            self.folder.remove(&old.files);
        }
        Ok(old)
    }

    /// Up to `count_max` objects of a bucket whose keys begin with `prefix` and are greater than `after`, in the order of
    /// their keys.
    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        count_max: usize,
    ) -> S3Result<Vec<(String, Record)>> {
        let index = self.index();
        // All keys between a prefix and the prefix with the last character of Unicode begin with the prefix.
        let mut statement = index
            .prepare_cached(
                "SELECT key, record FROM objects WHERE bucket = ?1 AND key > ?2
                 AND key BETWEEN ?3 AND ?3 || char(1114111) ORDER BY key LIMIT ?4",
            )
            .map_err(internal)?;
        let rows = statement.query_map(params![bucket, after, prefix, count_max], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        let rows = rows.map_err(internal)?;
        rows.map(|row| row.map_err(internal).and_then(|(key, record)| Ok((key, parse(&record)?)))).collect()
    }

    /// Begins an upload.
    pub(super) fn begin(&self, id: &str, upload: &UploadRecord) -> S3Result<()> {
        let row = params![id, upload.bucket, upload.key, json(upload)?];
        self.index().execute("INSERT INTO uploads VALUES (?1, ?2, ?3, ?4)", row).map_err(internal)?;
        Ok(())
    }

    /// An upload that has not ended.
    pub(super) fn upload(&self, id: &str) -> S3Result<Option<UploadRecord>> {
        let found = self
            .index()
            .query_row("SELECT record FROM uploads WHERE id = ?1", [id], |row| row.get::<_, String>(0))
            .optional();
        found.map_err(internal)?.map(|record| parse(&record)).transpose()
    }

    /// All uploads of a bucket that have not ended, in the order of their keys and of their beginnings.
    pub(super) fn uploads(&self, bucket: &str) -> S3Result<Vec<(String, UploadRecord)>> {
        self.rows("SELECT id, record FROM uploads WHERE bucket = ?1 ORDER BY key, id", bucket)
    }

    /// Puts a part in the place of the one with this number. If the upload has ended meanwhile, this returns false, and the
    /// part's file is removed.
    pub(super) fn put_part(&self, upload: &str, number: i32, part: &PartRecord) -> S3Result<bool> {
        let record = json(part)?;
        let mut index = self.index();
        let transaction = index.transaction().map_err(internal)?;
        let old = transaction
            .query_row(
                "SELECT record FROM parts WHERE upload = ?1 AND number = ?2",
                params![upload, number],
                |row| row.get::<_, String>(0),
            )
            .optional()
            .map_err(internal)?;
        let put = transaction
            .execute(
                "INSERT OR REPLACE INTO parts SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM uploads WHERE id = ?1)",
                params![upload, number, record],
            )
            .map_err(internal)?;
        transaction.commit().map_err(internal)?;
        drop(index);
        match (put, old) {
            (1, Some(old)) => self.folder.remove(&[parse::<PartRecord>(&old)?.file]),
            (1, None) => {}
            _ => self.folder.remove(slice::from_ref(&part.file)),
        }
        Ok(put == 1)
    }

    /// The parts of an upload, in the order of their numbers.
    pub(super) fn parts(&self, upload: &str) -> S3Result<Vec<(i32, PartRecord)>> {
        self.rows("SELECT number, record FROM parts WHERE upload = ?1 ORDER BY number", upload)
    }

    /// Ends an upload without an object; its parts are removed.
    pub(super) fn abort(&self, upload: &str) -> S3Result<()> {
        let files: Vec<_> = self.parts(upload)?.into_iter().map(|(_, part)| part.file).collect();
        let mut index = self.index();
        let transaction = index.transaction().map_err(internal)?;
        for table in ["DELETE FROM uploads WHERE id = ?1", "DELETE FROM parts WHERE upload = ?1"] {
            transaction.execute(table, [upload]).map_err(internal)?;
        }
        transaction.commit().map_err(internal)?;
        drop(index);
        self.folder.remove(&files);
        Ok(())
    }

    fn rows<K: rusqlite::types::FromSql, R: DeserializeOwned>(
        &self,
        select: &str,
        of: &str,
    ) -> S3Result<Vec<(K, R)>> {
        let index = self.index();
        let mut statement = index.prepare_cached(select).map_err(internal)?;
        let rows = statement
            .query_map([of], |row| Ok((row.get::<_, K>(0)?, row.get::<_, String>(1)?)))
            .map_err(internal)?;
        rows.map(|row| row.map_err(internal).and_then(|(key, record)| Ok((key, parse(&record)?)))).collect()
    }

    /// Removes the files that the index does not name: a stack was killed while they were written.
    fn remove_orphans(&self) -> anyhow::Result<()> {
        let mut named = HashSet::new();
        {
            let index = self.index();
            let mut objects = index.prepare("SELECT record FROM objects")?;
            for record in objects.query_map([], |row| row.get::<_, String>(0))? {
                named.extend(
                    serde_json::from_str::<Record>(&record?)?.files.into_iter().map(|file| file.name),
                );
            }
            let mut parts = index.prepare("SELECT record FROM parts")?;
            for record in parts.query_map([], |row| row.get::<_, String>(0))? {
                named.insert(serde_json::from_str::<PartRecord>(&record?)?.file.name);
            }
        }
        self.folder.retain(&named)
    }

    fn index(&self) -> MutexGuard<'_, Connection> {
        // A transaction that panicked was rolled back when it was dropped.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse<T: DeserializeOwned>(record: &str) -> S3Result<T> {
    serde_json::from_str(record).map_err(internal)
}

fn json(record: &impl Serialize) -> S3Result<String> {
    serde_json::to_string(record).map_err(internal)
}

/// The answer of S3 if something of ours fails.
pub(super) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> s3s::S3Error {
    tracing::error!(%error, "the store of S3 failed");
    s3s::S3Error::internal_error(error)
}

#[cfg(test)]
mod tests;
