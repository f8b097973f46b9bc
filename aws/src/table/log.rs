//! The log of a channel. The log is its own counter: a sender reads its end and puts the event at `tail + 1`, if no
//! other sender has.
//!
//! A retry is recognised without an item of its own. Whatever an earlier try with the same key appended is above the
//! `base` that the sender knew at the first try. So [`Table::look_back`] reads the log from there, and
//! [`Table::append`] looks for the key in what was read, before the put and again whenever it loses the race for a
//! seq.
//!
//! A log whose events have all expired must not restart at 1: a client with an old `since` would mistake new events
//! for old ones. The log's marker says when it began, and it restarts at the time in milliseconds, which is above
//! every seq that it ever had.
//!
//! # Layout
//! - here: appending, and looking back for an earlier try
//! - `end`: where a log ends and where it begins
//! - `row`: the items of a log

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

/// How far behind the end of the log a sender's `base` may be, in pages of 1 MB: some 10,000 short messages.
pub const LOOK_BACK_PAGES_MAX: usize = 4;
/// How often an append may lose the race for a seq before it gives up. Every lost race is won by another sender.
const APPEND_TRIES_MAX: u32 = 200;

/// What a sender knows of the log, by which an earlier try can be found.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// The sender had seen everything up to this seq at the first try.
    Base(Seq),
    /// The time of the first try.
    Since(Timestamp),
    /// Nothing.
    Nothing,
}

/// The end of a log, as it was just read.
#[derive(Debug)]
pub struct LogView {
    events: Vec<Stored>,
    end: End,
}

/// Where the next event goes.
#[derive(Debug)]
enum End {
    /// After this seq.
    Tail(Seq),
    /// No event of the log is alive; its marker, if it ever had one.
    Empty(Option<Start>),
}

/// The outcome of an append.
#[derive(Debug)]
pub enum Append {
    /// The event is in the log now.
    New(Seq),
    /// The event was in the log before, as returned here.
    Duplicate(Box<Stored>),
}

impl Table {
    /// Reads the end of a log, as far back as an earlier try of the same send may be: 1 read if `known` is near.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the base is more than [`LOOK_BACK_PAGES_MAX`] pages behind.
    pub async fn look_back(&self, channel: &Channel, known: Known) -> Result<LogView, Error> {
        match known {
            Known::Base(base) => {
                let view = self.read_from(channel, base).await?;
                // A base above the tail is wrong, or from before the log expired: it proves nothing.
                if view.events.is_empty() { self.read_tail(channel, Known::Nothing).await } else { Ok(view) }
            }
            other => self.read_tail(channel, other).await,
        }
    }

    /// Appends a publication to the log, unless an earlier try with the same key is already in it: 1 write without
    /// concurrent appends. Afterwards the view includes what was appended, so that the next event can be appended to it.
    ///
    /// # Errors
    /// [`Error::Conflict`] if other senders kept winning the race for the next seq.
    pub async fn append(&self, view: &mut LogView, publication: &Publication) -> Result<Append, Error> {
        let channel = &publication.channel;
        for round in 0..APPEND_TRIES_MAX {
            if let Some(stored) = view.events.iter().find(|stored| is_same_send(&stored.row, publication)) {
                return Ok(Append::of(stored, publication));
            }
            let seq = match &view.end {
                End::Tail(tail) => tail.next(),
                End::Empty(start) => self.begin(channel, start.clone()).await?,
            };
            let row = LogRow::of(publication, None, key::log(channel), key::seq(seq), self);
            let put = self.put(to_item(row.clone())?);
            let put = put.condition_expression("attribute_not_exists(pk)").send().await;
            if if_met("PutItem of an event", put)?.is_some() {
                view.events.push(Stored { seq, row });
                view.end = End::Tail(seq);
                return Ok(Append::New(seq));
            }
            tracing::debug!(%channel, %seq, round, "lost the race for a seq");
            measure::append_conflict();
            back_off(round).await;
            *view = self.read_from(channel, seq).await?;
        }
        Err(Error::Conflict("too many are sending on this channel at once; try again".into()))
    }

    /// Marks an event of the log for the stream, which then delivers it to all members except the connection that
    /// sent it: 1 write. Marking it again delivers it again.
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
    /// What was found under the same key: this very put, whose response was lost and which the SDK repeated, or an
    /// earlier try.
    fn of(stored: &Stored, publication: &Publication) -> Self {
        if stored.row.data == publication.data.get() && stored.row.at == publication.at.as_millis() {
            Self::New(stored.seq)
        } else {
            Self::Duplicate(Box::new(stored.clone()))
        }
    }
}

/// Keys are scoped to their user; those of the backend share one scope.
fn is_same_send(row: &LogRow, publication: &Publication) -> bool {
    row.key.is_some()
        && row.key == publication.key
        && row.user.as_ref() == publication.from.as_ref().map(|sender| &sender.user_id)
}
