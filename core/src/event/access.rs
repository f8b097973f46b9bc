//! A user has lost access to a channel, or may not send in it any more.

use serde::{Deserialize, Serialize};

use super::limits::MESSAGE_BYTES_MAX;
use crate::{JoinOrder, UserId, moderation::Mute, text::Text};

/// The user has been removed from the channel. They receive nothing more of it unless they may join again and do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccessRevoked {
    /// The user.
    pub user_id: UserId,
    /// The reason, as the backend gave it.
    pub reason: Text<MESSAGE_BYTES_MAX>,
    /// The place of the `join` whose membership has ended. A later membership is not affected.
    pub order: JoinOrder,
}

/// The user may not send in the channel any more, or may again. Of two of these events the one with the later `at` counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccessMuted {
    /// The user.
    pub user_id: UserId,
    /// Why and until when they may not send; absent if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<Mute>,
}
