//! The latest value of each key, on channels that keep one: the last update of a funnel, the value of a metric.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, Error, Seq, Timestamp, action::LATEST_CURSOR_BYTES_MAX, frame::Event, publication::Publication,
    size::Room, text::Text,
};
use serde::Serialize;

use super::{
    item::{Item, Table, failed, from_item, if_met, to_item},
    key,
    log::LogRow,
};
use crate::clock::now;

/// The most bytes of latest values that are read for one reply, each counted at its size on the wire. Each is
/// smaller.
pub const LATEST_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Serialize)]
struct LatestRow {
    #[serde(flatten)]
    row: LogRow,
    /// What decides which of two values is newer: see [`rank`].
    rank: String,
}

impl Table {
    /// Stores a publication as the latest value of its key: 1 write. An older value never replaces a newer one, in
    /// whatever order they arrive. They are compared by when they happened, then by how far ahead the producer's
    /// clock was, then by seq; of two equal values the one that arrives later is kept.
    pub async fn put_latest(&self, publication: &Publication, seq: Option<Seq>) -> Result<(), Error> {
        let Some(latest_key) = &publication.latest_key else { return Ok(()) };
        let row = LogRow::of(publication, seq, key::latest(&publication.channel), latest_key.clone(), self);
        let rank = rank(publication.happened_at, publication.ahead_ms, seq);
        let put = self
            .put(to_item(LatestRow { row, rank: rank.clone() })?)
            .condition_expression("attribute_not_exists(#rank) OR #rank <= :rank")
            .expression_attribute_names("#rank", "rank")
            .expression_attribute_values(":rank", AttributeValue::S(rank));
        if_met("PutItem of a latest value", put.send().await).map(drop)
    }

    /// The latest value of every key, or of the keys after `after`, as many as [`LATEST_BYTES_MAX`] holds: 1 read or
    /// more, by size.
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
                let row: LogRow = from_item(item)?;
                if row.is_alive(now()) {
                    let (key, seq) = (row.sk.clone(), row.seq);
                    let event = row.into_event(channel.clone(), seq)?.quoting(None)?;
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

/// Latest values, in the order of their keys.
#[derive(Debug, Default)]
pub struct Latest {
    /// The values.
    pub events: Vec<Event>,
    /// The key of each value.
    keys: Vec<String>,
    /// Whether there are further values.
    more: bool,
}

impl Latest {
    /// These values, each with its key, and no further ones.
    pub fn of(values: Vec<(String, Event)>) -> Self {
        let (keys, events) = values.into_iter().unzip();
        Self { events, keys, more: false }
    }

    /// Keeps the first `count` values.
    pub fn truncate(&mut self, count: usize) {
        self.more |= count < self.events.len();
        self.events.truncate(count);
        self.keys.truncate(count);
    }

    /// The values, and the cursor of the next page if there is one.
    ///
    /// # Errors
    /// [`Error::Internal`] if a key is longer than any that DynamoDB accepts.
    pub fn into_page(mut self) -> Result<(Vec<Event>, Option<Text<{ LATEST_CURSOR_BYTES_MAX }>>), Error> {
        let last = self.keys.pop().filter(|_| self.more);
        let next = last.map(Text::try_from).transpose().map_err(|e| Error::internal("a latest key", &e))?;
        Ok((self.events, next))
    }
}

/// A text that sorts by time, then by how far ahead of its arrival that was, then by seq: milliseconds since 1970,
/// milliseconds and the seq, each padded to its greatest width.
fn rank(happened_at: Timestamp, ahead_ms: i64, seq: Option<Seq>) -> String {
    let millis = happened_at.as_millis().max(0);
    format!("{millis:015}#{:015}#{}", ahead_ms.max(0), key::seq(seq.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_sort_by_time_and_then_by_seq() {
        let seq = |n: u64| Some(Seq::try_from(n).unwrap());
        let at = Timestamp::from_millis;
        let ranks = [
            rank(at(i64::MIN), 0, seq(9)),
            rank(at(5), 0, None),
            rank(at(5), 0, seq(2)),
            rank(at(5), 0, seq(10)),
            rank(at(5), 3_600_000, seq(1)),
            rank(at(1_800_000_000_000), 0, seq(1)),
            rank(at(i64::MAX), i64::from(u32::MAX), Some(Seq::MAX)),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert!(ranks.iter().all(|rank| rank.len() == ranks[0].len()), "{ranks:?}");
    }
}
