//! The generation and deployment of funnels.

use serde::{Deserialize, Serialize};

use super::limits::{MESSAGE_BYTES_MAX, TITLE_BYTES_MAX};
use crate::{
    CompanyId, FunnelId, Timestamp, UserId,
    text::{Percent, Text},
};

/// A step in the life of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FunnelUpdateType {
    /// The generation has started.
    GenerationStarted,
    /// The generation has made progress.
    GenerationProgress,
    /// The generation has completed.
    GenerationCompleted,
    /// The generation has failed.
    GenerationFailed,
    /// The funnel is live.
    Deployed,
    /// The funnel is no longer live.
    Undeployed,
}

/// An update of a funnel. `join` returns the latest update of each funnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FunnelUpdate {
    /// What has happened.
    #[serde(rename = "type")]
    pub kind: FunnelUpdateType,
    /// The funnel.
    pub funnel_id: FunnelId,
    /// The name of the funnel, to show.
    pub funnel_name: Text<TITLE_BYTES_MAX>,
    /// The progress in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Percent>,
    /// A text to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Text<MESSAGE_BYTES_MAX>>,
    /// When it happened. The backend may leave it out; default: the time of the event.
    pub timestamp: Timestamp,
    /// The user who started it.
    pub user_id: UserId,
    /// The company.
    pub company_id: CompanyId,
}
