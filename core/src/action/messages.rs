//! The actions on the events of a channel: `send`, `history`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    Channel, Key, Seq,
    event::EventName,
    frame::{Event, Sender},
    parse::whole_number,
    text::Text,
    time::Timestamp,
};

limits! {
    /// The most events of one `history` page.
    pub const HISTORY_LIMIT_MAX: u8 = 100;
    /// The longest text that `history` searches for, in bytes.
    pub const CONTAINS_BYTES_MAX: usize = 256;
}

/// The longest cursor among the latest events of a channel, in bytes: the length of a sort key of DynamoDB.
pub const LATEST_CURSOR_BYTES_MAX: usize = 1024;

/// Publishes an event.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The channel.
    pub channel: Channel,
    /// The name of the event.
    pub event: EventName,
    /// The draft of the event. The server adds the sender, the conversation and the time.
    pub data: Value,
    /// The client message id, which durable events need. A retry with the same key is the same send. It matches
    /// `[A-Za-z0-9_.:-]{1,64}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The last `seq` that the sender knew when it first tried this `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Seq>,
}

/// The reply to [`Send`]: the event is kept, and has been or will be delivered.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sent {
    /// The place of a durable event in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// When the server accepted it.
    pub at: Timestamp,
    /// The client message id, if the request had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Whether an earlier try has been kept already.
    pub duplicate: bool,
    /// The number of connections that it was posted to before this reply, without those that the stream serves.
    pub recipients: usize,
    /// The sender, as the others see them; only with a durable event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Sender>,
    /// The `data` of a durable event, as the others receive it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

/// Reads a page of a channel's log: its end, or the events before or after a place. `before`, `after` and `latest` exclude each
/// other.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The channel.
    pub channel: Channel,
    /// Only events before this `seq`, and of them the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Only events after this `seq`, and of them the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// A cursor: the `latestNext` of a `join` or of the previous page. The page then has the latest events of the channel instead
    /// of its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Text<LATEST_CURSOR_BYTES_MAX>>,
    /// The most events of the page.
    pub limit: HistoryLimit,
    /// Only chat messages whose content contains this text, by Unicode's compatibility caseless matching.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Text<CONTAINS_BYTES_MAX>>,
    /// Only events of this kind, so that pages are full of them; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Only>,
}

/// A kind of events that a page can be restricted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Chat messages as they are now, without the events that change them, and the lines of calls (`chat.call`).
    Messages,
}

/// The limit of a page: 1 to [`HISTORY_LIMIT_MAX`] events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, extend("minimum" = 1, "maximum" = HISTORY_LIMIT_MAX)))]
pub struct HistoryLimit(u8);

impl HistoryLimit {
    /// The limit as a number.
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

/// The reply to [`History`]: a page of events.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Page {
    /// The events, in the order of `seq`.
    #[cfg_attr(feature = "schema", schemars(length(max = HISTORY_LIMIT_MAX)))]
    pub events: Vec<Event>,
    /// Whether there are more events in the direction of the request.
    pub more: bool,
    /// The `before` or `after` of the next page, if there is more. It need not be an event of this page, because a search may look
    /// through many events to find few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Seq>,
    /// The `latest` of the next page, if there are more latest events.
    #[serde(default, rename = "latestNext", skip_serializing_if = "Option::is_none")]
    pub latest_next: Option<Text<LATEST_CURSOR_BYTES_MAX>>,
}
