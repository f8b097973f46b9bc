//! Who is here.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, UserId, identity::Name};

/// What a user says of himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Here.
    Online,
    /// Here, but not looking.
    Away,
    /// Not here.
    Offline,
}

/// What a client sends to change its status.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceDraft {
    /// The new one.
    pub status: Status,
}

/// A user in a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// What to call him.
    pub name: Name,
    /// What he says of himself.
    pub status: Status,
    /// When something was last heard from him.
    pub last_seen: Timestamp,
}
