//! Event invocations: nobody waits for their result, so they are retried, and handed to the function's `OnFailure` queue
//! when every retry has failed.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html>

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    error::InvokeError,
    event::{self, Event},
    functions::{Lambda, delay},
};
use crate::{aws_error::AwsError, faults::Deliveries, template::Function, trace::Trace};

/// Why there is no further retry. The variants have AWS's names.
#[derive(Debug, Clone, Copy)]
enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
}

impl Lambda {
    /// Accepts event invocations, each of a function by its logical id. They are retried as the function's template
    /// says, and what fails for good goes to its `OnFailure` queue. When this returns, all of them are kept; if it
    /// fails, none is. Events that wait for a process wait in memory, without a limit, as on AWS.
    pub(crate) fn accept(&self, events: Vec<(String, Bytes)>) -> Result<(), AwsError> {
        let events: Vec<_> =
            events.into_iter().map(|(function, payload)| Event::new(function, payload)).collect();
        if !events.is_empty() {
            self.shared.journal.write(|to| events.iter().try_for_each(|event| event::insert(to, event)))?;
        }
        for event in events {
            self.spawn_event(event);
        }
        Ok(())
    }

    /// Continues with the events that an earlier run accepted and did not finish.
    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        let events = self.shared.journal.read(event::load)?;
        if !events.is_empty() {
            tracing::info!(events = events.len(), "continuing with the event invocations of an earlier run");
        }
        for event in events {
            self.spawn_event(event);
        }
        Ok(())
    }

    fn spawn_event(&self, event: Event) {
        let Deliveries { first, again } = self.shared.host.faults.deliveries();
        if let Some(second) = again {
            self.spawn_delayed(event.clone(), second);
        }
        self.spawn_delayed(event, first);
    }

    fn spawn_delayed(&self, event: Event, after: Duration) {
        let lambda = self.clone();
        tokio::spawn(async move {
            delay(after).await;
            lambda.run_event(event).await;
        });
    }

    /// Runs an event until the function has succeeded or failed for good, and then removes it from the journal. If the
    /// stack stops first, the event stays in the journal for the next run.
    async fn run_event(&self, mut event: Event) {
        let Some(pool) = self.shared.pools.get(&event.function) else {
            // The event may be from a run with another template, and the function may come back.
            tracing::error!(function = event.function, "cannot run an event: the stack has no such function");
            return;
        };
        let function = &pool.function;
        let (error, condition) = loop {
            let (request_id, payload) = (event.request_id.clone(), event.payload.clone());
            let result = self.invoke_as(&event.function, request_id, payload, Trace::new()).await;
            let Err(error) = result else { return self.finish(&event) };
            if self.is_stopping() {
                return;
            }
            event.attempts_failed += 1;
            if event.attempts_failed > function.retries_max {
                break (error, Condition::RetriesExhausted);
            }
            let doublings = (event.attempts_failed - 1).min(16);
            let pause = self.shared.async_retry_delay.saturating_mul(1 << doublings);
            if event.age() + pause > function.event_age_max {
                break (error, Condition::EventAgeExceeded);
            }
            self.shared.journal.note(|to| event::update(to, &event));
            sleep(pause).await;
        };
        match self.give_up(function, &event, condition, &error) {
            Ok(()) => self.finish(&event),
            Err(error) => {
                tracing::error!(function = function.name, event.request_id, "{}", error.message);
            }
        }
    }

    fn finish(&self, event: &Event) {
        self.shared.journal.note(|to| event::delete(to, event));
    }

    /// Sends the record of a failure to the function's `OnFailure` queue.
    fn give_up(
        &self,
        function: &Function,
        event: &Event,
        condition: Condition,
        error: &InvokeError,
    ) -> Result<(), AwsError> {
        let Some(queue) = &function.on_failure else {
            let (function, request_id) = (&function.name, &event.request_id);
            tracing::error!(
                function,
                request_id,
                ?condition,
                "an event is lost: the function has no OnFailure"
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
            "condition": format!("{condition:?}"),
            "approximateInvokeCount": event.attempts_failed,
        },
        "requestPayload": json_or_text(&event.payload),
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": json_or_text(&error.payload()),
    })
}

fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes)))
}
