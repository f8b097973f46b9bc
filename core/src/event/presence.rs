//! Presence: who is in a channel.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, UserId, identity::Name};

/// A user's status, from the most to the least present. The status of a user with several devices is the most present of
/// theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The user is present.
    #[default]
    Online,
    /// The user is connected but not active.
    Away,
    /// The user is not present.
    Offline,
}

/// The draft of `presence.update`: a client's new status.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PresenceDraft {
    /// The new status.
    pub status: Status,
}

/// The presence of a user in a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// The user.
    pub user_id: UserId,
    /// The user's display name.
    pub name: Name,
    /// The user's status.
    pub status: Status,
    /// When the user was last active.
    pub last_seen: Timestamp,
}

/// A participant of a conversation who is not present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Absent {
    /// The user.
    pub user_id: UserId,
    /// The user's display name when they were last seen; absent if they were never present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// When the user was last active here; absent if they were never present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// The number of users in a channel that has too many members to announce each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PresenceCount {
    /// The number of users, whatever the number of their devices.
    pub count: usize,
}
