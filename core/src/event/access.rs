//! Somebody may no longer hear a channel.

use serde::{Deserialize, Serialize};

use super::MESSAGE_BYTES_MAX;
use crate::{JoinOrder, UserId, text::Text};

/// The user has been taken out of the channel: nothing more of it comes, until they join again and may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccessRevoked {
    /// Who.
    pub user_id: UserId,
    /// Why, in the backend's words.
    pub reason: Text<MESSAGE_BYTES_MAX>,
    /// The place of the `join` whose membership has ended: it is not about a later one.
    pub order: JoinOrder,
}
