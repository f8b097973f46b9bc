//! Event invocations: nobody waits for them, so they are retried, and at last handed to the function's
//! `OnFailure` queue.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html>

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::{InvokeError, Lambda, Trace, journal};
use crate::{aws_error::AwsError, template::Function};

/// An invocation that was accepted.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) request_id: String,
    /// Logical id.
    pub(super) function: String,
    pub(super) payload: Bytes,
    /// Milliseconds since the epoch.
    pub(super) accepted_ms: i64,
    /// Tries that failed.
    pub(super) tries: u32,
}

/// Why there is no further try.
#[derive(Debug, Clone, Copy)]
enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
}

impl Event {
    /// One that is accepted now.
    pub(super) fn new(function: String, payload: Bytes) -> Self {
        let (request_id, accepted_ms) = (Uuid::new_v4().to_string(), Timestamp::now().as_millisecond());
        Self { request_id, function, payload, accepted_ms, tries: 0 }
    }

    fn age(&self) -> Duration {
        let age_ms = Timestamp::now().as_millisecond().saturating_sub(self.accepted_ms);
        Duration::from_millis(u64::try_from(age_ms).unwrap_or(0))
    }
}

/// Runs one event to its end, a success or a record of its failure, which the journal is then told. When the stack
/// stops it stays in the journal, for the next run.
pub(super) async fn run(lambda: Lambda, mut event: Event) {
    let Some(pool) = lambda.shared.pools.get(&event.function) else {
        // It may be from a run with another template: the function may come back.
        tracing::error!(function = event.function, "an event for a function that does not exist");
        return;
    };
    let function = &pool.function;
    let (error, condition) = loop {
        let tried = lambda
            .invoke_as(&event.function, event.request_id.clone(), event.payload.clone(), Trace::new())
            .await;
        let Err(error) = tried else { return lambda.finish(&event) };
        if lambda.is_stopping() {
            return;
        }
        event.tries += 1;
        if event.tries > function.retries_max {
            break (error, Condition::RetriesExhausted);
        }
        // Doubled with each try.
        let delay = lambda.shared.async_retry_delay.saturating_mul(1 << (event.tries - 1).min(16));
        if event.age() + delay > function.event_age_max {
            break (error, Condition::EventAgeExceeded);
        }
        lambda.shared.journal.note(|to| journal::update(to, &event));
        sleep(delay).await;
    };
    match lambda.give_up(function, &event, condition, &error) {
        Ok(()) => lambda.finish(&event),
        Err(error) => tracing::error!(function = function.name, event.request_id, "{}", error.message),
    }
}

impl Lambda {
    fn finish(&self, event: &Event) {
        self.shared.journal.note(|to| journal::delete(to, event));
    }

    /// Hands the record of a failure to the function's `OnFailure` queue.
    fn give_up(
        &self,
        function: &Function,
        event: &Event,
        condition: Condition,
        error: &InvokeError,
    ) -> Result<(), AwsError> {
        let Some(queue) = &function.on_failure else {
            let request_id = &event.request_id;
            tracing::error!(
                function = function.name,
                request_id,
                ?condition,
                "an event is lost: no OnFailure"
            );
            return Ok(());
        };
        let record = destination_record(function, event, condition, error);
        self.shared.queues.send(queue, record.to_string())
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
fn destination_record(
    function: &Function,
    event: &Event,
    condition: Condition,
    error: &InvokeError,
) -> Value {
    json!({
        "version": "1.0",
        "timestamp": format!("{:.3}", Timestamp::now()),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": format!("{}:$LATEST", function.arn),
            // The variants are called as AWS calls them.
            "condition": format!("{condition:?}"),
            "approximateInvokeCount": event.tries,
        },
        "requestPayload": json_or_text(&event.payload),
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": json_or_text(&error.payload()),
    })
}

fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes)))
}
