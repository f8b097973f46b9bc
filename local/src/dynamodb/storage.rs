//! The engine's file, and two indexes that keep its streams fast.
//!
//! At each write the engine searches all records of a stream for the last sequence number. With the indexes a write takes
//! the same time at the hundred-thousandth record as at the first. Nothing is flushed to the disk: a folder of `--data`
//! survives any end of `up`, but not a power failure.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use dynoxide::Database;
use tempfile::TempDir;

use crate::temporary;

/// A RAM disk, on Linux.
const RAM_DISK: &str = "/dev/shm";
const FILE: &str = "dynamodb.sqlite";
/// In the form of the engine's own queries, as `SQLite` would not use the indexes otherwise.
const INDEXES: &str = "
    CREATE INDEX IF NOT EXISTS _funnelcast_stream_end
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE INDEX IF NOT EXISTS _funnelcast_shard_end
        ON _stream_records (table_name, shard_id, CAST(sequence_number AS INTEGER));";

/// The folder of the engine's file. A temporary folder is removed when this is dropped.
pub(super) struct Storage {
    file: PathBuf,
    _temporary: Option<TempDir>,
}

impl Storage {
    /// Creates the folder `data` if it does not exist. Without it, creates a temporary folder, on a RAM disk if there is
    /// one.
    pub(super) fn open(data: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(data) = data {
            fs::create_dir_all(data)
                .with_context(|| format!("cannot create the data folder {}", data.display()))?;
            return Ok(Self { file: data.join(FILE), _temporary: None });
        }
        let parent = match Path::new(RAM_DISK) {
            ram if ram.is_dir() => ram.to_owned(),
            _ => std::env::temp_dir(),
        };
        let temporary = temporary::folder_in(&parent)?;
        Ok(Self { file: temporary.path().join(FILE), _temporary: Some(temporary) })
    }

    /// Opens the engine on the file.
    pub(super) fn database(&self) -> anyhow::Result<Database> {
        let path = self.file.to_str().with_context(|| format!("{} is not UTF-8", self.file.display()))?;
        let unusable = |error| anyhow!("{path}: {error}");
        let database = Database::new(path).map_err(unusable)?;
        database.enable_bulk_loading().map_err(unusable)?;
        rusqlite::Connection::open(&self.file)?
            .execute_batch(INDEXES)
            .context("cannot create indexes; the engine's schema has changed")?;
        Ok(database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_indexes_serve_the_engines_queries() {
        let storage = Storage::open(None).unwrap();
        let _database = storage.database().unwrap();
        let connection = rusqlite::Connection::open(&storage.file).unwrap();
        let plan: String = connection
            .query_row(
                "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
                 FROM _stream_records WHERE table_name = 't'",
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert!(plan.contains("_funnelcast_stream_end"), "{plan}");
    }
}
