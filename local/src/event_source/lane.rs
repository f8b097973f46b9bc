//! A lane: delivers the records of some item keys in order, one batch after the other.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use uuid::Uuid;

use super::{
    batch::{Batch, Condition, Next, Outcome, Record, SHARD_ID},
    position::Progress,
    response::{BatchReport, batch_report},
};
use crate::{
    lambda::{InvokeError, Lambda, PAYLOAD_BYTES_MAX},
    sqs::Queues,
    template::{Mapping, StreamSource},
    trace::Trace,
};

/// The most bytes of the records in a batch: the largest payload of Lambda, less what surrounds the records.
const BATCH_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 1_024;

/// What a mapping from a stream needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Feed {
    pub(super) mapping: Mapping,
    pub(super) source: StreamSource,
    pub(super) function_arn: String,
    pub(super) lambda: Lambda,
    pub(super) queues: Queues,
}

/// The last attempt to deliver a batch, for the record of its failure.
struct LastAttempt {
    invocations: u32,
    error: Option<InvokeError>,
}

/// Delivers all records, until the poller ends.
pub(super) async fn run(feed: Feed, mut records: mpsc::Receiver<Record>, progress: Progress) {
    let mut left_over = None;
    while let Some(batch) = gather(&mut records, &mut left_over, &feed.mapping).await {
        feed.deliver(batch, &progress).await;
    }
}

/// The next batch: the records that wait, or arrive within the batching window, up to the limits of a batch.
async fn gather(
    records: &mut mpsc::Receiver<Record>,
    left_over: &mut Option<Record>,
    mapping: &Mapping,
) -> Option<Batch> {
    let first = match left_over.take() {
        Some(record) => record,
        None => records.recv().await?,
    };
    let until = Instant::now() + mapping.batching_window;
    let mut bytes = first.json.len();
    let mut batch = vec![first];
    while batch.len() < mapping.batch_size {
        let next = match records.try_recv() {
            Ok(record) => Some(record),
            Err(_) if mapping.batching_window.is_zero() => None,
            Err(_) => timeout_at(until, records.recv()).await.ok().flatten(),
        };
        let Some(record) = next else { break };
        bytes += record.json.len() + 1;
        if bytes > BATCH_BYTES_MAX {
            *left_over = Some(record);
            break;
        }
        batch.push(record);
    }
    Some(Batch::new(batch))
}

impl Feed {
    /// Delivers a batch until each of its records is done or given up.
    async fn deliver(&self, batch: Batch, progress: &Progress) {
        let mut waiting = VecDeque::from([batch]);
        let mut attempt = LastAttempt { invocations: 0, error: None };
        while let Some(batch) = waiting.pop_front() {
            let (expired, fresh) = batch.split_expired(self.source.record_age_max, now_s());
            if let Some(expired) = expired {
                self.give_up(&expired, Condition::RecordAgeExceeded, &attempt);
                finish(&expired.records, progress);
            }
            let Some(batch) = fresh else { continue };
            let outcome = self.invoke(&batch, &mut attempt).await;
            let before = batch.records.clone();
            let (left, pause) = match batch.settle(outcome, &self.source) {
                Next::Done => (Vec::new(), Duration::ZERO),
                Next::Again { batches, pause } => (batches, pause),
                Next::GiveUp(batch) => {
                    self.give_up(&batch, Condition::RetryAttemptsExhausted, &attempt);
                    (Vec::new(), Duration::ZERO)
                }
            };
            // The records to retry are always the last ones of the batch.
            let again: usize = left.iter().map(|batch| batch.records.len()).sum();
            finish(&before[..before.len() - again], progress);
            for batch in left.into_iter().rev() {
                waiting.push_front(batch);
            }
            sleep(pause).await;
        }
    }

    async fn invoke(&self, batch: &Batch, attempt: &mut LastAttempt) -> Outcome {
        let records: Vec<&str> = batch.records.iter().map(|record| record.json.as_str()).collect();
        let payload = Bytes::from(format!(r#"{{"Records":[{}]}}"#, records.join(",")));
        attempt.invocations = batch.retries + 1;
        match self.lambda.deliver(&self.mapping.function, payload, Trace::new()).await {
            Err(error) => {
                attempt.error = Some(error);
                Outcome::Failed
            }
            Ok(response) => {
                attempt.error = None;
                let report =
                    if self.mapping.partial_failures { batch_report(&response) } else { BatchReport::Done };
                Outcome::Answered(report)
            }
        }
    }

    fn give_up(&self, batch: &Batch, condition: Condition, attempt: &LastAttempt) {
        let record = self.failure_record(batch, condition, attempt);
        let mapping = &self.mapping.id;
        if let Some(queue) = &self.source.on_failure {
            if let Err(error) = self.queues.send(queue, record.to_string()) {
                tracing::error!(mapping, %record, "stream records are lost: {}", error.message);
            }
        } else {
            tracing::error!(mapping, %record, "stream records are lost: the mapping has no OnFailure");
        }
    }

    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#services-dynamodb-errors-onfail>
    fn failure_record(&self, batch: &Batch, condition: Condition, attempt: &LastAttempt) -> Value {
        let ends = batch.records.first().zip(batch.records.last());
        let arrival = |record: &Record| {
            let at = Timestamp::from_duration(jiff::SignedDuration::from_secs_f64(record.written_s));
            at.map(|at| format!("{at:.3}")).unwrap_or_default()
        };
        let mut record = json!({
            "version": "1.0",
            "timestamp": format!("{:.3}", Timestamp::now()),
            "requestContext": {
                "requestId": Uuid::new_v4().to_string(),
                "functionArn": self.function_arn,
                "condition": condition.name(),
                "approximateInvokeCount": attempt.invocations,
            },
            "DDBStreamBatchInfo": {
                "shardId": SHARD_ID,
                "startSequenceNumber": ends.map(|(first, _)| &first.sequence),
                "endSequenceNumber": ends.map(|(_, last)| &last.sequence),
                "approximateArrivalOfFirstRecord": ends.map(|(first, _)| arrival(first)),
                "approximateArrivalOfLastRecord": ends.map(|(_, last)| arrival(last)),
                "batchSize": batch.records.len(),
                "streamArn": self.source.arn,
            },
        });
        if attempt.invocations > 0 {
            record["responseContext"] = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
            if attempt.error.is_some() {
                record["responseContext"]["functionError"] = json!("Unhandled");
            }
        }
        record
    }
}

fn finish(records: &[Record], progress: &Progress) {
    for record in records {
        progress.finish(&record.sequence);
    }
}

fn now_s() -> f64 {
    Timestamp::now().as_duration().as_secs_f64()
}
