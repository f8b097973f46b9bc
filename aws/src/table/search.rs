//! A walk over the messages of a log, from the newest to the oldest, for a search that looks at each.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq};

use super::{
    item::{Item, Table, failed},
    key,
    log::{Stored, is_marker, stored},
};

/// How many events are read at once.
const STEP_EVENTS: i32 = 500;
/// After this many bytes of the table, a walk does not go on. The last step may exceed this by what DynamoDB
/// reads at once, 1 MB, so a walk reads some 500 units at most.
pub const WALK_BYTES_MAX: usize = 1024 * 1024;

/// A walk over the messages of a log.
#[derive(Debug)]
pub struct MessageWalk<'a> {
    table: &'a Table,
    channel: &'a Channel,
    to: Seq,
    start: Option<Item>,
    has_more: bool,
    bytes: usize,
}

impl Table {
    /// A walk over the messages of a log, from the newest or from those before a place.
    pub const fn walk_messages<'a>(&'a self, channel: &'a Channel, before: Option<Seq>) -> MessageWalk<'a> {
        let to = match before {
            Some(seq) => seq.previous(),
            None => Seq::MAX,
        };
        MessageWalk { table: self, channel, to, start: None, has_more: true, bytes: 0 }
    }
}

impl MessageWalk<'_> {
    /// The next messages, the newest first, and the last event that was read: 1 read by size. `None` at the end of the log, or
    /// once [`WALK_BYTES_MAX`] has been read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn next(&mut self) -> Result<Option<(Vec<Stored>, Option<Seq>)>, Error> {
        if !self.has_more || self.bytes >= WALK_BYTES_MAX {
            return Ok(None);
        }
        let query = self
            .table
            .query(key::log(self.channel))
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":from", AttributeValue::S(key::seq(Seq::ZERO)))
            .expression_attribute_values(":to", AttributeValue::S(key::seq(self.to)))
            .scan_index_forward(false)
            .limit(STEP_EVENTS)
            .set_exclusive_start_key(self.start.take());
        let page = query.send().await.map_err(failed("Query of a log"))?;
        self.start = page.last_evaluated_key;
        self.has_more = self.start.is_some();
        let (mut messages, mut last) = (Vec::new(), None);
        for item in page.items.unwrap_or_default().into_iter().filter(|item| !is_marker(item)) {
            let stored = stored(item)?;
            self.bytes += stored.bytes();
            last = Some(stored.seq);
            if stored.is_message() {
                messages.push(stored);
            }
        }
        Ok(Some((messages, last)))
    }

    /// The same walk, as if it had read this much already.
    #[must_use]
    pub const fn having_read(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// About how many bytes of the table have been read.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the log has more than what was read.
    pub const fn has_more(&self) -> bool {
        self.has_more
    }
}
