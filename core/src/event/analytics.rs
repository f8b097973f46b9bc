//! A metric has a new value.

use serde::{Deserialize, Serialize};

use crate::{CompanyId, FunnelId, Timestamp, text::Text};

/// The value of one metric now; only the last one counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnalyticsUpdate {
    /// Which metric, in the app's words.
    pub metric: Text<64>,
    /// Its value.
    pub value: serde_json::Number,
    /// The value before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<serde_json::Number>,
    /// The funnel that it is of, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funnel_id: Option<FunnelId>,
    /// The time that it covers, in the app's words, e.g. `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Text<64>>,
    /// When; the event's own time where the backend leaves it out.
    pub timestamp: Timestamp,
    /// Whose it is.
    pub company_id: CompanyId,
}

impl AnalyticsUpdate {
    /// What it is the latest of: the metric, of the funnel and period where it has them. As JSON, so that no
    /// metric's name can pass for another's.
    pub fn latest_key(&self) -> String {
        serde_json::json!([self.metric, self.funnel_id, self.period]).to_string()
    }
}
