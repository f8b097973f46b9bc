//! EventBridge: the rules of a bus, and where they send its events.

use aws_sdk_eventbridge::{Client, error::DisplayErrorContext};
use funnelcast_core::Error;
use serde::Serialize;
use serde_json::Value;

use super::Account;

/// A rule of a bus.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// The pattern that an event must match; null for a schedule.
    pub pattern: Value,
    /// The ARNs of what gets the events.
    pub targets: Vec<String>,
}

impl Account {
    /// The rules of a bus, with their targets: 1 call, and 1 for each rule.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no such bus, or if EventBridge refuses to list them.
    pub async fn rules(&self, bus: &str) -> Result<Vec<Rule>, Error> {
        let client = Client::new(&self.sdk);
        let (mut rules, mut next) = (Vec::new(), None);
        loop {
            let page = client.list_rules().event_bus_name(bus).set_next_token(next).send().await;
            let page =
                page.map_err(|error| Error::Internal(format!("ListRules: {}", DisplayErrorContext(&error))))?;
            for rule in page.rules.unwrap_or_default() {
                let name = rule.name.unwrap_or_default();
                let targets = client.list_targets_by_rule().event_bus_name(bus).rule(&name).send().await;
                let targets = targets.map_err(|error| {
                    Error::Internal(format!("ListTargetsByRule: {}", DisplayErrorContext(&error)))
                })?;
                let pattern = rule.event_pattern.and_then(|pattern| serde_json::from_str(&pattern).ok());
                rules.push(Rule {
                    name,
                    is_enabled: rule.state.is_some_and(|state| state.as_str() == "ENABLED"),
                    pattern: pattern.unwrap_or_default(),
                    targets: targets
                        .targets
                        .unwrap_or_default()
                        .into_iter()
                        .map(|target| target.arn)
                        .collect(),
                });
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(rules);
            }
        }
    }
}
