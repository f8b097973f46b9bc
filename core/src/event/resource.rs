//! Changes and synchronisations of resources.

use serde::{Deserialize, Serialize};

use super::limits::{LABEL_BYTES_MAX, MESSAGE_BYTES_MAX, TITLE_BYTES_MAX};
use crate::{
    CompanyId, ResourceId, Timestamp, UserId,
    text::{Percent, Text},
};

/// A change of a resource, or a step of its synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResourceUpdateType {
    /// The resource is new.
    Created,
    /// The resource has changed.
    Updated,
    /// The resource has been deleted.
    Deleted,
    /// A synchronisation has started.
    SyncStarted,
    /// A synchronisation has made progress.
    SyncProgress,
    /// A synchronisation has completed.
    SyncCompleted,
    /// A synchronisation has failed.
    SyncFailed,
}

/// An update of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceUpdate {
    /// What has happened.
    #[serde(rename = "type")]
    pub kind: ResourceUpdateType,
    /// The resource.
    pub resource_id: ResourceId,
    /// The type of the resource, which the app chooses, e.g. `product`.
    pub resource_type: Text<LABEL_BYTES_MAX>,
    /// The name of the resource, to show.
    pub resource_name: Text<TITLE_BYTES_MAX>,
    /// The progress of the synchronisation in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Percent>,
    /// A text to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Text<MESSAGE_BYTES_MAX>>,
    /// When it happened. The backend may leave it out; default: the time of the event.
    pub timestamp: Timestamp,
    /// The user who caused it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The company.
    pub company_id: CompanyId,
}
