//! Batches from the table's stream. Everything in a batch that must go to the members of one channel is posted
//! together.
//!
//! A stream does not advance past a record that is reported as failed. So no record is reported as long as it can be
//! put elsewhere: a refused record into the dead-letter queue, and one that a retry may complete into the fan-out
//! queue, which delivers it again separately.

use std::collections::BTreeMap;

use aws_lambda_events::{
    dynamodb::EventRecord,
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use funnelcast_aws::{
    batch::Try,
    clock::now,
    letters::{Source, Undone},
    table::stream::{Change, Marked, Outbox, RESOLUTION, as_json},
};
use funnelcast_core::{
    Error,
    event::EventName,
    publication::{Publication, Times},
};
use funnelcast_realtime::{
    deliver::{self, Addressed, Delivery},
    departures,
    publish::{EarlierTry, Keeper, Kept},
};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Broadcaster;

/// How many channels of a batch are served side by side. Their posts share one limit.
const CHANNELS_AT_ONCE: usize = 10;

/// A record that has failed and must be retried: a message of the fan-out queue.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Again {
    pub(crate) record: Value,
}

/// Handles a batch, with its channels side by side: first the records of each, in their order, then their posts.
///
/// A record or delivery that cannot even be put elsewhere is reported in the response, and the stream restarts there.
/// That repeats nothing that a client does not know how to drop.
pub(crate) async fn handle(broadcaster: &Broadcaster, records: &[Value]) -> DynamoDbEventResponse {
    let mut channels: BTreeMap<&str, Vec<(usize, &Value)>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        channels.entry(channel_of(record)).or_default().push((index, record));
    }
    let undone = stream::iter(channels.into_values())
        .map(async |records| serve_channel(broadcaster, &records).await)
        .buffer_unordered(CHANNELS_AT_ONCE)
        .filter_map(async |undone| undone)
        .collect::<Vec<usize>>()
        .await;
    let mut answer = DynamoDbEventResponse::default();
    answer.batch_item_failures.extend(undone.into_iter().min().map(|index| failure_of(&records[index])));
    answer
}

/// What all records of one channel share: the partition key without its prefix.
fn channel_of(record: &Value) -> &str {
    let pk = record.pointer("/dynamodb/Keys/pk/S").and_then(Value::as_str).unwrap_or_default();
    pk.split_once('#').map_or(pk, |(_, whose)| whose)
}

/// A failure without a sequence number fails the whole batch, which is right for a record without one.
fn failure_of(record: &Value) -> DynamoDbBatchItemFailure {
    let sequence_number = record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str);
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = sequence_number.map(str::to_owned);
    failure
}

/// Handles the records of one channel, each with its index in the batch. Returns the index of the first one that is
/// not done.
async fn serve_channel(broadcaster: &Broadcaster, records: &[(usize, &Value)]) -> Option<usize> {
    let (mut addressed, mut undone) = (Vec::new(), None);
    for &(index, record) in records {
        match prepare(broadcaster, record).await {
            Ok(events) => addressed.extend(events),
            Err(error) => {
                if put_elsewhere(broadcaster, record, error).await.is_err() {
                    undone = Some(index);
                    break;
                }
            }
        }
    }
    for delivery in Delivery::together(addressed) {
        if deliver(broadcaster, delivery).await.is_err() {
            undone = records.first().map(|(index, _)| *index);
        }
    }
    undone
}

/// Makes a delivery, or puts it into the queue if that fails.
async fn deliver(Broadcaster { realtime, .. }: &Broadcaster, delivery: Delivery) -> Result<(), Error> {
    match deliver::deliver_for_senders(realtime, delivery.clone()).await {
        Ok(tally) => {
            tracing::debug!(?tally, "delivered");
            Ok(())
        }
        Err(error) => {
            tracing::error!(%error, "a delivery of the stream failed");
            deliver::try_later(realtime, &delivery).await
        }
    }
}

/// Puts a record that has failed where it does not hold up the stream.
async fn put_elsewhere(broadcaster: &Broadcaster, record: &Value, error: Error) -> Result<(), Error> {
    if error.is_retryable() {
        let event_id = record["eventID"].as_str();
        tracing::error!(event_id, %error, "a record of the stream failed");
        deliver::try_later(&broadcaster.realtime, &Again { record: record.clone() }).await
    } else {
        give_up(broadcaster, record, 1, &error).await
    }
}

/// Retries a record that the queue has delivered.
pub(crate) async fn again(
    broadcaster: &Broadcaster,
    Again { record }: Again,
    this_try: Try,
) -> Result<(), Error> {
    match prepare(broadcaster, &record).await {
        Ok(None) => Ok(()),
        Ok(Some(Addressed { event, except })) => deliver(broadcaster, Delivery::to_all(event, except)).await,
        // The stream's own try came before those of the queue.
        Err(error) if this_try.is_ended_by(&error) => {
            give_up(broadcaster, &record, this_try.number() + 1, &error).await
        }
        Err(error) => Err(error),
    }
}

/// Puts the item of a record into the dead-letter queue, under the key that its writer gave it.
async fn give_up(
    Broadcaster { letters, .. }: &Broadcaster,
    record: &Value,
    tries: u32,
    error: &Error,
) -> Result<(), Error> {
    let key = |name: &str| record.pointer(&format!("/dynamodb/Keys/{name}/S")).and_then(Value::as_str);
    let is_outbox = key("pk").is_some_and(|pk| pk.starts_with("OUTBOX#"));
    let (source, id) =
        if is_outbox { (Source::Outbox, key("sk")) } else { (Source::Stream, record["eventID"].as_str()) };
    let item = Error::parse(record.clone()).ok().and_then(|record: EventRecord| as_json(&record));
    let (id, item) = (id.unwrap_or_default(), item.as_ref().unwrap_or(record));
    letters.put(&Undone { source, id, item, tries, error }).await
}

/// Handles a record, and returns what must be posted as a result.
async fn prepare(
    Broadcaster { realtime, .. }: &Broadcaster,
    record: &Value,
) -> Result<Option<Addressed>, Error> {
    match Change::of(&Error::parse(record.clone())?)? {
        Change::Marked(Marked { event, except }) => {
            let channel = event.event().channel.clone();
            let event = realtime.table().quoted(&channel, vec![event]).await?.pop();
            Ok(event.map(|event| Addressed { event, except }))
        }
        Change::Departed(departed) => {
            tracing::debug!(connection = %departed.connection, user = %departed.user, channels = departed.channels.len(), "departed");
            departures::note(realtime, departed).await.map(|()| None)
        }
        Change::Outbox(Outbox { channel, event, data, key, written_at }) => {
            let now = now();
            let times = Times { sent_at: written_at, taken_at: (written_at + RESOLUTION).min(now), now };
            let publication =
                Publication::from_outbox(channel, event, data, key, realtime.agent.as_ref(), times)?;
            let is_of_a_file = matches!(publication.event, EventName::FileReady | EventName::FileRefused);
            let mut keeper = Keeper::new(realtime.table());
            match keeper.keep(publication, EarlierTry::Since(written_at)).await {
                Ok(Kept { event, .. }) => Ok(Some(Addressed { event, except: None })),
                // A message that has been deleted meanwhile has taken its files with it.
                Err(Error::NotFound(_)) if is_of_a_file => Ok(None),
                Err(error) => Err(error),
            }
        }
        Change::Other => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_records_of_a_channel_are_served_together() {
        let of =
            |sample| channel_of(&serde_json::from_str::<Value>(sample).unwrap()["Records"][0]).to_owned();
        assert_eq!(of(include_str!("../../../events/stream-outbox.json")), "funnel_updates:biz_1");
        assert!(of(include_str!("../../../events/stream-marked.json")).contains(':'));
        assert_eq!(channel_of(&Value::Null), "");
    }
}
