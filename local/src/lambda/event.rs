//! An event invocation, and its row in the [journal](crate::journal): there is one from the moment that the invocation
//! is accepted until the function has succeeded, or has failed for good and the record of that is in a queue.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, Result, Transaction, named_params};
use uuid::Uuid;

/// An event invocation that was accepted.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) request_id: String,
    /// The function's logical id.
    pub(super) function: String,
    pub(super) payload: Bytes,
    /// Milliseconds since the epoch.
    pub(super) accepted_ms: i64,
    /// How many attempts have failed.
    pub(super) attempts_failed: u32,
}

impl Event {
    /// An event invocation that is accepted now.
    pub(super) fn new(function: String, payload: Bytes) -> Self {
        let (request_id, accepted_ms) = (Uuid::new_v4().to_string(), Timestamp::now().as_millisecond());
        Self { request_id, function, payload, accepted_ms, attempts_failed: 0 }
    }

    /// The time since the invocation was accepted.
    pub(super) fn age(&self) -> Duration {
        let age_ms = Timestamp::now().as_millisecond().saturating_sub(self.accepted_ms);
        Duration::from_millis(u64::try_from(age_ms).unwrap_or(0))
    }
}

/// Adds an event that is about to be accepted.
pub(super) fn insert(to: &Transaction<'_>, event: &Event) -> Result<()> {
    let mut statement = to.prepare_cached(
        "INSERT INTO invocations VALUES (:request_id, :function, :payload, :accepted_ms, :attempts_failed)",
    )?;
    let inserted = statement.execute(named_params! {
        ":request_id": event.request_id, ":function": event.function, ":payload": &event.payload[..],
        ":accepted_ms": event.accepted_ms, ":attempts_failed": event.attempts_failed,
    });
    inserted.map(drop)
}

/// Updates the number of failed attempts.
pub(super) fn update(to: &Transaction<'_>, event: &Event) -> Result<()> {
    let mut statement = to.prepare_cached("UPDATE invocations SET tries = ? WHERE request_id = ?")?;
    statement.execute((event.attempts_failed, &event.request_id)).map(drop)
}

/// Removes an event that is finished.
pub(super) fn delete(to: &Transaction<'_>, event: &Event) -> Result<()> {
    let mut statement = to.prepare_cached("DELETE FROM invocations WHERE request_id = ?")?;
    statement.execute([&event.request_id]).map(drop)
}

/// The events that an earlier run accepted and did not finish, in the order in which they were accepted.
pub(super) fn load(from: &Connection) -> Result<Vec<Event>> {
    let mut statement = from.prepare("SELECT * FROM invocations ORDER BY rowid")?;
    let events = statement.query_map([], |row| {
        Ok(Event {
            request_id: row.get("request_id")?,
            function: row.get("function")?,
            payload: row.get::<_, Vec<u8>>("payload")?.into(),
            accepted_ms: row.get("accepted_ms")?,
            attempts_failed: row.get("tries")?,
        })
    })?;
    events.collect()
}
