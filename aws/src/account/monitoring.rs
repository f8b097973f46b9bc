//! CloudWatch: the alarms, and how long logs are kept.

use funnelcast_core::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Account, failure::Failure, or_default, request::Service};

const CLOUDWATCH: Service = Service("monitoring");
const LOGS: Service = Service("logs");

/// An alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"))]
pub struct Alarm {
    /// Its name.
    pub alarm_name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    #[serde(default, deserialize_with = "or_default")]
    pub state_value: String,
    /// Whether it tells anybody.
    #[serde(default, deserialize_with = "or_default")]
    pub actions_enabled: bool,
    /// Whom it tells.
    #[serde(default, deserialize_with = "or_default")]
    pub alarm_actions: Vec<String>,
}

/// A log group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    /// Its name.
    pub log_group_name: String,
    /// How many days its lines are kept; for ever, if it does not say.
    #[serde(default)]
    pub retention_in_days: Option<u32>,
}

impl Account {
    /// The alarms whose names begin so: 1 call for each 100.
    ///
    /// # Errors
    /// [`Failure`] if CloudWatch refuses to list them.
    pub async fn alarms(&self, prefix: &str) -> Result<Vec<Alarm>, Failure> {
        let (mut alarms, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut ask = json!({ "AlarmNamePrefix": prefix, "MaxRecords": 100 });
            if !next.is_null() {
                ask["NextToken"] = next;
            }
            let mut answer =
                self.call(CLOUDWATCH, "GraniteServiceVersion20100801.DescribeAlarms", "1.0", &ask).await?;
            let page: Option<Vec<Alarm>> = serde_json::from_value(answer["MetricAlarms"].take())
                .map_err(|error| Error::internal("DescribeAlarms", &error))?;
            alarms.extend(page.unwrap_or_default());
            next = answer["NextToken"].take();
            if next.is_null() {
                return Ok(alarms);
            }
        }
    }

    /// The log group with this name, if there is one: 1 call.
    ///
    /// # Errors
    /// [`Failure`] if CloudWatch Logs refuses to list them.
    pub async fn log_group(&self, name: &str) -> Result<Option<LogGroup>, Failure> {
        let ask = json!({ "logGroupNamePrefix": name });
        let mut answer = self.call(LOGS, "Logs_20140328.DescribeLogGroups", "1.1", &ask).await?;
        let groups: Option<Vec<LogGroup>> = serde_json::from_value(answer["logGroups"].take())
            .map_err(|error| Error::internal("DescribeLogGroups", &error))?;
        Ok(groups.unwrap_or_default().into_iter().find(|group| group.log_group_name == name))
    }
}
