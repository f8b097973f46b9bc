//! The figures that estimates rest on: `prices.yaml` and `operations.yaml`.

use anyhow::Context as _;
use serde::Deserialize;

/// What `CloudWatch` adds to the bytes of a line
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>).
const LOG_LINE_BYTES: f64 = 26.0;
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
    /// The same on `x86_64`.
    pub(super) lambda_gb_second_x86: f64,
    pub(super) eventbridge_million_events: f64,
    pub(super) sqs_million_requests: f64,
    pub(super) s3_million_puts: f64,
    pub(super) s3_million_gets: f64,
    pub(super) s3_gb_month: f64,
    pub(super) transfer_gb: f64,
    pub(super) logs_gb: f64,
    pub(super) logs_gb_month: f64,
    pub(super) table_gb_month: f64,
    pub(super) backup_gb_month: f64,
    pub(super) alarm_month: f64,
    pub(super) million_traces: f64,
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
    /// The bytes of the lines of its invocations, one each, at `LogLevel` `info`.
    #[serde(default)]
    pub(super) log_bytes: u32,
    /// The bytes of the line of what was measured, which every level has.
    #[serde(default)]
    pub(super) metric_bytes: u32,
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
    /// Whether it is a message, of which inboxes hear.
    #[serde(default)]
    pub(super) is_message: bool,
}

impl Counted {
    /// The operation of this name.
    pub(super) fn operation(&self, name: &str) -> anyhow::Result<&Operation> {
        let found = self.operations.iter().find(|known| known.name == name);
        found.with_context(|| {
            let names: Vec<&str> = self.operations.iter().map(|known| known.name.as_str()).collect();
            format!("unknown operation {name:?}; the operations are {}", names.join(", "))
        })
    }
}

impl Operation {
    /// The bytes that `CloudWatch` takes in: of lines at `info`, and of those of every level.
    pub(super) fn logged(&self) -> (f64, f64) {
        let lines = if self.log_bytes == 0 { 0 } else { self.invocations };
        let measured = f64::from(self.metric_bytes);
        let metrics = if self.metric_bytes == 0 { 0.0 } else { measured + LOG_LINE_BYTES };
        (f64::from(self.log_bytes) + f64::from(lines) * LOG_LINE_BYTES, metrics)
    }
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
