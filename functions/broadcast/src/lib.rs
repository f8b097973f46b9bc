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

use std::time::Duration;

use funnelcast_aws::{
    Config, DeadLetters, Fanout, Resource,
    bus::deal_with,
    store::{Append, log::Known},
};
use funnelcast_core::{Error, Timestamp, frame::Event, publication::Publication};
use serde::Serialize;
use serde_json::Value;

/// The table, the gateway and the queues, and where what is refused goes.
#[derive(Debug)]
pub struct Broadcaster {
    fanout: Fanout,
    letters: DeadLetters,
}

impl Resource for Broadcaster {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { fanout: Fanout::build(config).await?, letters: DeadLetters::build(config).await? })
    }
}

/// Takes an event of the bus, or a batch of the stream or of the queue.
///
/// # Errors
/// [`Error::Internal`] where what an event of the bus asks for is not done, and may be by a retry. The failures of a batch
/// are in the answer, record by record.
pub async fn handle(broadcaster: &Broadcaster, event: Value) -> Result<Value, Error> {
    let Broadcaster { fanout, letters } = broadcaster;
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:dynamodb") => {
            let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
            to_answer(stream::handle(broadcaster, records).await)
        }
        Some("aws:sqs") => to_answer(queue::handle(broadcaster, Error::parse(event)?).await),
        _ => {
            let dealt = deal_with(letters, event, async |event| bus::handle(fanout, event).await);
            dealt.await.map(|()| Value::Null)
        }
    }
}

fn to_answer(failures: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(failures).map_err(|error| Error::internal("the answer", &error))
}

/// How far the clocks of EventBridge, DynamoDB and our functions may be apart.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);

/// Keeps a publication as its lane asks. `since` is when it reached AWS, by a clock that its producer cannot set and that
/// all repeats share: an earlier try cannot lie further back in the log.
async fn keep(fanout: &Fanout, mut publication: Publication, since: Timestamp) -> Result<Event, Error> {
    let store = &fanout.store;
    if !publication.lane.is_durable() {
        store.put_latest(&publication, None).await?;
        return Ok(publication.into_event(None));
    }
    let view = store.look_back(&publication.channel, Known::Since(since - CLOCK_SKEW_MAX)).await?;
    let appended = store.append(view, &publication).await.map_err(|error| match error {
        Error::Conflict(reason) => Error::Internal(reason.into_owned()), // a lost race, which a retry may win
        other => other,
    })?;
    let (seq, stored) = match appended {
        Append::New(seq) => (seq, None),
        Append::Duplicate(stored) => {
            let (seq, event) = (stored.seq, stored.into_event(publication.channel.clone())?);
            // A time in the future counted as that of the first try, and a repeat makes it no later.
            publication.at = event.at;
            publication.happened_at = publication.happened_at.min(event.at);
            (seq, Some(event))
        }
    };
    // Of a duplicate too: the first try may have ended between the two writes.
    store.put_latest(&publication, Some(seq)).await?;
    Ok(stored.unwrap_or_else(|| publication.into_event(Some(seq))))
}
