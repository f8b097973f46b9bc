//! A funnel is being generated or deployed.

use serde::{Deserialize, Serialize};

use super::{MESSAGE_BYTES_MAX, TITLE_BYTES_MAX};
use crate::{
    CompanyId, FunnelId, Timestamp, UserId,
    text::{Percent, Text},
};

/// What happened to a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FunnelUpdateType {
    /// Generation has begun.
    GenerationStarted,
    /// Generation goes on.
    GenerationProgress,
    /// Generation is done.
    GenerationCompleted,
    /// Generation has failed.
    GenerationFailed,
    /// It is live.
    Deployed,
    /// It is no longer live.
    Undeployed,
}

/// News of one funnel; the last one of each is given on join.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FunnelUpdate {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: FunnelUpdateType,
    /// To which funnel.
    pub funnel_id: FunnelId,
    /// What to call it.
    pub funnel_name: Text<TITLE_BYTES_MAX>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Percent>,
    /// A line to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Text<MESSAGE_BYTES_MAX>>,
    /// When; the event's own time where the backend leaves it out.
    pub timestamp: Timestamp,
    /// Who asked for it.
    pub user_id: UserId,
    /// Whose it is.
    pub company_id: CompanyId,
}
