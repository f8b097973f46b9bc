//! Dead letters: what was refused or given up, in full, with its reason, its field and its id.
//!
//! One shape, whatever the item came by; docs/operations.md describes it. The function that knows the reason puts the
//! letter into the queue itself, because what AWS puts there lacks either the reason (a queue's redrive) or the item (a
//! stream's failure destination).
//!
//! Never here: an item that a retry may still mend.

use std::time::Duration;

use funnelcast_core::{Error, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::{clock::now, config::Config, queue::Queue, resource::Resource};

/// The most bytes of a letter, which is an SQS message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
const LETTER_BYTES_MAX: usize = 1024 * 1024;
/// Room for all of a letter but its item.
const AROUND_ITEM_BYTES_MAX: usize = 8 * 1024;
/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// What an item came by.
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
    /// The queue of timers.
    Timers,
    /// The queue of webhooks.
    Webhooks,
}

/// Something that is not done, and why.
#[derive(Debug)]
pub struct Undone<'a> {
    /// What it came by.
    pub source: Source,
    /// What its sender knows it by: EventBridge's id, the outbox item's key, the webhook's id; else that of the message.
    pub id: &'a str,
    /// All of it.
    pub item: &'a Value,
    /// How often it was tried.
    pub tries: u32,
    /// Why it is not done.
    pub error: &'a Error,
}

/// A letter as it is read.
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
    /// Whether `item` is the beginning of its JSON, as a text, because all of it does not fit a message.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// The queue of dead letters.
#[derive(Debug)]
pub struct DeadLetters(Queue);

impl Resource for DeadLetters {
    async fn build(config: &Config) -> Result<Self, Error> {
        Queue::of_dead_letters(config).map(Self)
    }
}

impl DeadLetters {
    /// Puts a letter in: 1 message, and a line in the log.
    ///
    /// # Errors
    /// [`Error::Internal`] where the queue does not take it; the item is then for its source to keep.
    pub async fn put(&self, undone: &Undone<'_>) -> Result<(), Error> {
        let Undone { source, id, tries, error, .. } = *undone;
        let put = self.0.send_text(letter(undone, now())?, Duration::ZERO).await;
        match (&put, error) {
            (Err(lost), _) => tracing::error!(?source, id, tries, %error, %lost, "no dead letter"),
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

/// The letter as JSON, its item cut where all of it is too large for a message.
fn letter(undone: &Undone<'_>, at: Timestamp) -> Result<String, Error> {
    let Undone { source, id, item, tries, error } = *undone;
    let (code, field) = (error.code(), error.field());
    let reason = || beginning(error.to_string(), REASON_BYTES_MAX);
    let write = |item: &Value, cut| {
        let letter = Letter { source, id, code, reason: reason(), field, at, tries, item, cut };
        serde_json::to_string(&letter).map_err(|error| Error::internal("a dead letter", &error))
    };
    let whole = write(item, false)?;
    if whole.len() <= LETTER_BYTES_MAX {
        return Ok(whole);
    }
    // As a text within JSON each of its bytes becomes two at most.
    write(&beginning(item.to_string(), (LETTER_BYTES_MAX - AROUND_ITEM_BYTES_MAX) / 2).into(), true)
}

/// The first `bytes_max` bytes, or some less where they would end within a character.
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

    /// What operators read is what is written.
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
    fn an_item_that_fits_no_message_is_cut_and_says_so() {
        for unit in ["x", "\"", "\u{1}", "€"] {
            let item = json!({"data": unit.repeat(LETTER_BYTES_MAX)});
            let letter = written(&item, &Error::Internal("x".repeat(LETTER_BYTES_MAX)));
            assert_eq!(letter["cut"], true, "{unit:?}");
            assert!(letter["item"].as_str().unwrap().len() > LETTER_BYTES_MAX / 4, "{unit:?}");
        }
        assert!(written(&json!({"data": "x".repeat(400 * 1024)}), &Error::NotJoined).get("cut").is_none());
    }
}
