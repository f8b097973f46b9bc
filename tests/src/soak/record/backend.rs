//! What the backend did: what it published, whom it admitted or removed, whom it restricted, and what it heard.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Event;

/// An event that the backend published.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// Its number, which its timestamp is made of. Of two events, the one with the higher number is newer, in whatever order they
    /// were published.
    pub number: u64,
    /// The timestamp in its payload, which is unique.
    pub mark: String,
    /// How it was published.
    pub way: Way,
    /// The channel that it is for.
    pub channel: String,
    /// The name of the event.
    pub event: String,
    /// The payload.
    pub data: Value,
    /// Why it cannot be published, if it cannot.
    pub poison: Option<Poison>,
    /// Whether a reply accepted it. If the reply was lost, the event may be published all the same.
    pub is_accepted: bool,
}

/// Why an event cannot be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Poison {
    /// It has a field that no event has.
    UnknownField,
    /// A required field is null.
    Null,
    /// A number is out of its range.
    OutOfRange,
}

/// How the backend publishes an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Way {
    /// On the bus.
    Bus,
    /// By an item of the outbox.
    Outbox,
}

/// A change that the backend made to who may join or send.
#[derive(Debug, Clone, Serialize)]
pub struct Act {
    /// When it was requested, in milliseconds of this machine's clock.
    pub asked_ms: u64,
    /// Whether a reply accepted it. If the reply was lost, it may be in force all the same.
    pub is_accepted: bool,
    /// When it was known to be in force for new joins; `None` if that was never seen.
    pub known_ms: Option<u64>,
    /// When it was promised to be in force on live connections.
    pub enforced_ms: Option<u64>,
    /// The change.
    pub change: Change,
}

/// What the backend changed.
#[derive(Debug, Clone, Serialize)]
pub enum Change {
    /// Only these users take part in a conversation.
    Participants {
        /// The conversation's channel.
        channel: String,
        /// All participants.
        users: BTreeSet<String>,
    },
    /// A user is muted, banned, or neither.
    Restrict {
        /// The channel of a conversation, or of a company for all of its conversations.
        scope: String,
        /// The user.
        user: String,
        /// The restriction.
        restriction: Restriction,
    },
    /// A user was removed from a channel, and may join again.
    Kick {
        /// The channel.
        channel: String,
        /// The user.
        user: String,
    },
}

/// How a user is restricted, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restriction {
    /// Not at all.
    None,
    /// The user may not send.
    Mute,
    /// The user may neither send nor join.
    Ban,
}

/// A chat event that the backend received.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Its detail-type, such as `MessageCreated`.
    pub detail_type: String,
    /// The conversation's company.
    pub company: Option<String>,
    /// The event that it is about.
    pub event: Event,
}

impl Poison {
    /// The field that the dead letter must name.
    pub fn field(self, event: &str) -> &'static str {
        match (self, event) {
            (Self::UnknownField, _) => "antidote",
            (Self::OutOfRange, "funnel.update" | "resource.update") => "progress",
            (_, "funnel.update") => "funnelName",
            (_, "resource.update") => "resourceName",
            (_, "analytics.update") => "metric",
            (_, "chat.message") => "content",
            _ => "title",
        }
    }

    /// Makes a payload invalid.
    pub fn spoil(self, event: &str, data: &mut Value) {
        const PERCENT_TOO_MUCH: u64 = 101;
        let field = self.field(event);
        data[field] = match (self, field) {
            (Self::UnknownField, _) => "no event has this field".into(),
            (Self::OutOfRange, "progress") => PERCENT_TOO_MUCH.into(),
            _ => Value::Null,
        };
    }
}
