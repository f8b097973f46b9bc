//! A user has lost access to a channel.

use serde::{Deserialize, Serialize};

use super::limits::MESSAGE_BYTES_MAX;
use crate::{JoinOrder, UserId, text::Text};

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
