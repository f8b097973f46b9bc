//! Dollars, by the service that takes them.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a bill has a line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Service {
    /// API Gateway: frames, posts and the minutes of connections.
    Websocket,
    /// API Gateway: requests of the HTTP API.
    Http,
    Lambda,
    /// The table's reads and writes.
    Dynamodb,
    Eventbridge,
    Sqs,
    /// Requests, and what is stored.
    S3,
    /// From AWS to the internet.
    Transfer,
    /// `CloudWatch`: the logs that are taken in, and kept.
    Logs,
    /// X-Ray.
    Traces,
    /// The bytes of the table.
    Storage,
    /// Point-in-time recovery of the table.
    Backups,
    /// `CloudWatch`: alarms.
    Alarms,
}

impl Service {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Http => "http",
            Self::Lambda => "lambda",
            Self::Dynamodb => "dynamodb",
            Self::Eventbridge => "eventbridge",
            Self::Sqs => "sqs",
            Self::S3 => "s3",
            Self::Transfer => "transfer",
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Storage => "storage",
            Self::Backups => "backups",
            Self::Alarms => "alarms",
        }
    }
}

/// An amount for each service that takes one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Dollars(BTreeMap<Service, f64>);

impl Dollars {
    pub(super) fn of(&self, service: Service) -> f64 {
        self.0.get(&service).copied().unwrap_or_default()
    }

    pub(super) fn total(&self) -> f64 {
        self.0.values().sum()
    }

    /// The services that take something, the one that takes most first.
    pub(super) fn parts(&self) -> Vec<(Service, f64)> {
        let mut parts: Vec<_> = self
            .0
            .iter()
            .map(|(service, dollars)| (*service, *dollars))
            .filter(|part| part.1 > 0.0)
            .collect();
        parts.sort_by(|one, other| other.1.total_cmp(&one.1));
        parts
    }

    /// This, so many times.
    #[must_use]
    pub(super) fn times(&self, count: f64) -> Self {
        self.0.iter().map(|(service, dollars)| (*service, dollars * count)).collect()
    }

    /// This and another together.
    #[must_use]
    pub(super) fn and(mut self, other: &Self) -> Self {
        for (service, dollars) in &other.0 {
            *self.0.entry(*service).or_default() += dollars;
        }
        self
    }
}

impl FromIterator<(Service, f64)> for Dollars {
    fn from_iter<T: IntoIterator<Item = (Service, f64)>>(parts: T) -> Self {
        Self(parts.into_iter().collect())
    }
}

impl<const N: usize> From<[(Service, f64); N]> for Dollars {
    fn from(parts: [(Service, f64); N]) -> Self {
        Self(parts.into())
    }
}
