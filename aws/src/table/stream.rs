//! The records of the table's stream, decoded into the three kinds of change that `broadcast` handles. The filter of its event
//! source mapping in the template lets only these through; those of `digest` are in [`activity`](super::activity).

use std::time::Duration;

use aws_lambda_events::dynamodb::EventRecord;
use funnelcast_core::{
    Channel, ConnectionId, Error, FileId, Key, Timestamp,
    event::EventName,
    json::{self, Plain},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    connections::{self, ConnectionRow, Departed},
    key,
    log::{LogRow, Unquoted},
};
use crate::objects::PartsId;

/// The precision of the time of a record, [as AWS writes it][time].
///
/// [time]: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
pub const RESOLUTION: Duration = Duration::from_secs(1);

/// A change of the table that is handled.
#[derive(Debug)]
pub enum Change {
    /// An event of the log has been marked for the stream.
    Marked(Marked),
    /// A connection has been removed, for whatever reason; its memberships still exist.
    Departed(Departed),
    /// The app's backend has written an outbox item, in one transaction with its own state.
    Outbox(Outbox),
    /// Any other record.
    Other,
}

/// An event of the log that the stream must deliver.
#[derive(Debug)]
pub struct Marked {
    /// The event.
    pub event: Unquoted,
    /// The connection that sent it, which gets no copy.
    pub except: Option<ConnectionId>,
}

/// An outbox item: `OUTBOX#...` / key. Its writer gives it a `ttl`; nothing else deletes it.
#[derive(Debug)]
pub struct Outbox {
    /// The channel to publish to.
    pub channel: Channel,
    /// The name of the event.
    pub event: EventName,
    /// The payload.
    pub data: Value,
    /// What a repeat is recognised by.
    pub key: Key,
    /// When the item was written.
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
    /// Decodes a record.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if an outbox item is invalid, [`Error::Internal`] if one of the stack's own items is.
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
            // The time of a record is rounded down, and a connection seen within that second had not ended before.
            let at = written_at(record) + RESOLUTION;
            // Channels that it has left are cleaned up too, because that `leave` may have ended halfway.
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

/// A file whose item is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct GoneFile {
    /// The file.
    pub id: FileId,
    /// Its upload in parts that has not come to its end. S3 keeps those parts until it is told that they are not wanted.
    pub upload: Option<PartsId>,
}

/// The file whose item a record of the stream says is gone; `None` if it says something else.
///
/// # Errors
/// [`Error::Internal`] if the record has no key.
pub fn gone_file(record: &EventRecord) -> Result<Option<GoneFile>, Error> {
    let image = image(record);
    let id = partition(image)?.strip_prefix(key::FILE_PREFIX);
    let Some(id) = id.filter(|_| record.event_name == "REMOVE") else { return Ok(None) };
    let upload = match (image.get("state"), image.get("upload")) {
        (Some(serde_dynamo::AttributeValue::S(state)), Some(serde_dynamo::AttributeValue::S(upload)))
            if state == "uploading" =>
        {
            Some(PartsId::from(upload.clone()))
        }
        _ => None,
    };
    Ok(Some(GoneFile { id: id.parse()?, upload }))
}

/// The item of a record as JSON; `None` if it contains something that JSON cannot express, such as bytes.
pub fn as_json(record: &EventRecord) -> Option<Value> {
    item(image(record)).ok()
}

/// An item of the app's own as JSON.
///
/// # Errors
/// [`Error::Invalid`] with the attribute that JSON cannot express, such as bytes.
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
pub(super) fn image(record: &EventRecord) -> &serde_dynamo::Item {
    if record.event_name == "REMOVE" { &record.change.old_image } else { &record.change.new_image }
}

fn written_at(record: &EventRecord) -> Timestamp {
    Timestamp::from_millis(record.change.approximate_creation_date_time.timestamp_millis())
}

pub(super) fn partition(image: &serde_dynamo::Item) -> Result<&str, Error> {
    match image.get("pk") {
        Some(serde_dynamo::AttributeValue::S(pk)) => Ok(pk),
        _ => Err(Error::Internal("an image of the stream has no `pk`".into())),
    }
}

pub(super) fn decode<T: DeserializeOwned>(image: &serde_dynamo::Item) -> Result<T, Error> {
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
    fn every_sample_is_the_change_it_is_named_after() {
        let marked = sample(include_str!("../../../events/stream-marked.json"));
        assert!(
            matches!(marked, Change::Marked(Marked { except: Some(_), ref event }) if event.event.seq.is_some()),
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
