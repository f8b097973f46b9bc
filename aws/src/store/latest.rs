//! The last value of each key, on the channels that keep one: a funnel's last update, a metric's value.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq, frame::Event, publication::Publication};

use super::{Store, failed, from_item, if_met, key, log::Row, to_item};
use crate::now;

impl Store {
    /// Keeps a publication as the last value of its key: 1 write. An older one never replaces a newer one, whatever
    /// the order in which they come: by seq where they have one, else by time.
    pub async fn put_latest(&self, publication: &Publication, seq: Option<Seq>) -> Result<(), Error> {
        let Some(latest_key) = &publication.latest_key else { return Ok(()) };
        let row = Row::of(publication, seq, key::latest(&publication.channel), latest_key.clone(), self);
        let put = self.put(to_item(row)?);
        let put = match seq {
            Some(seq) => put
                .condition_expression("attribute_not_exists(pk) OR seq <= :seq")
                .expression_attribute_values(":seq", AttributeValue::N(seq.to_string())),
            None => put
                .condition_expression("attribute_not_exists(pk) OR #at <= :at")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(
                    ":at",
                    AttributeValue::N(publication.at.as_millis().to_string()),
                ),
        };
        if_met("PutItem of a latest value", put.send().await).map(drop)
    }

    /// The last value of every key, as many as fit one page of 1 MB: 1 read or more, by size.
    pub async fn latest(&self, channel: &Channel) -> Result<Vec<Event>, Error> {
        let page = self.query(key::latest(channel)).send().await.map_err(failed("Query of latest values"))?;
        let mut events = Vec::new();
        for item in page.items.unwrap_or_default() {
            let row: Row = from_item(item)?;
            if row.is_alive(now()) {
                let seq = row.seq;
                events.push(row.into_event(channel.clone(), seq)?);
            }
        }
        Ok(events)
    }
}
