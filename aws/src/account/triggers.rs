//! EventBridge: the rules of a bus, and where they send its events.

use aws_sdk_eventbridge::{Client, operation::list_rules::ListRulesError};
use serde::Serialize;
use serde_json::Value;

use super::{Account, failure::Failure};

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
    /// The rules of a bus, if there is one of this name, with their targets: 1 call, and 1 for each rule.
    ///
    /// # Errors
    /// [`Failure`] if EventBridge refuses to list them.
    pub async fn rules(&self, bus: &str) -> Result<Option<Vec<Rule>>, Failure> {
        let client = Client::new(&self.sdk);
        let (mut rules, mut next) = (Vec::new(), None);
        loop {
            let page = client.list_rules().event_bus_name(bus).set_next_token(next).send().await;
            let page = match page {
                Ok(page) => page,
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(ListRulesError::is_resource_not_found_exception) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(Failure::of("ListRules", &error)),
            };
            for rule in page.rules.unwrap_or_default() {
                let name = rule.name.unwrap_or_default();
                let targets = client.list_targets_by_rule().event_bus_name(bus).rule(&name).send().await;
                let targets = targets.map_err(|error| Failure::of("ListTargetsByRule", &error))?;
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
                return Ok(Some(rules));
            }
        }
    }
}
