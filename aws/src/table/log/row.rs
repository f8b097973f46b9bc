//! The items of a log: its events, and the marker of where it began.

use std::time::Duration;

use funnelcast_core::{
    Channel, Error, Key, Seq, Timestamp, UserId,
    event::EventName,
    frame::{Event, Sender},
    identity::Name,
    publication::Publication,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    clock::now,
    table::{
        item::{Item, Table, from_item, sk},
        key,
    },
};

/// How long nothing of a log can have expired after it began: no retention is shorter than a day, and an hour is more
/// than the rounding to whole seconds and the differences between clocks add up to.
const NOTHING_EXPIRES: Duration = Duration::from_hours(23);

/// An event of the log.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The seq.
    pub seq: Seq,
    pub(in crate::table) row: LogRow,
}

impl Stored {
    /// The event in the form that is sent.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored payload is not JSON.
    pub fn into_event(self, channel: Channel) -> Result<Event, Error> {
        self.row.into_event(channel, Some(self.seq))
    }
}

/// The item of an event, in the log or among the latest values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LogRow {
    pub(in crate::table) pk: String,
    pub(in crate::table) sk: String,
    pub(in crate::table) event: EventName,
    pub(in crate::table) at: i64,
    /// When the event was written, in milliseconds since 1970. This is in the order of the seqs, which `at` is not,
    /// because events of the backend arrive late.
    #[serde(default, rename = "keptAt")]
    pub(in crate::table) kept_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::table) user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::table) name: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::table) key: Option<Key>,
    /// The payload: JSON, as it is sent.
    pub(in crate::table) data: String,
    /// On a latest value of a durable lane, the seq of its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::table) seq: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::table) ttl: Option<i64>,
}

impl LogRow {
    pub(in crate::table) fn of(
        publication: &Publication,
        seq: Option<Seq>,
        pk: String,
        sk: String,
        store: &Table,
    ) -> Self {
        let kept_at = now();
        // Counted from when the event was written, so that a log expires in the order of its seqs: if its end expired
        // before the events below it, its seqs would be assigned again.
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

    pub(in crate::table) fn is_alive(&self, now: Timestamp) -> bool {
        self.ttl.is_none_or(|ttl| now.as_secs() < ttl)
    }

    pub(in crate::table) fn into_event(self, channel: Channel, seq: Option<Seq>) -> Result<Event, Error> {
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
pub(in crate::table) struct Start {
    pub(in crate::table) start: Seq,
    pub(in crate::table) at: i64,
}

impl Start {
    /// Whether nothing that was put after this start can have expired.
    pub(in crate::table) fn is_fresh(&self, now: Timestamp) -> bool {
        now < Timestamp::from_millis(self.at) + NOTHING_EXPIRES
    }
}

pub(in crate::table) fn is_marker(item: &Item) -> bool {
    sk(item) == key::LOG_START
}

pub(in crate::table) fn stored(item: Item) -> Result<Stored, Error> {
    let row: LogRow = from_item(item)?;
    Ok(Stored { seq: key::parse_seq(&row.sk)?, row })
}
