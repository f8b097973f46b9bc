//! Batches of stream records, and what follows after an attempt to deliver one. Pure: nothing is invoked here.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>

use std::time::Duration;

use serde_json::{Value, json};

use super::response::BatchReport;
use crate::template::StreamSource;

/// The pause before the first retry of a batch; it doubles with each further retry.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest pause before a retry; shorter than on AWS, as a developer is waiting.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// How the record of a failure names the shard. The engine's streams have only one.
pub(super) const SHARD_ID: &str = "shardId-00000000000000000001-local";

/// A stream record on its way to a function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// The record in the form in which Lambda passes it to the function.
    pub(super) json: String,
    /// The item's key. Records of one key stay in order.
    pub(super) key: String,
    pub(super) sequence: String,
    /// When the item was written, in seconds since the epoch.
    pub(super) written_s: f64,
}

impl Record {
    /// Parses a record of `GetRecords`; `None` if it is malformed.
    pub(super) fn new(mut record: Value, stream_arn: &str) -> Option<Self> {
        record["eventSourceARN"] = json!(stream_arn);
        let dynamodb = record.get("dynamodb")?;
        Some(Self {
            key: dynamodb.get("Keys")?.to_string(),
            sequence: dynamodb.get("SequenceNumber")?.as_str()?.to_owned(),
            written_s: dynamodb.get("ApproximateCreationDateTime")?.as_f64()?,
            json: record.to_string(),
        })
    }
}

/// Records that are delivered together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    /// In the order of the stream; never empty.
    pub(super) records: Vec<Record>,
    /// How many retries there were.
    pub(super) retries: u32,
}

/// Why there is no further retry of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl Condition {
    /// The name that AWS uses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// The outcome of an attempt to deliver a batch.
pub(super) enum Outcome {
    /// The function failed.
    Failed,
    Answered(BatchReport),
}

/// What to do after an attempt.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Done,
    /// Try these in this order, after a pause. All other records of the batch are done.
    Again {
        batches: Vec<Batch>,
        pause: Duration,
    },
    /// Give these records up. All other records of the batch are done.
    GiveUp(Batch),
}

impl Batch {
    pub(super) fn new(records: Vec<Record>) -> Self {
        Self { records, retries: 0 }
    }

    /// Splits off the records that are older than `age_max`. They come first, as records are in the order in which they
    /// were written.
    pub(super) fn split_expired(mut self, age_max: Duration, now_s: f64) -> (Option<Self>, Option<Self>) {
        let fresh = self.records.iter().position(|record| now_s - record.written_s <= age_max.as_secs_f64());
        let fresh = self.records.split_off(fresh.unwrap_or(self.records.len()));
        let batch =
            |records: Vec<Record>| (!records.is_empty()).then_some(Self { records, retries: self.retries });
        (batch(self.records), batch(fresh))
    }

    /// Decides what to do after an attempt.
    ///
    /// A reported failure confirms all records before it. The remaining records are tried again: in two halves, which does
    /// not count as a retry, if the mapping bisects and no record was confirmed; otherwise as they are, until the retries
    /// are exhausted.
    pub(super) fn settle(mut self, outcome: Outcome, source: &StreamSource) -> Next {
        let first_failed = match outcome {
            Outcome::Answered(BatchReport::Done) => return Next::Done,
            Outcome::Failed | Outcome::Answered(BatchReport::Malformed) => 0,
            Outcome::Answered(BatchReport::Partly(failed)) => {
                let failed = |record: &Record| failed.contains(&record.sequence);
                // An identifier of no record fails the whole batch.
                self.records.iter().position(failed).unwrap_or(0)
            }
        };
        self.records.drain(..first_failed);
        if source.bisect && first_failed == 0 && self.records.len() > 1 {
            let second = self.records.split_off(self.records.len().div_ceil(2));
            let retries = self.retries;
            let batches = vec![self, Self { records: second, retries }];
            return Next::Again { batches, pause: Duration::ZERO };
        }
        if source.retries_max.is_some_and(|max| self.retries >= max) {
            return Next::GiveUp(self);
        }
        let pause = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.retries)).min(BACKOFF_MAX);
        self.retries = self.retries.saturating_add(1);
        Next::Again { batches: vec![self], pause }
    }
}

#[cfg(test)]
mod tests;
