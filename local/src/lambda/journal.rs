//! Asynchronous invocations in the [journal](crate::journal): each is a row until the function has succeeded, or has
//! failed for good and the record of it lies in a queue.

use rusqlite::{Connection, Result, Transaction, named_params};

use super::asynchronous::Event;

/// Adds an invocation that is to be accepted.
pub(super) fn insert(to: &Transaction<'_>, event: &Event) -> Result<()> {
    let mut statement = to.prepare_cached(
        "INSERT INTO invocations VALUES (:request_id, :function, :payload, :accepted_ms, :tries)",
    )?;
    let inserted = statement.execute(named_params! {
        ":request_id": event.request_id, ":function": event.function, ":payload": &event.payload[..],
        ":accepted_ms": event.accepted_ms, ":tries": event.tries,
    });
    inserted.map(drop)
}

/// Notes how often it was tried.
pub(super) fn update(to: &Transaction<'_>, event: &Event) -> Result<()> {
    let mut statement = to.prepare_cached("UPDATE invocations SET tries = ? WHERE request_id = ?")?;
    statement.execute((event.tries, &event.request_id)).map(drop)
}

/// Removes one that is finished.
pub(super) fn delete(to: &Transaction<'_>, event: &Event) -> Result<()> {
    let mut statement = to.prepare_cached("DELETE FROM invocations WHERE request_id = ?")?;
    statement.execute([&event.request_id]).map(drop)
}

/// All that an earlier run has accepted and not finished, in the order in which it was accepted.
pub(super) fn load(from: &Connection) -> Result<Vec<Event>> {
    let mut statement = from.prepare("SELECT * FROM invocations ORDER BY rowid")?;
    let events = statement.query_map([], |row| {
        Ok(Event {
            request_id: row.get("request_id")?,
            function: row.get("function")?,
            payload: row.get::<_, Vec<u8>>("payload")?.into(),
            accepted_ms: row.get("accepted_ms")?,
            tries: row.get("tries")?,
        })
    })?;
    events.collect()
}
