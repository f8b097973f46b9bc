//! What the stack has accepted and not yet finished, besides its tables: messages in queues, asynchronous invocations,
//! and open connections.
//!
//! With `--data` this is an `SQLite` file in that folder. Work is written to the file before its sender is answered, and
//! removed once it is finished, so that a stack that was killed continues from there, with at-least-once delivery. A
//! commit is handed to the operating system but not flushed to the disk: it survives the end of the process, including
//! SIGKILL, but not a power failure. The same holds for the tables. Without `--data` there is no file.
//!
//! Never here: what the rows mean. Their owners read and write them: `sqs`, `lambda` and `api_gateway::websocket`.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::aws_error::AwsError;

const FILE: &str = "accepted.sqlite";
/// How long to wait for a stack that is still ending and holds the file.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// In WAL mode a commit is a `write` to the log, which the kernel keeps if the process is killed. The exclusive lock
/// prevents a second stack on the same folder, which would do all work twice.
const SETTINGS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;";
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        queue TEXT NOT NULL, key INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT NOT NULL,
        sent_ms INTEGER NOT NULL, first_received_ms INTEGER, receives INTEGER NOT NULL, receipt TEXT,
        visible_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (queue, key));
    CREATE TABLE IF NOT EXISTS invocations (
        request_id TEXT NOT NULL PRIMARY KEY, function TEXT NOT NULL, payload BLOB NOT NULL,
        accepted_ms INTEGER NOT NULL, tries INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS connections (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);";

/// The file, if there is one. Cheap to clone; it is closed with the last clone.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    connection: Option<Arc<Mutex<Connection>>>,
}

impl Journal {
    /// Opens the journal in the folder `data`; without a folder, a journal that keeps nothing.
    ///
    /// Fails if the folder cannot be written to, or is in use by another stack.
    pub(crate) fn open(data: Option<&Path>) -> anyhow::Result<Self> {
        let Some(data) = data else { return Ok(Self::default()) };
        std::fs::create_dir_all(data)
            .with_context(|| format!("cannot create the data folder {}", data.display()))?;
        let file = data.join(FILE);
        let open = || {
            let connection = Connection::open(&file)?;
            connection.busy_timeout(LOCK_WAIT)?;
            connection.execute_batch(SETTINGS)?;
            connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?;
            Ok::<_, rusqlite::Error>(connection)
        };
        let connection =
            open().with_context(|| format!("cannot open {}; is another stack using it?", file.display()))?;
        Ok(Self { connection: Some(Arc::new(Mutex::new(connection))) })
    }

    /// Makes `change` in one commit, which is kept when this returns. Without a file, `change` is not called.
    ///
    /// Fails if the file cannot be written; then no part of the change is in it.
    pub(crate) fn write(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), AwsError> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let mut connection = lock(connection);
        let written = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change(&transaction)?;
            transaction.commit()
        })();
        written.map_err(|error| AwsError::internal(format!("cannot write to the data folder: {error}")))
    }

    /// Like [`write`](Self::write), for work that is already done: if the change cannot be written, a later run may repeat
    /// the work.
    pub(crate) fn note(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) {
        if let Err(error) = self.write(change) {
            tracing::error!("{}; a later run may repeat some work", error.message);
        }
    }

    /// Reads what an earlier run left; nothing without a file.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<Vec<T>>,
    ) -> anyhow::Result<Vec<T>> {
        let Some(connection) = &self.connection else { return Ok(Vec::new()) };
        read(&lock(connection)).context("cannot read the data folder")
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that panicked was rolled back when it was dropped.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_stack_at_a_time() {
        let data = tempfile::tempdir().unwrap();
        let first = Journal::open(Some(data.path())).unwrap();
        let error = Journal::open(Some(data.path())).err().unwrap();
        assert!(error.to_string().contains("is another stack using it?"), "{error}");
        drop(first);
        assert!(Journal::open(Some(data.path())).is_ok());
    }

    #[test]
    fn a_change_is_atomic() {
        let data = tempfile::tempdir().unwrap();
        let journal = Journal::open(Some(data.path())).unwrap();
        let insert = |id: &str| format!("INSERT INTO connections VALUES ('{id}', '')");
        let failed = journal.write(|transaction| {
            transaction.execute(&insert("a"), [])?;
            transaction.execute("nonsense", []).map(drop)
        });
        assert_eq!(failed.unwrap_err().status, 500);
        journal.write(|transaction| transaction.execute(&insert("b"), []).map(drop)).unwrap();
        let ids = journal.read(|connection| {
            let mut statement = connection.prepare("SELECT id FROM connections")?;
            statement.query_map([], |row| row.get::<_, String>(0))?.collect()
        });
        assert_eq!(ids.unwrap(), ["b"]);
    }
}
