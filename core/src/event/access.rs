//! Somebody may no longer hear a channel.

use serde::{Deserialize, Serialize};

use super::MESSAGE_BYTES_MAX;
use crate::{UserId, text::Text};

/// The user has been taken out of the channel: nothing more of it comes, until he may join again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccessRevoked {
    /// Who.
    pub user_id: UserId,
    /// Why, in the backend's words.
    pub reason: Text<MESSAGE_BYTES_MAX>,
}
