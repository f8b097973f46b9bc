//! Where a log ends and where it begins: reading it and deciding it.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq};

use super::{
    End, Known, LOOK_BACK_PAGES_MAX, LogView,
    row::{Start, Stored, is_marker, stored},
};
use crate::{
    clock::now,
    table::{
        item::{Item, Table, failed, from_item, if_met, to_item},
        key,
    },
};

/// How many events are read if a sender's `base` proves nothing.
const TAIL_EVENTS: usize = 100;

impl Table {
    /// Reads the log from a seq (inclusive) to its end.
    pub(super) async fn read_from(&self, channel: &Channel, from: Seq) -> Result<LogView, Error> {
        let mut events: Vec<Stored> = Vec::new();
        let mut start: Option<Item> = None;
        for _ in 0..LOOK_BACK_PAGES_MAX {
            let query = self
                .query(key::log(channel))
                .key_condition_expression("pk = :pk AND sk >= :from")
                .expression_attribute_values(":from", AttributeValue::S(key::seq(from)))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(failed("Query of a log"))?;
            for item in page.items.unwrap_or_default() {
                events.push(stored(item)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                let end = self.end(channel, events.last(), None).await?;
                return Ok(LogView { events, end });
            }
        }
        Err(Error::Conflict("catch up first: `base` is too far behind".into()))
    }

    /// Reads the end of the log backwards, to a point in time or a number of events.
    pub(super) async fn read_tail(&self, channel: &Channel, known: Known) -> Result<LogView, Error> {
        let (mut page_size, until) = match known {
            Known::Since(time) => (8, Some(time)), // nearly always enough: an event is seldom late
            Known::Base(_) | Known::Nothing => (TAIL_EVENTS, None),
        };
        let mut events: Vec<Stored> = Vec::new();
        let mut marker = None;
        let mut start: Option<Item> = None;
        loop {
            let query = self
                .query(key::log(channel))
                .scan_index_forward(false)
                .set_limit(i32::try_from(page_size).ok())
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(failed("Query of a log's end"))?;
            for item in page.items.unwrap_or_default() {
                if is_marker(&item) {
                    marker = Some(from_item::<Start>(item)?);
                } else {
                    events.push(stored(item)?);
                }
            }
            start = page.last_evaluated_key;
            let reached = match until {
                Some(until) => events.last().is_some_and(|oldest| oldest.row.kept_at < until.as_millis()),
                None => events.len() >= TAIL_EVENTS,
            };
            if start.is_none() || reached {
                break;
            }
            page_size = TAIL_EVENTS;
        }
        let end = self.end(channel, events.first(), marker).await?;
        Ok(LogView { events, end })
    }

    /// The end of the log by its last event. If that has expired but has not been removed by the TTL yet, nothing is
    /// alive.
    async fn end(
        &self,
        channel: &Channel,
        last: Option<&Stored>,
        marker: Option<Start>,
    ) -> Result<End, Error> {
        match (last, marker) {
            (Some(last), _) if last.row.is_alive(now()) => Ok(End::after(last)),
            (_, Some(marker)) => Ok(End::Empty(Some(marker))),
            (Some(_), None) => Ok(End::Empty(self.read_start(channel).await?)),
            (None, None) => Ok(End::Empty(None)),
        }
    }

    /// Decides where a log without live events begins (again), and after how many messages. Concurrent senders agree on both by a
    /// conditional write. The number of messages goes on where the log ended, as `digest` has noted it long ago: else nobody
    /// who has read the expired ones would have anything unread for as long as the log is shorter.
    pub(super) async fn begin(&self, channel: &Channel, marker: Option<Start>) -> Result<(Seq, u64), Error> {
        let now = now();
        let (next, condition, before, n) = match marker {
            None => (Seq::ZERO.next(), "attribute_not_exists(pk)", None, 0),
            // Nothing has expired since: the sender that began the log has put nothing yet, or is just doing so.
            Some(marker) if marker.is_fresh(now) => return Ok((marker.first, marker.n)),
            Some(marker) => {
                let millis = u64::try_from(now.as_millis()).unwrap_or_default();
                let next = Seq::try_from(millis)?.max(marker.first.next());
                let n = match channel {
                    Channel::Conversation(conversation) => self.activity(conversation).await?.n(),
                    _ => 0,
                };
                (next, "#start = :before", Some(marker.first), n.max(marker.n))
            }
        };
        let mut item = to_item(Start { first: next, at: now.as_millis(), n })?;
        item.insert("pk".to_owned(), AttributeValue::S(key::log(channel)));
        item.insert("sk".to_owned(), AttributeValue::S(key::LOG_START.to_owned()));
        let mut put = self.put(item).condition_expression(condition);
        if let Some(before) = before {
            put = put
                .expression_attribute_names("#start", "start")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string()));
        }
        if if_met("PutItem of a log's marker", put.send().await)?.is_some() {
            return Ok((next, n));
        }
        let agreed = self.read_start(channel).await?;
        agreed
            .map(|start| (start.first, start.n))
            .ok_or(Error::Internal("a log's marker has disappeared".into()))
    }

    async fn read_start(&self, channel: &Channel) -> Result<Option<Start>, Error> {
        let get = self.get(key::log(channel), key::LOG_START.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a log's marker"))?.item;
        item.map(from_item).transpose()
    }
}
