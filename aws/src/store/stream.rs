//! The table's stream, read back into what it means to us: three kinds of change, and the filter of the template's
//! event source mapping lets only these through.

use aws_lambda_events::dynamodb::EventRecord;
use funnelcast_core::{Channel, ConnectionId, Error, Key, Timestamp, UserId, event::EventName, frame::Event};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{connections, key, log};

/// A change of the table that somebody is to hear of.
#[derive(Debug)]
pub enum Change {
    /// An event of the log, marked for the stream: to all members but the connection that it came from.
    Relay {
        /// The event.
        event: Event,
        /// Where it came from.
        except: Option<ConnectionId>,
    },
    /// A connection that the TTL has removed; its memberships are still there.
    Expired {
        /// Which.
        connection: ConnectionId,
        /// Whose it was.
        user: UserId,
        /// What it had joined.
        channels: Vec<Channel>,
    },
    /// The backend's word, written with its own state.
    Outbox(Outbox),
    /// Nothing of ours.
    Other,
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
struct RelayRow {
    #[serde(flatten)]
    row: log::Row,
    #[serde(default)]
    relay_except: Option<ConnectionId>,
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
        let change = &record.change;
        let image = if record.event_name == "REMOVE" { &change.old_image } else { &change.new_image };
        let pk = partition(image)?;
        if let Some(channel) = pk.strip_prefix(key::LOG_PREFIX) {
            let RelayRow { row, relay_except } = decode(image)?;
            let seq = key::parse_seq(&row.sk)?;
            let event = row.into_event(channel.parse()?, Some(seq))?;
            Ok(Self::Relay { event, except: relay_except })
        } else if let (Some(id), "REMOVE") =
            (pk.strip_prefix(key::CONNECTION_PREFIX), record.event_name.as_str())
        {
            let connections::Connection { user, channels, .. } = decode::<connections::Row>(image)?.into();
            Ok(Self::Expired { connection: id.parse()?, user, channels })
        } else if pk.starts_with(key::OUTBOX_PREFIX) {
            let row: OutboxRow =
                decode(image).map_err(|error| Error::BadRequest(error.to_string().into()))?;
            let data = match row.data {
                Value::String(json) => serde_json::from_str(&json).map_err(|e| Error::from_serde(&e))?,
                data => data,
            };
            let written_at = Timestamp::from_millis(change.approximate_creation_date_time.timestamp_millis());
            Ok(Self::Outbox(Outbox { channel: row.channel, event: row.event, data, key: row.sk, written_at }))
        } else {
            Ok(Self::Other)
        }
    }
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
        let relay = sample(include_str!("../../../events/stream-relay.json"));
        assert!(
            matches!(relay, Change::Relay { except: Some(_), ref event } if event.seq.is_some()),
            "{relay:?}"
        );
        let expired = sample(include_str!("../../../events/stream-expired-connection.json"));
        assert!(
            matches!(expired, Change::Expired { ref channels, .. } if !channels.is_empty()),
            "{expired:?}"
        );
        let outbox = sample(include_str!("../../../events/stream-outbox.json"));
        assert!(matches!(outbox, Change::Outbox(Outbox { data: Value::Object(_), .. })), "{outbox:?}");
    }
}
