//! The description of an app, for `cost --app`.

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

/// A new connection replaces one before API Gateway ends it after two hours.
const CONNECTION_HOURS_MAX: f64 = 2.0;

/// What an app does in a month. Each field is explained in docs/cost.md.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct App {
    /// Connections that are open at once, in the hours in which there are any.
    pub(super) connections: f64,
    pub(super) hours_a_day: f64,
    #[serde(default = "days_of_a_month")]
    pub(super) days_a_month: f64,
    /// How long a user stays, in hours.
    #[serde(default = "one")]
    pub(super) visit_hours: f64,
    /// The part of the time in which a connection's page is visible.
    #[serde(default = "all")]
    pub(super) visible: f64,
    /// Channels that each connection joins.
    #[serde(default = "two")]
    pub(super) channels: f64,
    /// Members of a channel, where an operation does not say otherwise.
    #[serde(default = "two_members")]
    pub(super) members: u32,
    /// What is stored of a message.
    #[serde(default = "message_bytes")]
    pub(super) message_bytes: f64,
    /// For how many months messages have been kept.
    #[serde(default = "one")]
    pub(super) months_kept: f64,
    pub(super) operations: Vec<Use>,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// How often an operation happens: an hour of each connection, or an hour of the whole app.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Use {
    pub(super) name: String,
    #[serde(default)]
    pub(super) a_connection_hour: f64,
    #[serde(default)]
    pub(super) an_hour: f64,
    pub(super) members: Option<u32>,
}

/// The template's parameters that a bill depends on, with its defaults.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Parameters {
    pub(super) lease_seconds: f64,
    pub(super) log_level: LogLevel,
    pub(super) log_retention_days: f64,
    pub(super) tracing: Tracing,
    pub(super) search: Switch,
    pub(super) chat_events: Switch,
    pub(super) architecture: Architecture,
    /// Whether alarms are sent anywhere; any text but an empty one.
    pub(super) alarm_topic: String,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            lease_seconds: 600.0,
            log_level: LogLevel::Info,
            log_retention_days: 14.0,
            tracing: Tracing::PassThrough,
            search: Switch::Off,
            chat_events: Switch::Off,
            architecture: Architecture::Arm64,
            alarm_topic: String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Switch {
    On,
    Off,
}

/// `info` has a line for each invocation, `warn` has none where nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogLevel {
    Info,
    Warn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Tracing {
    Active,
    PassThrough,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Architecture {
    #[serde(rename = "arm64")]
    Arm64,
    #[serde(rename = "x86_64")]
    X86,
}

impl App {
    /// Parses a description, in YAML or JSON. An error names the field and its range.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let app: Self = yaml_serde::from_str(text).context("not the description of an app")?;
        for (field, value, range) in [
            ("connections", app.connections, 1.0..=1e7),
            ("hoursADay", app.hours_a_day, 0.01..=24.0),
            ("daysAMonth", app.days_a_month, 1.0..=31.0),
            ("visitHours", app.visit_hours, 0.01..=24.0),
            ("visible", app.visible, 0.0..=1.0),
            ("channels", app.channels, 0.0..=100.0),
            ("members", app.members.into(), 1.0..=1e6),
            ("messageBytes", app.message_bytes, 1.0..=4e5),
            ("monthsKept", app.months_kept, 0.0..=1_200.0),
            ("parameters.LeaseSeconds", app.parameters.lease_seconds, 2.0..=900.0),
            ("parameters.LogRetentionDays", app.parameters.log_retention_days, 1.0..=365.0),
        ] {
            ensure!(range.contains(&value), "{field} must be {} to {}", range.start(), range.end());
        }
        for Use { name, a_connection_hour, an_hour, .. } in &app.operations {
            let is_one = (*a_connection_hour > 0.0) != (*an_hour > 0.0);
            let is_negative = *a_connection_hour < 0.0 || *an_hour < 0.0;
            if !is_one || is_negative {
                bail!("operation {name}: either aConnectionHour or anHour must be above 0");
            }
        }
        Ok(app)
    }

    /// Hours of connections in a month.
    pub(super) fn connection_hours(&self) -> f64 {
        self.connections * self.open_hours()
    }

    /// Hours of a month in which there are connections.
    pub(super) fn open_hours(&self) -> f64 {
        self.hours_a_day * self.days_a_month
    }

    /// Connections that are opened in a month.
    pub(super) fn connects(&self) -> f64 {
        self.connection_hours() / self.visit_hours.min(CONNECTION_HOURS_MAX)
    }

    /// How often an operation happens in a month.
    pub(super) fn times(&self, used: &Use) -> f64 {
        used.a_connection_hour * self.connection_hours() + used.an_hour * self.open_hours()
    }
}

fn days_of_a_month() -> f64 {
    30.0
}

fn one() -> f64 {
    1.0
}

fn all() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

fn two_members() -> u32 {
    2
}

fn message_bytes() -> f64 {
    400.0
}
