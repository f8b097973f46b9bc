//! A batch of the table's stream. What of it goes to the members of one channel goes together.

use aws_lambda_events::{
    dynamodb::{self, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use funnelcast_aws::{
    Fanout,
    fanout::{Delivery, Outgoing},
    now,
    store::stream::{Change, Outbox, RESOLUTION},
};
use funnelcast_core::{
    Error,
    publication::{Publication, Times},
};
use futures_util::{StreamExt, stream};

/// The channels of a batch that are served side by side; what they post shares one bound.
const DELIVERIES_AT_ONCE: usize = 10;

/// Does the batch, up to the first record that fails: that one is named, and the stream goes on from it.
///
/// First each record by itself, then the posts of all of them. Where a post cannot even be handed on to the queue, the
/// batch is done again from its beginning, which sends nothing that a client does not know how to drop.
pub(crate) async fn handle(fanout: &Fanout, batch: dynamodb::Event) -> DynamoDbEventResponse {
    let mut answer = DynamoDbEventResponse::default();
    let mut outgoing = Vec::new();
    for record in &batch.records {
        match one(fanout, record).await {
            Ok(events) => outgoing.extend(events),
            Err(error) => {
                tracing::error!(event_id = record.event_id, %error, "a record of the stream failed");
                answer.batch_item_failures.push(failure_of(record));
                break;
            }
        }
    }
    let deliveries = Delivery::together(outgoing).into_iter().map(|delivery| fanout.deliver(delivery));
    let mut deliveries = stream::iter(deliveries).buffer_unordered(DELIVERIES_AT_ONCE);
    while let Some(delivered) = deliveries.next().await {
        match delivered {
            Ok(tally) => tracing::debug!(?tally, "relayed"),
            Err(error) => {
                tracing::error!(%error, "a delivery of the stream failed");
                answer.batch_item_failures = batch.records.first().map(failure_of).into_iter().collect();
            }
        }
    }
    answer
}

/// A failure without a sequence number fails the whole batch, which is right for a record without one.
fn failure_of(record: &EventRecord) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier.clone_from(&record.change.sequence_number);
    failure
}

/// Does what a record asks for, and says what is to be posted then.
async fn one(fanout: &Fanout, record: &EventRecord) -> Result<Option<Outgoing>, Error> {
    match Change::of(record)? {
        Change::Relay(outgoing) => Ok(Some(outgoing)),
        Change::Lost(lost) => {
            tracing::debug!(connection = %lost.connection, user = %lost.user, channels = lost.channels.len(), "lost");
            fanout.lose(lost).await.map(|()| None)
        }
        Change::Outbox(Outbox { channel, event, data, key, written_at }) => {
            let now = now();
            let times = Times { sent_at: written_at, taken_at: (written_at + RESOLUTION).min(now), now };
            let publication =
                Publication::from_outbox(channel, event, data, key, fanout.agent.as_ref(), times)?;
            let event = crate::keep(fanout, publication, written_at).await?;
            Ok(Some(Outgoing { event, except: None }))
        }
        Change::Other => Ok(None),
    }
}
