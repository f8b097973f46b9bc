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
//! - `files`: appending a message together with the files that it brings
//! - `calls`: appending a call that ends, together with the end
//! - `change`: appending the change of a message, together with the change
//! - `end`: where a log ends and where it begins
//! - `erase`: taking a user out of a log
//! - `row`: the items of a log

mod calls;
mod change;
mod end;
mod erase;
mod files;
mod row;

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, ConnectionId, Error, Seq, Timestamp,
    event::EventName,
    publication::{Effect, Publication},
};

pub use self::erase::Remains;
use self::files::Put;
pub(super) use self::row::{LogRow, Start, is_marker, stored};
pub use self::row::{Stored, Unquoted};
use super::{
    files::StoredFile,
    item::{Table, back_off, update_contended},
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

/// The place of an event in a log.
#[derive(Debug, Clone, Copy)]
struct Place {
    seq: Seq,
    /// How many messages the log has up to here.
    n: u64,
    /// When the event expires, in seconds; `None` if never.
    ttl: Option<i64>,
}

/// Where the next event goes.
#[derive(Debug)]
enum End {
    /// After this place.
    Tail(Place),
    /// No event of the log is alive; its marker, if it ever had one.
    Empty(Option<Start>),
}

impl End {
    /// The end of a log whose last event is this.
    fn after(last: &Stored) -> Self {
        Self::Tail(Place { seq: last.seq, n: last.row.n.unwrap_or_default(), ttl: last.row.ttl })
    }
}

impl LogView {
    /// Whether an earlier try of this publication has put it into the log.
    pub fn has_earlier_try(&self, publication: &Publication) -> bool {
        self.earlier_try(publication).is_some()
    }

    /// Whether an event that was read, or appended, has given this message another text, or has deleted it.
    pub fn rewrites(&self, message: Seq) -> bool {
        self.events.iter().any(|stored| stored.rewrites() == Some(message))
    }

    /// The event that an earlier try of this publication has put into the log.
    fn earlier_try(&self, publication: &Publication) -> Option<&Stored> {
        self.events.iter().find(|stored| is_same_send(&stored.row, publication))
    }

    /// Replaces the end by what was read since. What was read before stays, because an earlier try of the next event that
    /// is appended to this view may be there.
    fn read_on(&mut self, read: Self) {
        if let Some(first) = read.events.first() {
            self.events.retain(|stored| stored.seq < first.seq);
        }
        self.events.extend(read.events);
        self.end = read.end;
    }

    /// Adds an event that was just appended.
    fn append(&mut self, stored: &Stored) {
        self.end = End::after(stored);
        self.events.push(stored.clone());
    }
}

/// The outcome of an append.
#[derive(Debug)]
pub enum Append {
    /// The event is in the log now.
    New(Box<Stored>),
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
        let appended = self.append_with_files(view, publication, &[]).await?;
        appended.ok_or_else(|| Error::Internal("an event without files depended on one".into()))
    }

    /// As [`append`](Self::append), for a message that brings these files, as they were read: it is in the log if and only if
    /// they are its own, which takes 1 transaction in place of the write. Returns `None` if one of them has changed since.
    ///
    /// # Errors
    /// As of [`append`](Self::append).
    pub async fn append_with_files(
        &self,
        view: &mut LogView,
        publication: &Publication,
        files: &[StoredFile],
    ) -> Result<Option<Append>, Error> {
        let channel = &publication.channel;
        for round in 0..APPEND_TRIES_MAX {
            if let Some(stored) = view.earlier_try(publication) {
                return Ok(Some(Append::of(stored, publication)));
            }
            let stored = self.next_event(publication, self.last_place(channel, &view.end).await?);
            let seq = stored.seq;
            match self.put_event(&stored, files).await? {
                Put::Done => {
                    view.append(&stored);
                    return Ok(Some(Append::New(Box::new(stored))));
                }
                Put::LostRace => view.read_on(self.after_lost_race(channel, seq, round).await?),
                Put::FilesChanged => {
                    view.read_on(self.after_lost_race(channel, seq, round).await?);
                    // Perhaps another try of the same message has taken them.
                    if !view.has_earlier_try(publication) {
                        return Ok(None);
                    }
                }
            }
        }
        Err(too_many_senders())
    }

    /// The place after which the next event goes. A log without an end is begun.
    async fn last_place(&self, channel: &Channel, end: &End) -> Result<Place, Error> {
        match end {
            End::Tail(last) => Ok(*last),
            End::Empty(start) => {
                let (seq, n) = self.begin(channel, start.clone()).await?;
                Ok(Place { seq: seq.previous(), n, ttl: Some(0) })
            }
        }
    }

    /// The item of the event after this place. It does not expire before the one at that place, also where the retention has been
    /// shortened or clocks differ: if the end of a log expired before what is below it, its seqs would be assigned again.
    fn next_event(&self, publication: &Publication, last: Place) -> Stored {
        let (channel, seq, n) = (&publication.channel, last.seq.next(), last.n);
        let mut row = LogRow::of(publication, None, key::log(channel), key::seq(seq), self);
        if channel.kind().policy().lane(EventName::ChatMessage).is_some() {
            row.n = Some(n + u64::from(publication.event == EventName::ChatMessage));
        }
        row.ttl = row.ttl.zip(last.ttl).map(|(own, before)| own.max(before));
        Stored { seq, row }
    }

    /// What is in the log after a lost race for a seq. The event before it is read again, because the winner may have been a
    /// transaction that put nothing there.
    async fn after_lost_race(&self, channel: &Channel, seq: Seq, round: u32) -> Result<LogView, Error> {
        tracing::debug!(%channel, %seq, round, "lost the race for a seq");
        measure::append_conflict();
        back_off(round).await;
        self.read_from(channel, seq.previous()).await
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
        update_contended("UpdateItem of an event", update).await.map(drop)
    }
}

impl Append {
    /// What was found under the same key: this very put, whose response was lost and which the SDK repeated, or an
    /// earlier try.
    fn of(stored: &Stored, publication: &Publication) -> Self {
        // A change is given its payload by what it changes, and loses it when it is superseded.
        let is_change = matches!(publication.effect, Effect::Change(_));
        let is_same = is_change || stored.row.data == publication.data.get();
        let stored = Box::new(stored.clone());
        if is_same && stored.row.at == publication.at.as_millis() {
            Self::New(stored)
        } else {
            Self::Duplicate(stored)
        }
    }
}

fn too_many_senders() -> Error {
    Error::Conflict("too many are sending on this channel at once; try again".into())
}

/// Keys are scoped to their user; those of the backend share one scope.
fn is_same_send(row: &LogRow, publication: &Publication) -> bool {
    row.key.is_some()
        && row.key == publication.key
        && row.user.as_ref() == publication.from.as_ref().map(|sender| &sender.user_id)
}
