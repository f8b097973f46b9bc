//! A publication, and the times of a detail.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    Channel, Error, FileId, Key, Seq, Timestamp, UserId,
    event::{EventName, MessageBody, SignalTarget, check_sizes, no_content},
    file::Attachment,
    frame::{Event, Sender},
    json::raw,
    message::{Change, ChangeKind},
    policy::Lane,
};

/// The times of a detail: when it was sent, when it reached AWS, and when it is published.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When it was sent, by the clock of its producer: the default of `timestamp`.
    pub sent_at: Timestamp,
    /// When it reached AWS, by a clock that the producer cannot set. A `timestamp` after it counts as this time. A repeat has the
    /// same.
    pub taken_at: Timestamp,
    /// The current time.
    pub now: Timestamp,
}

impl Times {
    /// All three at one moment.
    pub const fn at(now: Timestamp) -> Self {
        Self { sent_at: now, taken_at: now, now }
    }
}

/// What an event does to the messages of its log.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It is a message.
    Message(References),
    /// It changes a message. Its payload is complete once the change has been made.
    Change(Change),
}

/// What a message refers to. Whether that exists is not known yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The message that it replies to.
    pub reply_to: Option<Seq>,
    /// The users whom it mentions.
    pub mentions: Vec<UserId>,
    /// The files that it brings.
    pub attachments: Vec<FileId>,
    /// Whose files they must be.
    pub files_of: FilesOf,
}

/// Whose files a message may bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FilesOf {
    /// Those of the user who sends it.
    #[default]
    Sender,
    /// Those of the app's backend, also where it speaks for a user.
    Backend,
}

/// An event that may be published: the policy has a lane for it, and its payload is complete.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The channel.
    pub channel: Channel,
    /// The name of the event.
    pub event: EventName,
    /// How it is kept and delivered.
    pub lane: Lane,
    /// When the server accepted it. For an event of which only the latest is kept, when it happened.
    pub at: Timestamp,
    /// When it happened: its `timestamp`, but never in the future. Of events of which the latest is kept, the later one stays.
    pub happened_at: Timestamp,
    /// How far in the future its `timestamp` was, in milliseconds. It keeps the order of events of a producer whose clock is
    /// ahead.
    pub ahead_ms: i64,
    /// The user who caused it.
    pub from: Option<Sender>,
    /// The key by which a repeat from the same sender is recognised.
    pub key: Option<Key>,
    /// The key of which this is the latest, on lanes that keep it.
    pub latest_key: Option<String>,
    /// What it does to the messages of the log.
    pub effect: Effect,
    /// The only members who receive it, if not all do.
    pub to: Option<SignalTarget>,
    /// The payload, as it is stored. That of a message has not yet what depends on its place in the log.
    pub data: Box<RawValue>,
}

impl Publication {
    /// Makes this, a repeat, what its first try was, which is `stored`: a default `timestamp` was that of the first try, and
    /// one in the future was clamped to the time of the first try.
    pub fn repeat(&mut self, stored: &Event) {
        #[derive(Deserialize)]
        struct Timed {
            timestamp: Timestamp,
        }
        let claimed_at =
            serde_json::from_str(stored.data.get()).map_or(stored.at, |Timed { timestamp }| timestamp);
        self.happened_at = claimed_at.min(stored.at);
        self.ahead_ms = claimed_at.as_millis() - self.happened_at.as_millis();
        self.at = stored.at;
        self.data.clone_from(&stored.data);
    }

    /// A message, or the new text of one, with another text; and with this data of the app, if there is any.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`] if no message can have them; [`Error::Internal`] if it is no message.
    pub fn with_content(
        mut self,
        content: String,
        metadata: Option<Map<String, Value>>,
    ) -> Result<Self, Error> {
        check_sizes(&content, metadata.as_ref())?;
        match &mut self.effect {
            Effect::Message(_) => {
                let body: MessageBody = serde_json::from_str(self.data.get())
                    .map_err(|error| Error::internal("a message", &error))?;
                if content.is_empty() && body.attachments.is_empty() {
                    return Err(no_content());
                }
                let metadata = metadata.or(body.metadata);
                self.data = raw(&MessageBody { content, metadata, ..body })?;
            }
            Effect::Change(Change { kind: ChangeKind::Edit { content: text, metadata: data }, .. }) => {
                *text = content;
                *data = metadata.or(data.take());
            }
            Effect::Change(_) | Effect::None => {
                return Err(Error::Internal("an event without a text".into()));
            }
        }
        Ok(self)
    }

    /// A message that brings these files.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is no message.
    pub fn with_attachments(mut self, attachments: Vec<Attachment>) -> Result<Self, Error> {
        let body: MessageBody =
            serde_json::from_str(self.data.get()).map_err(|error| Error::internal("a message", &error))?;
        self.data = raw(&MessageBody { attachments, ..body })?;
        Ok(self)
    }

    /// The event as it is delivered, with its place in the log if it has one.
    pub fn into_event(self, seq: Option<Seq>) -> Event {
        let Self { channel, event, at, from, key, data, .. } = self;
        Event { channel, event, seq, at, from, key, data }
    }
}
