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

/// A RAM disk, on Linux.
const RAM_DISK: &str = "/dev/shm";
/// The process id follows, by which a later run recognises the folder of a killed one.
const TEMPORARY_PREFIX: &str = "funnelcast-local-";
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
        remove_left_over(&parent);
        let prefix = format!("{TEMPORARY_PREFIX}{}-", std::process::id());
        let temporary = tempfile::Builder::new().prefix(&prefix).tempdir_in(&parent);
        let temporary =
            temporary.with_context(|| format!("cannot create a temporary folder in {}", parent.display()))?;
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

/// Removes the folders of runs that were killed, which on a RAM disk would take memory until the next boot.
fn remove_left_over(parent: &Path) {
    // Without /proc it is unknown which processes exist, so nothing is removed.
    if !Path::new("/proc/self").exists() {
        return;
    }
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY_PREFIX)?.split('-').next());
        let Some(owner) = owner.and_then(|owner| owner.parse::<u32>().ok()) else { continue };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            // Another run may be removing the same one.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_killed_run_is_removed_and_that_of_a_running_one_is_not() {
        let parent = tempfile::tempdir().unwrap();
        // Greater than any process id of Linux.
        let dead = parent.path().join(format!("{TEMPORARY_PREFIX}4294967295-x"));
        let living = parent.path().join(format!("{TEMPORARY_PREFIX}{}-x", std::process::id()));
        let other = parent.path().join("other");
        for path in [&dead, &living, &other] {
            fs::create_dir(path).unwrap();
        }
        remove_left_over(parent.path());
        assert!(!dead.exists());
        assert!(living.exists() && other.exists());
    }

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
