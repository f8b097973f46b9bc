//! The last value of each key, on the channels that keep one: a funnel's last update, a metric's value.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, Error, Seq, action::LATEST_CURSOR_BYTES_MAX, frame::Event, publication::Publication, size::Room,
    text::Text,
};

use super::{Item, Store, failed, from_item, if_met, key, log::Row, to_item};
use crate::now;

/// The most bytes of last values that are read for one reply, each as large as it is on the wire. Each is smaller.
pub const LATEST_BYTES_MAX: usize = 64 * 1024;

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

    /// The last value of every key, or of those behind `after`, as many as [`LATEST_BYTES_MAX`] holds: 1 read or more, by size.
    pub async fn latest(&self, channel: &Channel, after: Option<&str>) -> Result<Latest, Error> {
        let (mut latest, mut room) = (Latest::default(), Room::of(LATEST_BYTES_MAX));
        let mut start = after.map(|key| {
            let attribute = |text: &str| AttributeValue::S(text.to_owned());
            Item::from([("pk".into(), attribute(&key::latest(channel))), ("sk".into(), attribute(key))])
        });
        loop {
            let query = self.query(key::latest(channel)).set_exclusive_start_key(start);
            let page = query.send().await.map_err(failed("Query of latest values"))?;
            for item in page.items.unwrap_or_default() {
                let row: Row = from_item(item)?;
                if row.is_alive(now()) {
                    let (key, seq) = (row.sk.clone(), row.seq);
                    let event = row.into_event(channel.clone(), seq)?;
                    if !room.takes(&event) {
                        latest.more = true;
                        return Ok(latest);
                    }
                    latest.events.push(event);
                    latest.keys.push(key);
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(latest);
            }
        }
    }
}

/// Last values, in the order of their keys.
#[derive(Debug, Default)]
pub struct Latest {
    /// The values.
    pub events: Vec<Event>,
    /// Of each its key.
    keys: Vec<String>,
    /// Whether there are more behind them.
    more: bool,
}

impl Latest {
    /// These values, each with its key, and no more behind them.
    pub fn of(values: Vec<(String, Event)>) -> Self {
        let (keys, events) = values.into_iter().unzip();
        Self { events, keys, more: false }
    }

    /// Leaves the first of them.
    pub fn truncate(&mut self, count: usize) {
        self.more |= count < self.events.len();
        self.events.truncate(count);
        self.keys.truncate(count);
    }

    /// The values, and where to go on behind them, if there are more.
    ///
    /// # Errors
    /// [`Error::Internal`] where a key is longer than any that DynamoDB takes.
    pub fn into_page(mut self) -> Result<(Vec<Event>, Option<Text<{ LATEST_CURSOR_BYTES_MAX }>>), Error> {
        let last = self.keys.pop().filter(|_| self.more);
        let next = last.map(Text::try_from).transpose().map_err(|e| Error::internal("a latest key", &e))?;
        Ok((self.events, next))
    }
}
