//! The items of a log: its events, and the marker of where it began.

use std::{collections::BTreeMap, time::Duration};

use funnelcast_core::{
    Channel, Error, FileId, Key, Seq, Timestamp, UserId,
    event::{ChatDelete, EventName, MessageBody, Quote, Reaction},
    frame::{Event, Sender},
    identity::Name,
    json::extended,
    message::{Message, Reactors},
    publication::{Effect, Publication},
    size::json_bytes,
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
    /// The event in the form that is sent, but for what it quotes.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored payload is not JSON.
    pub fn into_event(self, channel: Channel) -> Result<Unquoted, Error> {
        self.row.into_event(channel, Some(self.seq))
    }

    /// How many messages the log has up to and including this event.
    pub fn n(&self) -> u64 {
        self.row.n.unwrap_or_default()
    }

    /// When the event was written. This is in the order of the seqs.
    pub fn kept_at(&self) -> Timestamp {
        Timestamp::from_millis(self.row.kept_at)
    }

    /// About how many bytes of the table the item has, with its keys and attributes.
    pub(in crate::table) fn bytes(&self) -> usize {
        const AROUND_BYTES: usize = 256;
        AROUND_BYTES + self.row.data.len() + json_bytes(&self.row.reactions)
    }

    /// Whether this is a message that has not expired.
    pub(in crate::table) fn is_message(&self) -> bool {
        self.row.event == EventName::ChatMessage && self.row.is_alive(now())
    }

    /// The message that this event gives another text, or deletes.
    pub(super) fn rewrites(&self) -> Option<Seq> {
        if !matches!(self.row.event, EventName::ChatEdit | EventName::ChatDelete) {
            return None;
        }
        let ChatDelete { target } = serde_json::from_str(&self.row.data).ok()?;
        Some(target)
    }

    /// The body of a message.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored payload is not that of a message.
    pub fn body(&self) -> Result<MessageBody, Error> {
        serde_json::from_str(&self.row.data).map_err(|error| Error::internal("a stored message", &error))
    }

    /// The message that this is.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored payload is not that of a message.
    pub fn message(&self) -> Result<Message, Error> {
        let LogRow { user, reactions, .. } = &self.row;
        Ok(Message { from: user.clone(), body: self.body()?, reactions: reactions.clone() })
    }
}

/// An event of a log, without what it quotes: that is read when the event is.
#[derive(Debug)]
pub struct Unquoted {
    pub(in crate::table) event: Event,
    /// The message that it replies to.
    pub(in crate::table) reply_to: Option<Seq>,
}

impl Unquoted {
    /// The event without what it quotes.
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// The event, with this quote if it is a reply. Without one, the quoted message has expired.
    ///
    /// # Errors
    /// [`Error::Internal`] if the payload is not an object.
    pub fn quoting(self, quote: Option<&Quote>) -> Result<Event, Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            reply_to: Quote,
        }
        let Self { mut event, reply_to } = self;
        if let Some(seq) = reply_to {
            let reply_to = quote.cloned().unwrap_or(Quote::expired(seq));
            event.data = extended(&event.data, &Fields { reply_to })?;
        }
        Ok(event)
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
    /// The payload: JSON, as it is sent, but for what has an attribute of its own.
    pub(in crate::table) data: String,
    /// How many messages the log of a conversation has up to and including this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::table) n: Option<u64>,
    /// The message that this one replies to.
    #[serde(default, rename = "replyTo", skip_serializing_if = "Option::is_none")]
    pub(in crate::table) reply_to: Option<Seq>,
    /// The reactions to this message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::table) reactions: Vec<Reactors>,
    /// How often this message has been changed, on which a further change is conditional.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(in crate::table) changes: u64,
    /// The last edit of this message: the one event besides it that has its text.
    #[serde(default, rename = "lastEdit", skip_serializing_if = "Option::is_none")]
    pub(in crate::table) last_edit: Option<Seq>,
    /// The events that say what has been found out about the files of this message, by the files' ids.
    #[serde(default, rename = "fileEvents", skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::table) file_events: BTreeMap<FileId, Seq>,
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
        // Counted from when the event was written, so that a log expires in the order of its seqs.
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
            n: None,
            reply_to: match &publication.effect {
                Effect::Message(references) => references.reply_to,
                Effect::None | Effect::Change(_) => None,
            },
            reactions: Vec::new(),
            changes: 0,
            last_edit: None,
            file_events: BTreeMap::new(),
            seq,
            ttl,
        }
    }

    pub(in crate::table) fn is_alive(&self, now: Timestamp) -> bool {
        self.ttl.is_none_or(|ttl| now.as_secs() < ttl)
    }

    pub(in crate::table) fn into_event(self, channel: Channel, seq: Option<Seq>) -> Result<Unquoted, Error> {
        #[derive(Serialize)]
        struct Fields {
            n: u64,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            reactions: Vec<Reaction>,
        }
        let from = self.user.zip(self.name).map(|(user_id, name)| Sender { user_id, name });
        let mut data =
            RawValue::from_string(self.data).map_err(|error| Error::internal("a stored payload", &error))?;
        if let (EventName::ChatMessage, Some(n)) = (self.event, self.n) {
            let reactions = self.reactions.iter().map(Reactors::shown).collect();
            data = extended(&data, &Fields { n, reactions })?;
        }
        let event = Event {
            channel,
            event: self.event,
            seq,
            at: Timestamp::from_millis(self.at),
            from,
            key: self.key,
            data,
        };
        Ok(Unquoted { event, reply_to: self.reply_to })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The marker of a log: where it began, and when that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::table) struct Start {
    #[serde(rename = "start")]
    pub(in crate::table) first: Seq,
    pub(in crate::table) at: i64,
    /// How many messages the log had before, all of which have expired.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(in crate::table) n: u64,
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
