//! The table's stream, read back into what it means to us: three kinds of change, and the filter of the template's
//! event source mapping lets only these through.

use std::time::Duration;

use aws_lambda_events::dynamodb::EventRecord;
use funnelcast_core::{
    Channel, ConnectionId, Error, Key, Timestamp,
    event::EventName,
    frame::Event,
    json::{self, Plain},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    connections::{self, ConnectionRow, Departed},
    key,
    log::LogRow,
};

/// How exact the time of a record is, [as AWS writes it][time].
///
/// [time]: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
pub const RESOLUTION: Duration = Duration::from_secs(1);

/// A change of the table that somebody is to hear of.
#[derive(Debug)]
pub enum Change {
    /// An event of the log, marked for the stream.
    Marked(Marked),
    /// A connection that has been removed, for whatever reason; its memberships are still there.
    Departed(Departed),
    /// An item of the outbox, which the app's backend has written with its own state.
    Outbox(Outbox),
    /// Nothing of ours.
    Other,
}

/// An event of the log that is to be delivered by the stream.
#[derive(Debug)]
pub struct Marked {
    /// The event.
    pub event: Event,
    /// The connection that it came from, which gets no copy.
    pub except: Option<ConnectionId>,
}

/// An item of the outbox: `OUTBOX#...` / key. Its writer gives it a `ttl`; nobody deletes it.
#[derive(Debug)]
pub struct Outbox {
    /// Where to publish.
    pub channel: Channel,
    /// What.
    pub event: EventName,
    /// The payload.
    pub data: Value,
    /// What a repeat is known by.
    pub key: Key,
    /// When it was written.
    pub written_at: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkedRow {
    #[serde(flatten)]
    row: LogRow,
    #[serde(default)]
    delivery_except: Option<ConnectionId>,
}

#[derive(Debug, Deserialize)]
struct OutboxRow {
    sk: Key,
    channel: Channel,
    event: EventName,
    data: Value,
}

impl Change {
    /// What a record means.
    ///
    /// # Errors
    /// [`Error::BadRequest`] where an outbox item is not what it should be, [`Error::Internal`] where one of our own
    /// is not.
    pub fn of(record: &EventRecord) -> Result<Self, Error> {
        let image = image(record);
        let pk = partition(image)?;
        if let Some(channel) = pk.strip_prefix(key::LOG_PREFIX) {
            let MarkedRow { row, delivery_except } = decode(image)?;
            let seq = key::parse_seq(&row.sk)?;
            let event = row.into_event(channel.parse()?, Some(seq))?;
            Ok(Self::Marked(Marked { event, except: delivery_except }))
        } else if pk.starts_with(key::USER_PREFIX) && record.event_name == "REMOVE" {
            let connections::Connection { id, user, name, channels, leaves, .. } =
                decode::<ConnectionRow>(image)?.try_into()?;
            // A record's time is rounded down, and who was heard of in that second was not gone before.
            let at = written_at(record) + RESOLUTION;
            // What it has left is cleaned up too: that `leave` may have ended in the middle.
            let channels = channels.into_iter().chain(leaves).collect();
            Ok(Self::Departed(Departed { connection: id, user, name, channels, at }))
        } else if pk.starts_with(key::OUTBOX_PREFIX) {
            let row: OutboxRow = Error::parse(item(image)?)?;
            let data = match row.data {
                Value::String(text) => json::read(text.as_bytes())
                    .map_err(|reason| Error::invalid("data", format!("must be JSON: {reason}")))?,
                data => data,
            };
            let written_at = written_at(record);
            Ok(Self::Outbox(Outbox { channel: row.channel, event: row.event, data, key: row.sk, written_at }))
        } else {
            Ok(Self::Other)
        }
    }
}

/// The item that a record is about, as JSON; `None` where it has something that JSON has not, such as bytes.
pub fn as_json(record: &EventRecord) -> Option<Value> {
    item(image(record)).ok()
}

/// An item of the app's own as JSON.
///
/// # Errors
/// [`Error::Invalid`] with the attribute that JSON has no words for, such as bytes.
fn item(image: &serde_dynamo::Item) -> Result<Value, Error> {
    let attributes = image.iter().map(|(name, value)| {
        let plain: Result<Plain, _> = serde_dynamo::from_attribute_value(value.clone());
        plain
            .map(|Plain(value)| (name.clone(), value))
            .map_err(|_| Error::invalid(name, "must be JSON, not bytes"))
    });
    attributes.collect()
}

/// The item as it is now, or as it was before it was removed.
fn image(record: &EventRecord) -> &serde_dynamo::Item {
    if record.event_name == "REMOVE" { &record.change.old_image } else { &record.change.new_image }
}

fn written_at(record: &EventRecord) -> Timestamp {
    Timestamp::from_millis(record.change.approximate_creation_date_time.timestamp_millis())
}

fn partition(image: &serde_dynamo::Item) -> Result<&str, Error> {
    match image.get("pk") {
        Some(serde_dynamo::AttributeValue::S(pk)) => Ok(pk),
        _ => Err(Error::Internal("an image of the stream has no `pk`".into())),
    }
}

fn decode<T: DeserializeOwned>(image: &serde_dynamo::Item) -> Result<T, Error> {
    serde_dynamo::from_item(image.clone()).map_err(|error| Error::internal("an image of the stream", &error))
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::dynamodb;

    use super::*;

    fn sample(json: &str) -> Change {
        let event: dynamodb::Event = serde_json::from_str(json).unwrap();
        Change::of(&event.records[0]).unwrap()
    }

    #[test]
    fn every_sample_is_the_change_that_it_is_named_after() {
        let marked = sample(include_str!("../../../events/stream-marked.json"));
        assert!(
            matches!(marked, Change::Marked(Marked { except: Some(_), ref event }) if event.seq.is_some()),
            "{marked:?}"
        );
        let departed = sample(include_str!("../../../events/stream-departed.json"));
        assert!(
            matches!(departed, Change::Departed(Departed { ref channels, .. }) if !channels.is_empty()),
            "{departed:?}"
        );
        let outbox = sample(include_str!("../../../events/stream-outbox.json"));
        assert!(matches!(outbox, Change::Outbox(Outbox { data: Value::Object(_), .. })), "{outbox:?}");
    }
}
