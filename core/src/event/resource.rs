//! A resource has changed, or is being synced.

use serde::{Deserialize, Serialize};

use super::{MESSAGE_BYTES_MAX, TITLE_BYTES_MAX};
use crate::{
    CompanyId, ResourceId, Timestamp, UserId,
    text::{Percent, Text},
};

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResourceUpdateType {
    /// It is new.
    Created,
    /// It is different.
    Updated,
    /// It is gone.
    Deleted,
    /// A sync has begun.
    SyncStarted,
    /// A sync goes on.
    SyncProgress,
    /// A sync is done.
    SyncCompleted,
    /// A sync has failed.
    SyncFailed,
}

/// News of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceUpdate {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: ResourceUpdateType,
    /// To which resource.
    pub resource_id: ResourceId,
    /// What sort of thing it is, in the app's words.
    pub resource_type: Text<64>,
    /// What to call it.
    pub resource_name: Text<TITLE_BYTES_MAX>,
    /// How far the sync has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Percent>,
    /// A line to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Text<MESSAGE_BYTES_MAX>>,
    /// When; the event's own time where the backend leaves it out.
    pub timestamp: Timestamp,
    /// Who did it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Whose it is.
    pub company_id: CompanyId,
}
