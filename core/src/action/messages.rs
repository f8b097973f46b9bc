//! What is said on a channel, and read again: `send`, `history`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{
    Channel, Key, Seq, event::EventName, frame::Event, parse::whole_number, text::Text, time::Timestamp,
};

/// The most events of one `history` page.
pub const HISTORY_LIMIT_MAX: u8 = 100;
/// The longest text that `history` looks for, in bytes.
pub const CONTAINS_BYTES_MAX: usize = 256;

/// The longest place among a channel's last values, in bytes: a sort key of DynamoDB's.
pub const LATEST_CURSOR_BYTES_MAX: usize = 1024;

/// Publishes an event.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Where.
    pub channel: Channel,
    /// What.
    pub event: EventName,
    /// The event's draft: what the client says of it.
    pub data: Value,
    /// The client message id, for durable events: a retry with the same one is the same send. `[A-Za-z0-9_.:-]{1,64}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The last seq that the sender knew when it first tried this `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Seq>,
}

/// The reply to [`Send`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sent {
    /// Its place in the log, where it is durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// The message's id, where it is durable: what its event has in `data.id`, for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<128>>,
    /// When the server took it.
    pub at: Timestamp,
    /// The client message id, where it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Whether an earlier try had already been kept.
    pub duplicate: bool,
    /// How many connections it was posted to before this reply; those that the stream serves do not count.
    pub recipients: usize,
}

/// Reads a page of the log: its end, or what is on one side of an event; `before`, `after` and `latest` exclude each other.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Of which channel.
    pub channel: Channel,
    /// The events before this seq, the latest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// The events after this seq, the earliest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// Not the log but the channel's last values, from this place on: the `latestNext` of a `join` or of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Text<LATEST_CURSOR_BYTES_MAX>>,
    /// How many.
    pub limit: HistoryLimit,
    /// Only chat messages whose content has this in it, whatever the case of its letters and the form that they are written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Text<CONTAINS_BYTES_MAX>>,
}

/// How many events a page may have: 1 to [`HISTORY_LIMIT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, extend("minimum" = 1, "maximum" = HISTORY_LIMIT_MAX)))]
pub struct HistoryLimit(u8);

impl HistoryLimit {
    /// The number itself.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl<'de> Deserialize<'de> for HistoryLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole_number(deserializer, 1, HISTORY_LIMIT_MAX.into())?;
        Ok(Self(u8::try_from(number).unwrap_or(HISTORY_LIMIT_MAX))) // it is not above it
    }
}

/// The reply to [`History`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Page {
    /// In the order of their seqs.
    pub events: Vec<Event>,
    /// Whether there are more in the direction asked for.
    pub more: bool,
    /// Where there are: the `before` or `after` to go on with. It need not be an event of this page, because a search
    /// looks through many events to find few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Seq>,
    /// Of a page of last values, where there are more: the `latest` to go on with.
    #[serde(default, rename = "latestNext", skip_serializing_if = "Option::is_none")]
    pub latest_next: Option<Text<LATEST_CURSOR_BYTES_MAX>>,
}
