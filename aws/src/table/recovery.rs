//! What a joiner missed: all events after the last seq that it saw, or the statement that they cannot be recovered.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq, frame::Event, size::Room};

use super::{
    item::{Table, failed, from_item},
    key,
    log::{Start, Stored, is_marker, stored},
};
use crate::clock::now;

/// The most events in the reply to a `join`.
pub const RECOVERY_EVENTS_MAX: usize = 100;
/// The most bytes of these events, each counted at its size on the wire. A single event may be larger.
pub const RECOVERY_BYTES_MAX: usize = 64 * 1024;

/// The events after `since`.
#[derive(Debug)]
pub struct Recovery {
    /// The last seq of the log; 0 if it never had an event.
    pub head: Seq,
    /// Whether `events`, together with what the log has after them, are all events since.
    pub recovered: bool,
    /// The events, the oldest first.
    pub events: Vec<Event>,
    /// Whether [`RECOVERY_EVENTS_MAX`] or [`RECOVERY_BYTES_MAX`] left some out.
    pub more: bool,
}

/// The end of a log.
enum Head {
    /// No event has ever been in it.
    Never,
    /// No event is in it. Its marker says where the next event goes, and whether there may have been earlier ones.
    Begun(Start),
    /// The last event has this seq.
    At(Seq),
}

impl Head {
    fn seq(&self) -> Seq {
        match self {
            Self::Never => Seq::ZERO,
            Self::Begun(start) => start.first.previous(),
            Self::At(seq) => *seq,
        }
    }

    /// Whether no event after this end can have expired.
    fn has_lost_nothing(&self) -> bool {
        match self {
            Self::Never | Self::At(_) => true,
            Self::Begun(start) => start.is_fresh(now()),
        }
    }
}

impl Table {
    /// The end of the log: 1 read.
    async fn head(&self, channel: &Channel) -> Result<Head, Error> {
        let query = self.query(key::log(channel)).scan_index_forward(false).limit(1);
        let page = query.send().await.map_err(failed("Query of a log's head"))?;
        match page.items.unwrap_or_default().pop() {
            None => Ok(Head::Never),
            Some(item) if is_marker(&item) => Ok(Head::Begun(from_item(item)?)),
            Some(item) => Ok(Head::At(stored(item)?.seq)),
        }
    }

    /// All events after `since`: 1 read or more by size, and 1 more if the page does not contain the head. A client
    /// that has seen nothing (`None`) has missed nothing.
    pub async fn recover(&self, channel: &Channel, since: Option<Seq>) -> Result<Recovery, Error> {
        let Some(since) = since else {
            let head = self.head(channel).await?.seq();
            return Ok(Recovery { head, recovered: true, events: Vec::new(), more: false });
        };
        let (mut rows, all_read, head) = loop {
            // Includes `since` itself, so that its successors can be told from the remains of an expired part.
            let query = self
                .query(key::log(channel))
                .key_condition_expression("pk = :pk AND sk >= :since")
                .expression_attribute_values(":since", AttributeValue::S(key::seq(since)))
                .limit(i32::try_from(RECOVERY_EVENTS_MAX + 2).unwrap_or(i32::MAX));
            let page = query.send().await.map_err(failed("Query of a log"))?;
            let all_read = page.last_evaluated_key.is_none();
            let rows = page.items.unwrap_or_default().into_iter().map(stored);
            let rows = rows.collect::<Result<Vec<_>, Error>>()?;
            let head = match rows.last() {
                Some(last) if all_read => Head::At(last.seq),
                _ => self.head(channel).await?,
            };
            // The first events of the log were appended between the two reads: they are on the next page.
            let has_begun = rows.is_empty() && matches!(head, Head::At(head) if head > since);
            if !has_begun {
                break (rows, all_read, head);
            }
        };
        // The TTL removes items in no particular order, so each event must directly follow the one before it.
        let recovered = match rows.first() {
            Some(first) => (first.seq == since || first.seq == since.next()) && is_contiguous(&rows),
            None => since == head.seq() && head.has_lost_nothing(),
        };
        let head = head.seq();
        rows.retain(|row| row.seq > since);
        if !recovered || rows.iter().any(|row| !row.row.is_alive(now())) {
            return Ok(Recovery { head, recovered: false, events: Vec::new(), more: false });
        }
        let events: Result<_, Error> = rows.into_iter().map(|row| row.into_event(channel.clone())).collect();
        let (events, cut) = cut(self.quoted(channel, events?).await?);
        Ok(Recovery { head, recovered, events, more: cut || !all_read })
    }
}

fn is_contiguous(rows: &[Stored]) -> bool {
    rows.windows(2).all(|pair| pair[1].seq == pair[0].seq.next())
}

/// As many of the first events as a reply may hold, and whether some were left out.
fn cut(mut events: Vec<Event>) -> (Vec<Event>, bool) {
    let mut room = Room::of(RECOVERY_BYTES_MAX);
    let first = &events[..events.len().min(RECOVERY_EVENTS_MAX)];
    let fitting = room.fitting(first).max(1); // whether a single event fits is decided where the reply is assembled
    let all = events.len();
    events.truncate(fitting);
    (events, fitting < all)
}
