//! New values of metrics.

use serde::{Deserialize, Serialize};

use super::limits::LABEL_BYTES_MAX;
use crate::{CompanyId, FunnelId, Timestamp, text::Text};

/// A new value of a metric. Only the latest value is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnalyticsUpdate {
    /// The name of the metric, which the app chooses.
    pub metric: Text<LABEL_BYTES_MAX>,
    /// The value.
    pub value: serde_json::Number,
    /// The value before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<serde_json::Number>,
    /// The funnel that the value belongs to, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funnel_id: Option<FunnelId>,
    /// The period that the value covers, in a form that the app chooses, e.g. `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Text<LABEL_BYTES_MAX>>,
    /// When it happened. The backend may leave it out; default: the time of the event.
    pub timestamp: Timestamp,
    /// The company.
    pub company_id: CompanyId,
}

impl AnalyticsUpdate {
    /// The key of which the latest value is kept: the metric with its funnel and period. It is JSON, so that different metrics have
    /// different keys whatever their names are.
    pub fn latest_key(&self) -> String {
        serde_json::json!([self.metric, self.funnel_id, self.period]).to_string()
    }
}
