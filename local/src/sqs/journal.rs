//! A queue's messages in the [journal](crate::journal): each has a row from its send to its deletion.
//!
//! In the file a receive counts only once the message is received again. So a message takes two commits if all goes well,
//! and a message that a mapping was handling when the stack was killed is visible again at once, without being closer to
//! the dead-letter queue. A message that a client has received stays hidden, and its receipt handle stays valid, because
//! clients outlive the stack.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Result, Row, Transaction, named_params};
use tokio::time::Instant;

use super::{message::Attributes, queue::Message};

/// The time of two clocks at one moment. Queues use the monotonic one, which means nothing to another process.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    ms: i64,
}

impl Now {
    pub(super) fn new() -> Self {
        Self { instant: Instant::now(), ms: Timestamp::now().as_millisecond() }
    }

    fn ms_of(self, instant: Instant) -> i64 {
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match instant.checked_duration_since(self.instant) {
            Some(ahead) => self.ms.saturating_add(ms(ahead)),
            None => self.ms.saturating_sub(ms(self.instant.saturating_duration_since(instant))),
        }
    }

    /// A time in the past becomes the present.
    fn instant_of(self, ms: i64) -> Instant {
        self.instant + Duration::from_millis(u64::try_from(ms.saturating_sub(self.ms)).unwrap_or(0))
    }
}

/// Adds a message.
pub(super) fn insert(to: &Transaction<'_>, queue: &str, key: u64, message: &Message, now: Now) -> Result<()> {
    let mut statement = to.prepare_cached(
        "INSERT INTO messages VALUES (:queue, :key, :id, :body, :attributes, :sent_ms, :first_received_ms,
            :receives, :receipt, :visible_ms, :expires_ms)",
    )?;
    let inserted = statement.execute(named_params! {
        ":queue": queue, ":key": key, ":id": message.id, ":body": message.body,
        ":attributes": message.attributes.json(), ":sent_ms": message.sent_ms,
        ":first_received_ms": message.first_received_ms, ":receives": message.receives,
        ":receipt": message.receipt, ":visible_ms": now.ms_of(message.visible_at),
        ":expires_ms": now.ms_of(message.expires_at),
    });
    inserted.map(drop)
}

/// Updates how often a message was received, its receipt handle, and when it is visible again.
pub(super) fn update(to: &Transaction<'_>, queue: &str, key: u64, message: &Message, now: Now) -> Result<()> {
    let mut statement = to.prepare_cached(
        "UPDATE messages SET first_received_ms = :first_received_ms, receives = :receives, receipt = :receipt,
            visible_ms = :visible_ms WHERE queue = :queue AND key = :key",
    )?;
    let updated = statement.execute(named_params! {
        ":queue": queue, ":key": key, ":first_received_ms": message.first_received_ms,
        ":receives": message.receives, ":receipt": message.receipt,
        ":visible_ms": now.ms_of(message.visible_at),
    });
    updated.map(drop)
}

/// Updates only how often a message was received.
pub(super) fn count(to: &Transaction<'_>, queue: &str, key: u64, receives: u32) -> Result<()> {
    let mut statement = to.prepare_cached("UPDATE messages SET receives = ? WHERE queue = ? AND key = ?")?;
    statement.execute((receives, queue, key)).map(drop)
}

/// Removes a message.
pub(super) fn delete(to: &Transaction<'_>, queue: &str, key: u64) -> Result<()> {
    let mut statement = to.prepare_cached("DELETE FROM messages WHERE queue = ? AND key = ?")?;
    statement.execute((queue, key)).map(drop)
}

/// Removes all messages of a queue.
pub(super) fn purge(to: &Transaction<'_>, queue: &str) -> Result<()> {
    to.execute("DELETE FROM messages WHERE queue = ?", [queue]).map(drop)
}

/// The messages of a queue that have not expired, by their keys.
pub(super) fn load(from: &Connection, queue: &str, now: Now) -> Result<Vec<(u64, Message)>> {
    from.execute("DELETE FROM messages WHERE queue = ? AND expires_ms <= ?", (queue, now.ms))?;
    let mut statement = from.prepare("SELECT * FROM messages WHERE queue = ?")?;
    statement.query_map([queue], |row| message(row, now))?.collect()
}

fn message(row: &Row<'_>, now: Now) -> Result<(u64, Message)> {
    let attributes: String = row.get("attributes")?;
    let attributes: serde_json::Map<_, _> = serde_json::from_str(&attributes).unwrap_or_default();
    let message = Message {
        id: row.get("id")?,
        body: row.get("body")?,
        attributes: Attributes::from(attributes),
        trace: None,
        sent_ms: row.get("sent_ms")?,
        first_received_ms: row.get("first_received_ms")?,
        receives: row.get("receives")?,
        visible_at: now.instant_of(row.get("visible_ms")?),
        expires_at: now.instant_of(row.get("expires_ms")?),
        receipt: row.get("receipt")?,
        given_up_by: None,
    };
    Ok((row.get("key")?, message))
}
