//! `broadcast`: what the backend has to say, to every browser that may hear it.
//!
//! Three triggers, and one path behind them:
//! - an event of the bus; its id is the key, so that a repeat is known;
//! - a record of the table's stream: a message marked for it because its channel is large or a post failed, or a
//!   connection that was removed;
//! - an item of the outbox, which the backend writes in the same transaction as its own state.
//!
//! What one invocation does not finish it hands on to itself, by the fan-out queue.
//!
//! What is refused lies in the dead letters at once, in full, and what stands beside it goes on. What a retry may mend is
//! tried again, and lies there in the end. Nothing is dropped in silence.

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

/// The table, the gateway and the queues, and where what is refused goes.
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

/// Takes an event of the bus, or a batch of the stream or of the queue.
///
/// # Errors
/// [`Error::Internal`] where what an event of the bus asks for is not done, and may be by a retry. The failures of a batch
/// are in the answer, record by record.
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
