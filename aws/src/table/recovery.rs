//! What a joiner missed: all that came after the last seq it saw, or the plain word that this cannot be told.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq, frame::Event, size::Room};

use super::{
    item::{Table, failed, from_item},
    key,
    log::{Start, Stored, is_marker, stored},
};
use crate::clock::now;

/// The most events in a join's reply.
pub const RECOVERY_EVENTS_MAX: usize = 100;
/// The most bytes of them, each as large as it is on the wire; one alone may be larger.
pub const RECOVERY_BYTES_MAX: usize = 64 * 1024;

/// The answer to "what came after `since`?".
#[derive(Debug)]
pub struct Recovery {
    /// The log's last seq; 0 where it never had one.
    pub head: Seq,
    /// Whether `events`, and what the log has after them, are all that came.
    pub recovered: bool,
    /// What came, from the first on.
    pub events: Vec<Event>,
    /// Whether [`RECOVERY_EVENTS_MAX`] or [`RECOVERY_BYTES_MAX`] cut them.
    pub more: bool,
}

/// Where a log ends.
enum Head {
    /// Nothing has ever been in it.
    Never,
    /// Nothing is in it; its marker says where the next event goes, and whether there may have been any.
    Begun(Start),
    /// Here.
    At(Seq),
}

impl Head {
    fn seq(&self) -> Seq {
        match self {
            Self::Never => Seq::ZERO,
            Self::Begun(start) => start.start.previous(),
            Self::At(seq) => *seq,
        }
    }

    /// Whether nothing has come and gone behind it.
    fn has_lost_nothing(&self) -> bool {
        match self {
            Self::Never | Self::At(_) => true,
            Self::Begun(start) => start.is_fresh(now()),
        }
    }
}

impl Table {
    /// The log's end: 1 read.
    async fn head(&self, channel: &Channel) -> Result<Head, Error> {
        let query = self.query(key::log(channel)).scan_index_forward(false).limit(1);
        let page = query.send().await.map_err(failed("Query of a log's head"))?;
        match page.items.unwrap_or_default().pop() {
            None => Ok(Head::Never),
            Some(item) if is_marker(&item) => Ok(Head::Begun(from_item(item)?)),
            Some(item) => Ok(Head::At(stored(item)?.seq)),
        }
    }

    /// All that came after `since`: 1 read or more by size, and 1 more where the page does not tell the head. Who has
    /// seen nothing (`None`) has missed nothing.
    pub async fn recover(&self, channel: &Channel, since: Option<Seq>) -> Result<Recovery, Error> {
        let Some(since) = since else {
            let head = self.head(channel).await?.seq();
            return Ok(Recovery { head, recovered: true, events: Vec::new(), more: false });
        };
        let (mut rows, all_read, head) = loop {
            // From `since` itself on, so that what follows it can be told from what is left of it.
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
            // Its first events have come between the two reads: they are on the next page.
            let has_begun = rows.is_empty() && matches!(head, Head::At(head) if head > since);
            if !has_begun {
                break (rows, all_read, head);
            }
        };
        // The TTL removes in no order of its own, so each must follow the one before it.
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
        let (events, cut) = cut(events?);
        Ok(Recovery { head, recovered, events, more: cut || !all_read })
    }
}

fn is_contiguous(rows: &[Stored]) -> bool {
    rows.windows(2).all(|pair| pair[1].seq == pair[0].seq.next())
}

/// As many of the first as a reply may hold, and whether that left some out.
fn cut(mut events: Vec<Event>) -> (Vec<Event>, bool) {
    let mut room = Room::of(RECOVERY_BYTES_MAX);
    let first = &events[..events.len().min(RECOVERY_EVENTS_MAX)];
    let fitting = room.fitting(first).max(1); // whoever puts the reply together sees whether one alone fits
    let all = events.len();
    events.truncate(fitting);
    (events, fitting < all)
}
