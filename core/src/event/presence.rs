//! Who is here.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, UserId, identity::Name};

/// A user's own status. The earlier is the more present: a user with several devices is what the first of
/// them says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Here.
    #[default]
    Online,
    /// Here, but not looking.
    Away,
    /// Not here.
    Offline,
}

/// What a client sends to change its status.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PresenceDraft {
    /// The new one.
    pub status: Status,
}

/// A user in a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// The user's display name.
    pub name: Name,
    /// The user's own status.
    pub status: Status,
    /// When something was last heard from the user.
    pub last_seen: Timestamp,
}

/// How many users a channel has that is too large to tell of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PresenceCount {
    /// The users, however many devices each has.
    pub count: usize,
}
