//! The last value of each key, on the channels that keep one: a funnel's last update, a metric's value.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq, Timestamp, frame::Event, publication::Publication};
use serde::Serialize;

use super::{Store, failed, from_item, if_met, key, log::Row, to_item};
use crate::now;

#[derive(Debug, Serialize)]
struct LatestRow {
    #[serde(flatten)]
    row: Row,
    /// What decides which of two is the newer: see [`rank`].
    rank: String,
}

impl Store {
    /// Keeps a publication as the last value of its key: 1 write. An older one never replaces a newer one, whatever
    /// the order in which they come: by when it happened, then by seq; of two that are equal the later to arrive stays.
    pub async fn put_latest(&self, publication: &Publication, seq: Option<Seq>) -> Result<(), Error> {
        let Some(latest_key) = &publication.latest_key else { return Ok(()) };
        let row = Row::of(publication, seq, key::latest(&publication.channel), latest_key.clone(), self);
        let rank = rank(publication.happened_at, seq);
        let put = self
            .put(to_item(LatestRow { row, rank: rank.clone() })?)
            .condition_expression("attribute_not_exists(#rank) OR #rank <= :rank")
            .expression_attribute_names("#rank", "rank")
            .expression_attribute_values(":rank", AttributeValue::S(rank));
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

/// A text that sorts by time, then by seq: milliseconds since 1970 and the seq, each as wide as it can be.
fn rank(happened_at: Timestamp, seq: Option<Seq>) -> String {
    format!("{:015}#{}", happened_at.as_millis().max(0), key::seq(seq.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_sort_by_time_and_then_by_seq() {
        let seq = |n: u64| Some(Seq::try_from(n).unwrap());
        let at = Timestamp::from_millis;
        let ranks = [
            rank(at(i64::MIN), seq(9)),
            rank(at(5), None),
            rank(at(5), seq(2)),
            rank(at(5), seq(10)),
            rank(at(1_800_000_000_000), seq(1)),
            rank(at(i64::MAX), Some(Seq::MAX)),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert!(ranks.iter().all(|rank| rank.len() == ranks[0].len()), "{ranks:?}");
    }
}
