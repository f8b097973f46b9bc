//! Invokes a function with messages of a queue. A message that fails stays in the queue and is received again after its
//! visibility timeout, until the queue's redrive policy moves it. A message of a chain that has led to the function too
//! often goes to the dead-letter queue at once.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::response::{BatchReport, batch_report};
use crate::{
    eventbridge::Pattern,
    lambda::Lambda,
    sqs::{Queues, Received},
    template::{Mapping, REGION},
    trace::Trace,
};

/// The most batches of a mapping in flight at once, unless it sets fewer. Lambda starts with as many.
pub(super) const CONSUMERS: usize = 5;
/// How long one receive waits.
const WAIT: Duration = Duration::from_secs(20);

/// Receives batches and invokes the function with them, for ever.
pub(super) async fn run(mapping: Mapping, queue_arn: String, lambda: Lambda, queues: Queues) {
    loop {
        let mut batch = queues.receive(&queue_arn, mapping.batch_size, WAIT).await;
        let until = Instant::now() + mapping.batching_window;
        while !batch.is_empty() && batch.len() < mapping.batch_size {
            let window = until.saturating_duration_since(Instant::now());
            let more = queues.receive(&queue_arn, mapping.batch_size - batch.len(), window).await;
            if more.is_empty() {
                break;
            }
            batch.extend(more);
        }
        let (batch, filtered_out): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|message| passes(&mapping.filters, message, &queue_arn));
        // A message that matches no filter is deleted, as on AWS.
        queues.delete(&queue_arn, filtered_out.iter().map(|message| message.receipt.as_str()));
        let (looping, batch): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|message| lambda.is_loop(&mapping.function, &message.trace()));
        if !looping.is_empty() {
            let (function, messages) = (&mapping.function, looping.len());
            tracing::warn!(
                function,
                messages,
                "a recursive loop was stopped; set RecursiveLoop: Allow to permit it"
            );
            queues.give_up(&queue_arn, looping.iter().map(|message| message.receipt.as_str()));
        }
        if !batch.is_empty() {
            deliver(&mapping, &queue_arn, &batch, &lambda, &queues).await;
        }
    }
}

async fn deliver(mapping: &Mapping, queue_arn: &str, batch: &[Received], lambda: &Lambda, queues: &Queues) {
    let records: Vec<Value> = batch.iter().map(|message| message.lambda_record(queue_arn, REGION)).collect();
    let payload = Bytes::from(json!({ "Records": records }).to_string());
    let trace = Trace::of_all(batch.iter().map(Received::trace));
    // The error is logged where the function runs, and the messages become visible again.
    let Ok(response) = lambda.deliver(&mapping.function, payload, trace).await else { return };
    let report = if mapping.partial_failures { batch_report(&response) } else { BatchReport::Done };
    queues.delete(queue_arn, handled(batch, &report));
}

/// The receipt handles of the messages that were handled.
fn handled<'b>(batch: &'b [Received], report: &BatchReport) -> Vec<&'b str> {
    let failed: &[String] = match report {
        BatchReport::Done => &[],
        BatchReport::Malformed => return Vec::new(),
        // An identifier of no message fails the whole batch.
        BatchReport::Partly(failed)
            if failed.iter().any(|id| !batch.iter().any(|message| message.id == *id)) =>
        {
            return Vec::new();
        }
        BatchReport::Partly(failed) => failed,
    };
    batch
        .iter()
        .filter(|message| !failed.contains(&message.id))
        .map(|message| message.receipt.as_str())
        .collect()
}

/// Whether a message matches one of the filters, or there is none. Filters see a JSON body as JSON.
fn passes(filters: &[Pattern], message: &Received, queue_arn: &str) -> bool {
    if filters.is_empty() {
        return true;
    }
    let mut record = message.lambda_record(queue_arn, REGION);
    if let Ok(body) = serde_json::from_str(&message.body) {
        record["body"] = body;
    }
    filters.iter().any(|filter| filter.matches(&record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_reported_is_deleted() {
        let batch: Vec<_> = ["a", "b"].map(Received::example).into();
        let partly = |ids: &[&str]| BatchReport::Partly(ids.iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(handled(&batch, &BatchReport::Done), ["receipt of a", "receipt of b"]);
        assert_eq!(handled(&batch, &partly(&["a"])), ["receipt of b"]);
        assert!(handled(&batch, &partly(&["a", "x"])).is_empty());
        assert!(handled(&batch, &BatchReport::Malformed).is_empty());
    }

    #[test]
    fn a_filter_matches_a_json_body() {
        let filter = [Pattern::parse(&json!({"body": {"kind": ["job"]}})).unwrap()];
        let mut message = Received::example("a");
        assert!(!passes(&filter, &message, "arn"), "its body is no JSON");
        assert!(passes(&[], &message, "arn"));
        message.body = r#"{"kind":"job"}"#.to_owned();
        assert!(passes(&filter, &message, "arn"));
    }
}
