//! The figures that estimates rest on: `prices.yaml` and `operations.yaml`.

use serde::Deserialize;

/// The two files, which a test parses.
pub(super) const PRICES: &str = include_str!("prices.yaml");
pub(super) const OPERATIONS: &str = include_str!("operations.yaml");

/// AWS's list prices in dollars, and the account's quota of requests.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) region: String,
    pub(super) as_of: String,
    pub(super) websocket_million_messages: f64,
    pub(super) websocket_million_minutes: f64,
    pub(super) http_million_requests: f64,
    pub(super) dynamodb_million_writes: f64,
    pub(super) dynamodb_million_reads: f64,
    pub(super) lambda_million_requests: f64,
    pub(super) lambda_gb_second: f64,
    pub(super) eventbridge_million_events: f64,
    pub(super) sqs_million_requests: f64,
    pub(super) s3_million_puts: f64,
    pub(super) s3_million_gets: f64,
    pub(super) s3_gb_month: f64,
    pub(super) transfer_gb: f64,
    pub(super) quota_requests_a_second: f64,
}

/// What operations use, as it was counted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Counted {
    pub(super) member_bytes: u32,
    pub(super) frame_bytes: u32,
    pub(super) operations: Vec<Operation>,
}

/// What one operation uses, apart from what grows with the channel.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) what: String,
    /// The name of the suite's budget that measures it.
    #[serde(default, rename = "budget")]
    pub(super) _budget: Option<String>,
    #[serde(default)]
    pub(super) frames: u32,
    #[serde(default)]
    pub(super) events: u32,
    #[serde(default)]
    pub(super) requests: u32,
    pub(super) invocations: u32,
    pub(super) memory_mb: u32,
    #[serde(rename = "reads")]
    pub(super) _reads: u32,
    pub(super) read_units: f64,
    pub(super) write_units: u32,
    pub(super) steps: u32,
    #[serde(default)]
    pub(super) sqs: u32,
    #[serde(default)]
    pub(super) minutes: u32,
    /// PUT, COPY, POST and LIST.
    #[serde(default)]
    pub(super) s3_puts: u32,
    /// GET and all others that cost.
    #[serde(default)]
    pub(super) s3_gets: u32,
    #[serde(default)]
    pub(super) stored_bytes: u64,
    pub(super) recipients: Recipients,
}

/// The members of a channel that an operation posts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Recipients {
    Nobody,
    /// All but the connection that the operation comes from.
    Others,
    All,
}
