//! Webhooks: which ones have been processed, so that a repeated delivery does nothing; and the outbox, by which a
//! function can publish exactly once.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Key, Timestamp, event::EventName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    item::{Item, Table, failed, from_item, if_met, to_attribute, to_item},
    key,
};

/// How long a webhook is reserved for the process that took it: longer than the function's timeout.
pub const WEBHOOK_TAKEN: Duration = Duration::from_secs(45);
/// How long a webhook is remembered. Its sender's retries end long before, and a replay is refused by its timestamp.
pub const WEBHOOK_MEMORY: Duration = Duration::from_hours(7 * 24);
/// How long an outbox item is kept: the stream has read it within seconds.
const OUTBOX_LIFE: Duration = Duration::from_hours(24);

/// The outcome of taking a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The caller must process it.
    Yes,
    /// It has already been processed.
    Done,
    /// Another process is working on it.
    Busy,
}

#[derive(Debug, Serialize, Deserialize)]
struct WebhookRow {
    pk: String,
    sk: String,
    done: bool,
    /// In seconds since 1970. If the webhook is not done by then, it may be taken again.
    until: i64,
    ttl: i64,
}

impl Table {
    /// Takes a webhook: 1 write, and 1 read if it was delivered before.
    pub async fn take_webhook(&self, id: &Key, now: Timestamp) -> Result<Taken, Error> {
        let put = self
            .put(to_item(row(id, false, now + WEBHOOK_TAKEN, now))?)
            .condition_expression("attribute_not_exists(pk) OR (done = :no AND #until <= :now)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":now", AttributeValue::N(now.as_secs().to_string()));
        if if_met("PutItem of a webhook", put.send().await)?.is_some() {
            return Ok(Taken::Yes);
        }
        let item = self.get(key::webhook(id), key::META.to_owned()).send().await;
        let item = item.map_err(failed("GetItem of a webhook"))?.item;
        let is_done = item.map(from_item::<WebhookRow>).transpose()?.is_some_and(|row| row.done);
        Ok(if is_done { Taken::Done } else { Taken::Busy })
    }

    /// Records that a webhook has been processed: 1 write.
    pub async fn finish_webhook(&self, id: &Key, now: Timestamp) -> Result<(), Error> {
        let put = self.put(to_item(row(id, true, now, now))?).send().await;
        put.map(drop).map_err(failed("PutItem of a webhook"))
    }

    /// Releases a webhook that could not be processed, so that a retry need not wait: 1 write.
    pub async fn release_webhook(&self, id: &Key) -> Result<(), Error> {
        let delete = self.delete(key::webhook(id), key::META.to_owned()).send().await;
        delete.map(drop).map_err(failed("DeleteItem of a webhook"))
    }

    /// Publishes through the outbox: 1 write. Putting the same key again overwrites the item, and the stream only
    /// handles new ones, so the event is published once.
    pub async fn put_into_outbox(
        &self,
        channel: &Channel,
        event: EventName,
        data: &Value,
        key: &Key,
        now: Timestamp,
    ) -> Result<(), Error> {
        let put = self.put(outbox_item(channel, event, data, key, now)?).send().await;
        put.map(drop).map_err(failed("PutItem of the outbox"))
    }
}

/// The item of an event in the outbox.
pub(super) fn outbox_item(
    channel: &Channel,
    event: EventName,
    data: &Value,
    key: &Key,
    now: Timestamp,
) -> Result<Item, Error> {
    let text = |text: String| AttributeValue::S(text);
    let item = [
        ("pk", text(key::outbox(channel))),
        ("sk", text(key.to_string())),
        ("channel", text(channel.to_string())),
        ("event", to_attribute(event)?),
        ("data", text(data.to_string())),
        ("ttl", AttributeValue::N((now + OUTBOX_LIFE).as_secs().to_string())),
    ];
    Ok(item.map(|(name, value)| (name.to_owned(), value)).into())
}

fn row(id: &Key, done: bool, until: Timestamp, now: Timestamp) -> WebhookRow {
    let (pk, sk) = (key::webhook(id), key::META.to_owned());
    WebhookRow { pk, sk, done, until: until.as_secs(), ttl: (now + WEBHOOK_MEMORY).as_secs() }
}
