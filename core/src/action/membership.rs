//! Who hears a channel: `join`, `leave`, `presence`.

use serde::{Deserialize, Serialize};

use super::messages::LATEST_CURSOR_BYTES_MAX;
use crate::{Channel, JoinOrder, Seq, Timestamp, event::Presence, frame::Event, text::Text};

/// Begins to hear a channel.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Which.
    pub channel: Channel,
    /// The last seq seen; what came after it is in the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Seq>,
    /// A token of the app's backend for just this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Its place among the `join`s and `leave`s of the connection; default: when it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<JoinOrder>,
}

/// The reply to [`Join`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Joined {
    /// Which.
    pub channel: Channel,
    /// The log's last seq; 0 where it is empty.
    pub head: Seq,
    /// Whether `events` and what `history` has after them are all that came after `since`.
    pub recovered: bool,
    /// What came after `since`.
    pub events: Vec<Event>,
    /// Whether the reply's size cut `events`, and `history` has the rest.
    pub more: bool,
    /// The last value of each key, on channels that keep one.
    pub latest: Vec<Event>,
    /// Where the reply's size cut `latest`: the `latest` of `history` to go on with.
    #[serde(default, rename = "latestNext", skip_serializing_if = "Option::is_none")]
    pub latest_next: Option<Text<LATEST_CURSOR_BYTES_MAX>>,
    /// Who is here, on channels that tell; empty where they are too many to name.
    pub presence: Vec<Presence>,
    /// All presence events up to this time are contained in `presence`.
    pub at: Timestamp,
}

/// Ceases to hear a channel.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// Which.
    pub channel: Channel,
    /// Its place among the `join`s and `leave`s of the connection; default: when it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<JoinOrder>,
}

/// The reply to [`Leave`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Left {
    /// Which.
    pub channel: Channel,
}

/// Asks who is here.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PresenceQuery {
    /// Where.
    pub channel: Channel,
}

/// The reply to [`PresenceQuery`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Roster {
    /// Who is here; empty where they are too many to name.
    pub users: Vec<Presence>,
    /// How many.
    pub count: usize,
    /// All presence events up to this time are contained in `users`.
    pub at: Timestamp,
}
