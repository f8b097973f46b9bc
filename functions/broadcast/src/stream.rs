//! A batch of the table's stream.

use aws_lambda_events::{
    dynamodb::{self, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use funnelcast_aws::{
    Fanout, now,
    store::stream::{Change, Outbox},
};
use funnelcast_core::{Error, publication::Publication};

/// Does the batch, record by record, up to the first that fails: that one is named, and the stream goes on from it.
pub(crate) async fn handle(fanout: &Fanout, batch: dynamodb::Event) -> DynamoDbEventResponse {
    let mut answer = DynamoDbEventResponse::default();
    for record in &batch.records {
        if let Err(error) = one(fanout, record).await {
            tracing::error!(event_id = record.event_id, %error, "a record of the stream failed");
            // A failure without a sequence number fails the whole batch, which is right for a record without one.
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier.clone_from(&record.change.sequence_number);
            answer.batch_item_failures.push(failure);
            break;
        }
    }
    answer
}

async fn one(fanout: &Fanout, record: &EventRecord) -> Result<(), Error> {
    match Change::of(record)? {
        Change::Relay { event, except } => {
            let tally = fanout.send_to_all(&event, except.as_ref()).await?;
            tracing::info!(channel = %event.channel, ?tally, "relayed");
            tally.none_owed()
        }
        Change::Expired { connection, user, channels } => {
            tracing::info!(%connection, %user, channels = channels.len(), "a ghost is removed");
            fanout.store.remove_memberships(&user, &connection, &channels).await
        }
        Change::Outbox(Outbox { channel, event, data, key, written_at }) => {
            let publication = Publication::from_outbox(channel, event, data, key, now())?;
            crate::publish(fanout, publication, written_at).await
        }
        Change::Other => Ok(()),
    }
}
