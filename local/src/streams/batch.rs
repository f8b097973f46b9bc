//! Batches of stream records, and what to do with one after it was tried. Pure: nobody is invoked here.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>

use std::time::Duration;

use serde_json::{Value, json};

use super::response::Verdict;
use crate::template::StreamSource;

/// Before the first retry of a batch; doubled for each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// And never more: a developer waits for it.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A stream record on its way to a function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// As Lambda gives it to the function.
    pub(super) json: String,
    /// The item's key: what order is kept by.
    pub(super) key: String,
    pub(super) sequence: String,
    /// Seconds since the epoch at which it was written.
    pub(super) written_s: f64,
}

impl Record {
    /// Reads a record of `GetRecords`. `None` where it is not one.
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

/// Records that are tried together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    /// In the order of the stream, and never none.
    pub(super) records: Vec<Record>,
    /// How often they were tried again.
    pub(super) retries: u32,
}

/// Why a batch is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl Condition {
    /// By the name of AWS.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// How a batch was received.
pub(super) enum Outcome {
    /// The function failed.
    Failed,
    Answered(Verdict),
}

/// What follows from that.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Done,
    /// These are to be tried in this order, after a pause; what is not in them is done.
    Again {
        batches: Vec<Batch>,
        pause: Duration,
    },
    /// These are lost; what is not in them is done.
    GiveUp(Batch),
}

impl Batch {
    pub(super) fn new(records: Vec<Record>) -> Self {
        Self { records, retries: 0 }
    }

    /// Takes out the records that are older than `age_max`: the first ones, as they are in the order of their
    /// writing.
    pub(super) fn split_expired(mut self, age_max: Duration, now_s: f64) -> (Option<Self>, Option<Self>) {
        let fresh = self.records.iter().position(|record| now_s - record.written_s <= age_max.as_secs_f64());
        let fresh = self.records.split_off(fresh.unwrap_or(self.records.len()));
        let batch =
            |records: Vec<Record>| (!records.is_empty()).then_some(Self { records, retries: self.retries });
        (batch(self.records), batch(fresh))
    }

    /// Decides what becomes of a batch that was tried.
    ///
    /// A reported failure confirms all before it. What is left is tried again: in two halves where the
    /// mapping bisects and nothing could be confirmed, which is not counted as a retry; else as it is, until
    /// that is exhausted.
    pub(super) fn settle(mut self, outcome: Outcome, source: &StreamSource) -> Next {
        let first_failed = match outcome {
            Outcome::Answered(Verdict::Done) => return Next::Done,
            Outcome::Failed | Outcome::Answered(Verdict::Malformed) => 0,
            Outcome::Answered(Verdict::Partly(failed)) => {
                let failed = |record: &Record| failed.contains(&record.sequence);
                // An identifier that is of no record fails them all.
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
