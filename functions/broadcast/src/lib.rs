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
//! What cannot be done is an error: EventBridge, the stream and the queue then retry, and in the end the event lies in
//! the dead letters. Nothing is dropped in silence.

mod bus;
mod queue;
mod stream;

use std::time::Duration;

use funnelcast_aws::{
    Fanout,
    store::{Append, log::Known},
};
use funnelcast_core::{Error, Timestamp, frame::Event, publication::Publication};
use serde::Serialize;
use serde_json::Value;

/// Takes an event of the bus, or a batch of the stream or of the queue.
///
/// # Errors
/// [`Error::BadRequest`] with the reason where an event of the bus does not validate; [`Error::Internal`] where the
/// work is not done. The failures of a batch are in the answer, record by record.
pub async fn handle(fanout: &Fanout, event: Value) -> Result<Value, Error> {
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:dynamodb") => to_answer(stream::handle(fanout, Error::parse(event)?).await),
        Some("aws:sqs") => to_answer(queue::handle(fanout, Error::parse(event)?).await),
        _ => bus::handle(fanout, Error::parse(event)?).await.map(|()| Value::Null),
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
    let (seq, stored) = match store.append(view, &publication).await? {
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
