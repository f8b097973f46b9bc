//! Event invocations: nobody waits for them, so they are retried, and at last handed to the function's
//! `OnFailure` queue.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html>

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{InvokeError, Lambda};
use crate::template::Function;

/// Runs one event to its end: a success, or a record of its failure.
pub(super) async fn run(lambda: Lambda, id: String, payload: Bytes) {
    let Some(pool) = lambda.shared.pools.get(&id) else {
        tracing::error!(function = id, "an event for a function that does not exist is lost");
        return;
    };
    let function = &pool.function;
    let request_id = Uuid::new_v4().to_string();
    let accepted = Instant::now();
    let mut delay = lambda.shared.async_retry_delay;
    let mut tries = 0;
    let (error, condition) = loop {
        let Err(error) = lambda.invoke_as(&id, request_id.clone(), payload.clone()).await else { return };
        if *lambda.shared.host.stopping.borrow() {
            return;
        }
        tries += 1;
        if tries > function.retries_max {
            break (error, "RetriesExhausted");
        }
        if accepted.elapsed() + delay > function.event_age_max {
            break (error, "EventAgeExceeded");
        }
        sleep(delay).await;
        delay *= 2;
    };
    let record = destination_record(function, &request_id, condition, tries, &payload, &error);
    match &function.on_failure {
        Some(queue) => lambda.shared.queues.send(queue, record.to_string()),
        None => {
            tracing::error!(
                function = function.name,
                request_id,
                condition,
                "an event is lost: no OnFailure"
            );
        }
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
fn destination_record(
    function: &Function,
    request_id: &str,
    condition: &str,
    tries: u32,
    payload: &[u8],
    error: &InvokeError,
) -> Value {
    json!({
        "version": "1.0",
        "timestamp": format!("{:.3}", Timestamp::now()),
        "requestContext": {
            "requestId": request_id,
            "functionArn": format!("{}:$LATEST", function.arn),
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "requestPayload": json_or_text(payload),
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": json_or_text(&error.payload()),
    })
}

fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes)))
}
