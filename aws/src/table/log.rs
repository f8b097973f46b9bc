//! The log of a channel, which is its own counter: who appends reads its end and puts `tail + 1` if nobody has.
//!
//! A retry is known without an item of its own. Whatever an earlier try of a key appended lies above the `base` that
//! the sender knew at its first try, so [`Table::look_back`] reads the log from there, and [`Table::append`] looks
//! for the key in what was read, before the put and again whenever it loses the race for a seq.
//!
//! A log whose events have all expired must not begin at 1 again: who comes with an old `since` would take new
//! events for old ones. Its marker says since when it has begun, and it restarts at the time in milliseconds, which
//! is above all that it ever had.
//!
//! # Layout
//! - here: what an append is, and a look back for an earlier try
//! - `end`: where a log ends and begins
//! - `row`: its items

mod end;
mod row;

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, ConnectionId, Error, Seq, Timestamp, publication::Publication};

pub use self::row::Stored;
pub(super) use self::row::{LogRow, Start, is_marker, stored};
use super::{
    item::{Table, back_off, if_met, to_item},
    key,
};
use crate::{clock::now, measure};

/// How far behind the log's end a sender's `base` may be, in pages of 1 MB: some 10,000 short messages.
pub const LOOK_BACK_PAGES_MAX: usize = 4;
/// How often an append may lose its race before it gives up. Every loss is another sender's win.
const APPEND_TRIES_MAX: u32 = 200;

/// What a sender knows of the log, so that an earlier try of theirs can be found.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// The sender had seen all up to this seq at the first try.
    Base(Seq),
    /// The time of the first try.
    Since(Timestamp),
    /// Nothing.
    Nothing,
}

/// The end of a log, as just read.
#[derive(Debug)]
pub struct LogView {
    events: Vec<Stored>,
    end: End,
}

/// Where the next event goes.
#[derive(Debug)]
enum End {
    /// Behind this one.
    Tail(Seq),
    /// Nothing is alive in the log; its marker, where it ever had one.
    Empty(Option<Start>),
}

/// What an append came to.
#[derive(Debug)]
pub enum Append {
    /// It is in the log now.
    New(Seq),
    /// It had been before; this is how.
    Duplicate(Box<Stored>),
}

impl Table {
    /// Reads the end of a log, as far back as an earlier try of the same send may lie: 1 read where `known` is near.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the base is more than [`LOOK_BACK_PAGES_MAX`] pages behind.
    pub async fn look_back(&self, channel: &Channel, known: Known) -> Result<LogView, Error> {
        match known {
            Known::Base(base) => {
                let view = self.read_from(channel, base).await?;
                // A base above the tail is a lie, or of a log that has been emptied since: it proves nothing.
                if view.events.is_empty() { self.read_tail(channel, Known::Nothing).await } else { Ok(view) }
            }
            other => self.read_tail(channel, other).await,
        }
    }

    /// Puts a publication behind the log's end, unless an earlier try of the same key is already in it: 1 write where
    /// nobody else appends at the same moment.
    ///
    /// # Errors
    /// [`Error::Conflict`] where others kept winning the race for the next seq.
    pub async fn append(&self, mut view: LogView, publication: &Publication) -> Result<Append, Error> {
        let channel = &publication.channel;
        for round in 0..APPEND_TRIES_MAX {
            if let Some(stored) = view.events.iter().find(|stored| is_same_send(&stored.row, publication)) {
                return Ok(Append::of(stored, publication));
            }
            let seq = match view.end {
                End::Tail(tail) => tail.next(),
                End::Empty(start) => self.begin(channel, start).await?,
            };
            let row = LogRow::of(publication, None, key::log(channel), key::seq(seq), self);
            let put = self.put(to_item(row)?);
            let put = put.condition_expression("attribute_not_exists(pk)").send().await;
            if if_met("PutItem of an event", put)?.is_some() {
                return Ok(Append::New(seq));
            }
            tracing::debug!(%channel, %seq, round, "lost the race for a seq");
            measure::append_conflict();
            back_off(round).await;
            view = self.read_from(channel, seq).await?;
        }
        Err(Error::Conflict("too many are sending on this channel at once; try again".into()))
    }

    /// Marks an event of the log for the stream, which then sends it to all members but the connection that it came
    /// from: 1 write. Marking it again sends it again.
    pub async fn mark_for_delivery(
        &self,
        channel: &Channel,
        seq: Seq,
        except: Option<&ConnectionId>,
    ) -> Result<(), Error> {
        let update = self
            .update(key::log(channel), key::seq(seq))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", AttributeValue::N(now().as_millis().to_string()));
        let update = match except {
            None => update.update_expression("SET delivery = :now REMOVE deliveryExcept"),
            Some(connection) => update
                .update_expression("SET delivery = :now, deliveryExcept = :except")
                .expression_attribute_values(":except", AttributeValue::S(connection.to_string())),
        };
        if_met("UpdateItem of an event", update.send().await).map(drop)
    }
}

impl Append {
    /// What was found under the same key: our own put, whose answer was lost on its way and which the SDK repeated,
    /// or an earlier try.
    fn of(stored: &Stored, publication: &Publication) -> Self {
        if stored.row.data == publication.data.get() && stored.row.at == publication.at.as_millis() {
            Self::New(stored.seq)
        } else {
            Self::Duplicate(Box::new(stored.clone()))
        }
    }
}

/// A key counts per user; the backend's count together.
fn is_same_send(row: &LogRow, publication: &Publication) -> bool {
    row.key.is_some()
        && row.key == publication.key
        && row.user.as_ref() == publication.from.as_ref().map(|sender| &sender.user_id)
}
