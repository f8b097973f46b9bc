//! The actions on memberships: `join`, `leave`, `presence`.

use serde::{Deserialize, Serialize};

use super::messages::LATEST_CURSOR_BYTES_MAX;
use crate::{
    Channel, JoinOrder, Seq, Timestamp,
    event::{Absent, Presence},
    frame::Event,
    moderation::Mute,
    text::Text,
};

/// Joins a channel, so that the connection receives its events.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The channel.
    pub channel: Channel,
    /// The last `seq` that the client has seen. The reply has the events after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Seq>,
    /// A token from the app's backend that gives access to this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The place of this request among the `join`s and `leave`s of the connection. Of two that cross, the later place counts;
    /// default: the time at which it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<JoinOrder>,
}

/// The reply to [`Join`]: the state of the channel.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Joined {
    /// The channel.
    pub channel: Channel,
    /// The last `seq` of the log; 0 if it is empty.
    pub head: Seq,
    /// Whether nothing is missing: `events`, with what `history` has after them, are all the events after `since`.
    pub recovered: bool,
    /// The events after `since`.
    pub events: Vec<Event>,
    /// Whether there are more events than fit the reply. `history` has the others.
    pub more: bool,
    /// The latest event of each key, on channels that keep it.
    pub latest: Vec<Event>,
    /// The `latest` with which `history` continues, if there are more latest events than fit the reply.
    #[serde(default, rename = "latestNext", skip_serializing_if = "Option::is_none")]
    pub latest_next: Option<Text<LATEST_CURSOR_BYTES_MAX>>,
    /// The users who are present, on channels with presence; empty if there are too many.
    pub presence: Vec<Presence>,
    /// The time of `presence`, which contains all presence events up to it.
    pub at: Timestamp,
    /// Why and until when the user may not send in this channel; absent if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<Mute>,
}

/// Leaves a channel.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// The channel.
    pub channel: Channel,
    /// The place of this request among the `join`s and `leave`s of the connection. Of two that cross, the later place counts;
    /// default: the time at which it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<JoinOrder>,
}

/// The reply to [`Leave`]: the channel that was left.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Left {
    /// The channel.
    pub channel: Channel,
}

/// Returns the users who are present in a channel.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PresenceQuery {
    /// The channel.
    pub channel: Channel,
}

/// The reply to [`PresenceQuery`]: the roster of the channel.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Roster {
    /// The users who are present; empty if there are too many.
    pub users: Vec<Presence>,
    /// In a conversation, its participants who are not present, unless there are too many users to say who is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
    /// The number of users who are present.
    pub count: usize,
    /// The time of the roster, which contains all presence events up to it.
    pub at: Timestamp,
}
