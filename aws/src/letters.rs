//! Dead letters: items that were refused, or abandoned after their last try, in full, with the reason, the field and
//! the id.
//!
//! All dead letters have the same shape, wherever the item came from; docs/operations.md describes it. The function
//! that knows the reason puts the letter into the queue itself, because what AWS would put there lacks either the
//! reason (the redrive of a queue) or the item (the failure destination of a stream).
//!
//! An item that a retry may still complete is never put here.

use std::time::Duration;

use funnelcast_core::{Error, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::{
    clock::now,
    config::Config,
    queue::{Queue, sendable},
    resource::Resource,
};

/// The most bytes of a letter, which is an SQS message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
const LETTER_BYTES_MAX: usize = 1024 * 1024;
/// The room for everything in a letter except its item, in bytes.
const AROUND_ITEM_BYTES_MAX: usize = 8 * 1024;
/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// Where an item came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The event bus.
    Bus,
    /// The outbox.
    Outbox,
    /// The table's stream, of which the outbox is a part.
    Stream,
    /// The fan-out queue.
    Deliveries,
    /// The timer queue.
    Timers,
    /// The webhook queue.
    Webhooks,
    /// The queue of files.
    Files,
}

/// An item that could not be handled, and why.
#[derive(Debug)]
pub struct Undone<'a> {
    /// Where it came from.
    pub source: Source,
    /// The id that its sender knows: EventBridge's id, the outbox item's key or the webhook's id; otherwise the id of
    /// the message.
    pub id: &'a str,
    /// The item in full.
    pub item: &'a Value,
    /// How often it was tried, or, from a queue, received.
    pub tries: u32,
    /// Why it could not be handled.
    pub error: &'a Error,
}

/// A letter in its serialised form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter<'a> {
    source: Source,
    id: &'a str,
    code: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    at: Timestamp,
    tries: u32,
    item: &'a Value,
    /// Whether `item` is a text with the beginning of its JSON, because the whole does not fit a message.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// The dead-letter queue.
#[derive(Debug)]
pub struct DeadLetters(Queue);

impl Resource for DeadLetters {
    async fn build(config: &Config) -> Result<Self, Error> {
        Queue::of_dead_letters(config).map(Self)
    }
}

impl DeadLetters {
    /// Puts a letter into the queue, and logs it: 1 message.
    ///
    /// # Errors
    /// [`Error::Internal`] if the queue does not accept it; the source must then keep the item.
    pub async fn put(&self, undone: &Undone<'_>) -> Result<(), Error> {
        let Undone { source, id, tries, error, .. } = *undone;
        let put = self.0.send_text(letter(undone, now())?, Duration::ZERO).await;
        match (&put, error) {
            (Err(lost), _) => {
                tracing::error!(?source, id, tries, %error, %lost, "putting a dead letter failed");
            }
            (Ok(()), Error::Internal(_)) => {
                tracing::error!(?source, id, tries, %error, "given up; in the dead letters");
            }
            (Ok(()), refusal) => {
                let code = refusal.code();
                tracing::warn!(?source, id, tries, code, %refusal, "refused; in the dead letters");
            }
        }
        put
    }
}

/// The letter as JSON, with its item truncated if it would be too large for a message.
fn letter(undone: &Undone<'_>, at: Timestamp) -> Result<String, Error> {
    let Undone { source, id, item, tries, error } = *undone;
    let (code, field) = (error.code(), error.field());
    let reason = || beginning(error.to_string(), REASON_BYTES_MAX);
    let write = |item: &Value, cut| -> Result<String, Error> {
        let letter = Letter { source, id, code, reason: reason(), field, at, tries, item, cut };
        let json =
            serde_json::to_string(&letter).map_err(|error| Error::internal("a dead letter", &error))?;
        Ok(sendable(&json).into_owned()) // so that its size is known
    };
    let whole = write(item, false)?;
    if whole.len() <= LETTER_BYTES_MAX {
        return Ok(whole);
    }
    // As a text within JSON, each byte becomes at most two.
    write(&beginning(item.to_string(), (LETTER_BYTES_MAX - AROUND_ITEM_BYTES_MAX) / 2).into(), true)
}

/// The first `bytes_max` bytes, or a few less so as to end between two characters.
fn beginning(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(item: &Value, error: &Error) -> Value {
        let undone = Undone { source: Source::Outbox, id: "order-7", item, tries: 1, error };
        let text = letter(&undone, "2026-11-23T10:00:00.123Z".parse().unwrap()).unwrap();
        assert!(text.len() <= LETTER_BYTES_MAX, "{} bytes", text.len());
        serde_json::from_str(&text).unwrap()
    }

    /// The document for operators shows exactly what is written.
    #[test]
    fn the_documented_letter_is_one() {
        let document = include_str!("../../docs/operations.md");
        let (_, example) = document.split_once("```json\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let example: Value = serde_json::from_str(example).unwrap();
        let error =
            Error::Invalid { field: "data.funnelName".into(), reason: "must be a string, not null".into() };
        assert_eq!(written(&example["item"], &error), example);
    }

    #[test]
    fn an_item_too_large_for_a_message_is_truncated_and_says_so() {
        for unit in ["x", "\"", "\u{1}", "€", "\u{ffff}"] {
            let item = json!({"data": unit.repeat(LETTER_BYTES_MAX)});
            let letter = written(&item, &Error::Internal("x".repeat(LETTER_BYTES_MAX)));
            assert_eq!(letter["cut"], true, "{unit:?}");
            assert!(letter["item"].as_str().unwrap().len() > LETTER_BYTES_MAX / 4, "{unit:?}");
        }
        assert!(written(&json!({"data": "x".repeat(400 * 1024)}), &Error::NotJoined).get("cut").is_none());
    }
}
