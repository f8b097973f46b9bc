//! `broadcast`: publishes what the backend says to every connection that may receive it.
//!
//! There are three triggers, with one path behind them:
//! - an event from the bus; its id is the key by which a repeat is recognised;
//! - a record of the table's stream: a message that was marked because its channel is large or a post failed, or a
//!   connection that was removed;
//! - an outbox item, which the backend writes in the same transaction as its own state.
//!
//! What one invocation cannot finish, it hands on to itself through the fan-out queue.
//!
//! An item that is refused is put into the dead-letter queue at once, in full, and the items beside it are handled.
//! An item that a retry may complete is retried, and put there after the last try. Nothing is dropped silently.

mod bus;
mod queue;
mod stream;

use funnelcast_aws::{Config, Resource, arrival, letters::DeadLetters, serve::serve};
use funnelcast_core::Error;
use funnelcast_realtime::Realtime;
use serde::Serialize;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// The table, the gateway and the queues, including the dead-letter queue.
#[derive(Debug)]
struct Broadcaster {
    realtime: Realtime,
    letters: DeadLetters,
}

impl Resource for Broadcaster {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { realtime: Realtime::build(config).await?, letters: DeadLetters::build(config).await? })
    }
}

/// Handles an event from the bus, or a batch from the stream or the queue.
///
/// # Errors
/// [`Error::Internal`] if an event from the bus could not be handled and a retry may succeed. The failures of a batch
/// are in the response, record by record.
async fn handle(broadcaster: &Broadcaster, event: Value) -> Result<Value, Error> {
    let Broadcaster { realtime, letters } = broadcaster;
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:dynamodb") => {
            let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
            to_answer(stream::handle(broadcaster, records).await)
        }
        Some("aws:sqs") => to_answer(queue::handle(broadcaster, Error::parse(event)?).await),
        _ => {
            let result =
                arrival::handle(letters, event, async |arrival| bus::handle(realtime, arrival).await);
            result.await.map(|()| Value::Null)
        }
    }
}

fn to_answer(failures: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(failures).map_err(|error| Error::internal("the answer", &error))
}
