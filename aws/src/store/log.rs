//! The log of a channel, which is its own counter: who appends reads its end and puts `tail + 1` if nobody has.
//!
//! A retry is known without an item of its own. Whatever an earlier try of a key appended lies above the `base` that
//! the sender knew at its first try, so [`Store::look_back`] reads the log from there, and [`Store::append`] looks
//! for the key in what was read, before the put and again whenever it loses the race for a seq.
//!
//! A log whose events have all expired must not begin at 1 again: who comes with an old `since` would take new
//! events for old ones. Its marker says since when it has begun, and it restarts at the time in milliseconds, which
//! is above all that it ever had.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, ConnectionId, Error, Key, Seq, Timestamp, UserId,
    event::EventName,
    frame::{Event, Sender},
    identity::Name,
    publication::Publication,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

use super::{Item, Store, back_off, failed, from_item, if_met, key, sk, to_item};
use crate::now;

/// How far behind the log's end a sender's `base` may be, in pages of 1 MB: some 10,000 short messages.
pub const LOOK_BACK_PAGES_MAX: usize = 4;
/// How many events are read where a sender's `base` says nothing.
const TAIL_EVENTS: usize = 100;
/// How often an append may lose its race before it gives up. Every loss is another sender's win.
const APPEND_TRIES_MAX: u32 = 200;
/// A log that began less than this ago has lost nothing to the TTL yet: no retention is shorter than a day, and an
/// hour is more than what whole seconds and unequal clocks make of it.
const NOTHING_EXPIRES: Duration = Duration::from_hours(23);

/// What a sender knows of the log, so that an earlier try of his can be found.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// He had seen all up to this seq when he first tried.
    Base(Seq),
    /// He first tried at this time.
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

/// An event of the log.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its place.
    pub seq: Seq,
    pub(super) row: Row,
}

impl Stored {
    /// As it is sent.
    ///
    /// # Errors
    /// [`Error::Internal`] where the stored payload is no JSON.
    pub fn into_event(self, channel: Channel) -> Result<Event, Error> {
        self.row.into_event(channel, Some(self.seq))
    }
}

/// An event as an item, of the log or of the latest values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) event: EventName,
    pub(super) at: i64,
    /// When it was written, in milliseconds: in the order of the seqs, which `at` is not, as the backend's events come
    /// late.
    #[serde(default, rename = "keptAt")]
    pub(super) kept_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Key>,
    /// JSON, as it travels.
    pub(super) data: String,
    /// On a latest value of a durable lane: the seq of its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<i64>,
}

impl Row {
    pub(super) fn of(
        publication: &Publication,
        seq: Option<Seq>,
        pk: String,
        sk: String,
        store: &Store,
    ) -> Self {
        let kept_at = now();
        // From when it was written on, so that a log expires in the order of its seqs: an end that is gone before what
        // lies below it would be given out again.
        let ttl = store.retention(&publication.channel).map(|retention| (kept_at + retention).as_secs());
        Self {
            pk,
            sk,
            event: publication.event,
            at: publication.at.as_millis(),
            kept_at: kept_at.as_millis(),
            user: publication.from.as_ref().map(|sender| sender.user_id.clone()),
            name: publication.from.as_ref().map(|sender| sender.name.clone()),
            key: publication.key.clone(),
            data: publication.data.get().to_owned(),
            seq,
            ttl,
        }
    }

    pub(super) fn is_alive(&self, now: Timestamp) -> bool {
        self.ttl.is_none_or(|ttl| now.as_secs() < ttl)
    }

    pub(super) fn into_event(self, channel: Channel, seq: Option<Seq>) -> Result<Event, Error> {
        let from = self.user.zip(self.name).map(|(user_id, name)| Sender { user_id, name });
        let data =
            RawValue::from_string(self.data).map_err(|error| Error::internal("a stored payload", &error))?;
        Ok(Event {
            channel,
            event: self.event,
            seq,
            at: Timestamp::from_millis(self.at),
            from,
            key: self.key,
            data,
        })
    }
}

/// The marker of a log: where it began, and when that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) start: Seq,
    at: i64,
}

impl Start {
    /// Whether nothing that was put behind this start can have expired.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < Timestamp::from_millis(self.at) + NOTHING_EXPIRES
    }
}

impl Store {
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
            let row = Row::of(publication, None, key::log(channel), key::seq(seq), self);
            let put = self.put(to_item(row)?);
            let put = put.condition_expression("attribute_not_exists(pk)").send().await;
            if if_met("PutItem of an event", put)?.is_some() {
                return Ok(Append::New(seq));
            }
            tracing::debug!(%channel, %seq, round, "lost the race for a seq");
            back_off(round).await;
            view = self.read_from(channel, seq).await?;
        }
        Err(Error::Conflict("too many are sending on this channel at once; try again"))
    }

    /// Marks an event of the log for the stream, which then sends it to all members but the connection that it came
    /// from: 1 write. Marking it again sends it again.
    pub async fn mark_for_relay(
        &self,
        channel: &Channel,
        seq: Seq,
        sender: &ConnectionId,
    ) -> Result<(), Error> {
        let update = self
            .update(key::log(channel), key::seq(seq))
            .update_expression("SET relay = :now, relayExcept = :sender")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", AttributeValue::N(now().as_millis().to_string()))
            .expression_attribute_values(":sender", AttributeValue::S(sender.to_string()));
        if_met("UpdateItem of an event", update.send().await).map(drop)
    }

    /// The log from a seq (inclusive) to its end.
    async fn read_from(&self, channel: &Channel, from: Seq) -> Result<LogView, Error> {
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
        Err(Error::Conflict("catch up first: `base` is too far behind"))
    }

    /// The log's end, read backwards: to a point in time, or some events.
    async fn read_tail(&self, channel: &Channel, known: Known) -> Result<LogView, Error> {
        let (mut page_size, until) = match known {
            Known::Since(time) => (8, Some(time)), // nearly always all of it: an event is seldom late
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

    /// What the last event says of the log's end. One that has expired, but that the TTL has not removed yet, says
    /// that nothing is alive.
    async fn end(
        &self,
        channel: &Channel,
        last: Option<&Stored>,
        marker: Option<Start>,
    ) -> Result<End, Error> {
        match (last, marker) {
            (Some(last), _) if last.row.is_alive(now()) => Ok(End::Tail(last.seq)),
            (_, Some(marker)) => Ok(End::Empty(Some(marker))),
            (Some(_), None) => Ok(End::Empty(self.read_start(channel).await?)),
            (None, None) => Ok(End::Empty(None)),
        }
    }

    /// Where a log with nothing alive in it begins (again). Two who begin at once agree by a conditional write.
    async fn begin(&self, channel: &Channel, marker: Option<Start>) -> Result<Seq, Error> {
        let now = now();
        let (next, condition, before) = match marker {
            None => (Seq::ZERO.next(), "attribute_not_exists(pk)", None),
            // Nothing has expired since: whoever began it has put nothing yet, or is just putting it.
            Some(marker) if marker.is_fresh(now) => return Ok(marker.start),
            Some(marker) => {
                let millis = u64::try_from(now.as_millis()).unwrap_or_default();
                (Seq::try_from(millis)?.max(marker.start.next()), "#start = :before", Some(marker.start))
            }
        };
        let mut item = to_item(Start { start: next, at: now.as_millis() })?;
        item.insert("pk".to_owned(), AttributeValue::S(key::log(channel)));
        item.insert("sk".to_owned(), AttributeValue::S(key::LOG_START.to_owned()));
        let mut put = self.put(item).condition_expression(condition);
        if let Some(before) = before {
            put = put
                .expression_attribute_names("#start", "start")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string()));
        }
        if if_met("PutItem of a log's marker", put.send().await)?.is_some() {
            return Ok(next);
        }
        let agreed = self.read_start(channel).await?;
        agreed.map(|start| start.start).ok_or(Error::Internal("a log's marker has vanished".into()))
    }

    async fn read_start(&self, channel: &Channel) -> Result<Option<Start>, Error> {
        let get = self.get(key::log(channel), key::LOG_START.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a log's marker"))?.item;
        item.map(from_item).transpose()
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
fn is_same_send(row: &Row, publication: &Publication) -> bool {
    row.key.is_some()
        && row.key == publication.key
        && row.user.as_ref() == publication.from.as_ref().map(|sender| &sender.user_id)
}

pub(super) fn is_marker(item: &Item) -> bool {
    sk(item) == key::LOG_START
}

pub(super) fn stored(item: Item) -> Result<Stored, Error> {
    let row: Row = from_item(item)?;
    Ok(Stored { seq: key::parse_seq(&row.sk)?, row })
}
