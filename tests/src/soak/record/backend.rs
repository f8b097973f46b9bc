//! What the backend did: what it said, whom it let in and whom it put out.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Event;

/// What the backend said.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// Its place in time by its own timestamp, by which it is known. Of two, the one with the higher number is newer, in
    /// whatever order they were said.
    pub number: u64,
    /// The time in its payload, which nothing else has.
    pub mark: String,
    /// How it was said.
    pub way: Way,
    /// Where it is to be heard.
    pub channel: String,
    /// What.
    pub event: String,
    /// The payload.
    pub data: Value,
    /// Why it cannot be published, where it cannot.
    pub poison: Option<Poison>,
    /// Whether it was accepted. Where the answer was lost, it may have been.
    pub is_accepted: bool,
}

/// Why something cannot be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Poison {
    /// It has a field that no event has.
    UnknownField,
    /// A field that it must have is null.
    Null,
    /// A number is out of its range.
    OutOfRange,
}

/// How the backend says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Way {
    /// On the bus.
    Bus,
    /// By an item of the outbox.
    Outbox,
}

/// What the backend did to those who may hear a channel.
#[derive(Debug, Clone, Serialize)]
pub struct Act {
    /// When it was asked for, in milliseconds of this machine's clock.
    pub asked_ms: u64,
    /// Whether it was accepted; where the answer was lost, it may have been.
    pub is_accepted: bool,
    /// When it was known to be in force for whoever joins; `None` where that was never seen.
    pub known_ms: Option<u64>,
    /// When it was promised to be in force on live connections.
    pub enforced_ms: Option<u64>,
    /// What.
    pub change: Change,
}

/// What the backend did.
#[derive(Debug, Clone, Serialize)]
pub enum Change {
    /// These take part in a conversation, and nobody else.
    Participants {
        /// The conversation's channel.
        channel: String,
        /// All of them.
        users: BTreeSet<String>,
    },
    /// A user is muted or banned, or no longer.
    Restrict {
        /// Where: the channel of a conversation, or of a company for all of its conversations.
        scope: String,
        /// Whom.
        user: String,
        /// How.
        restriction: Restriction,
    },
    /// A user was put out of a channel, and may join again.
    Kick {
        /// From where.
        channel: String,
        /// Whom.
        user: String,
    },
}

/// How a user is restricted, the stronger after the weaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restriction {
    /// Not at all.
    None,
    /// The user may not send.
    Mute,
    /// Nor be there.
    Ban,
}

/// Something that the backend heard of a conversation.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What: `MessageCreated` and the like.
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

    /// Spoils a payload.
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
