//! What the app's backend hears of conversations: events that the stack puts on the event bus, with the source [`SOURCE`].
//!
//! They are put at least once, and EventBridge keeps no order: a receiver knows a repeat by the detail-type, the conversation
//! and the `seq` of the event, and the order by the `seq`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{CompanyId, ConversationId, UserId, event::EventName, frame::Event};

/// The `source` of these events on the bus.
pub const SOURCE: &str = "funnelcast.chat";

/// The type of an event about a conversation: its `detail-type` on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ChatEventType {
    /// A message has been sent, by whomever: a `chat.message`.
    MessageCreated,
    /// A message has got another text: a `chat.edit`.
    MessageEdited,
    /// A message has been deleted: a `chat.delete`.
    MessageDeleted,
    /// A user has reacted to a message, or no longer does: a `chat.reaction`.
    ReactionChanged,
    /// None of the recipients of a `chat.message` was connected when it was sent or half a minute later, or has received it by
    /// then. It is given as it is now. The recipients are the participants but the author, and but whoever is banned; without
    /// any, the company's team.
    MessageUnanswered,
}

impl ChatEventType {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::MessageCreated,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::ReactionChanged,
        Self::MessageUnanswered,
    ];

    /// The value of `detail-type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageCreated => "MessageCreated",
            Self::MessageEdited => "MessageEdited",
            Self::MessageDeleted => "MessageDeleted",
            Self::ReactionChanged => "ReactionChanged",
            Self::MessageUnanswered => "MessageUnanswered",
        }
    }

    /// The event that the detail has.
    pub const fn event(self) -> EventName {
        match self {
            Self::MessageCreated | Self::MessageUnanswered => EventName::ChatMessage,
            Self::MessageEdited => EventName::ChatEdit,
            Self::MessageDeleted => EventName::ChatDelete,
            Self::ReactionChanged => EventName::ChatReaction,
        }
    }

    /// The type that tells of a new event in the log of a conversation; `None` for events that no backend hears of.
    pub fn of_new(event: EventName) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.event() == event)
    }
}

/// The detail of an event about a conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatEvent {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its company; absent if the backend never set the conversation, or has ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
    /// Its participants; empty if the backend never set the conversation, or has ended it.
    #[cfg_attr(feature = "schema", schemars(length(max = crate::bus::PARTICIPANTS_MAX)))]
    pub participants: BTreeSet<UserId>,
    /// In `MessageUnanswered` alone: the participants who have not seen the message. The author is none of them, and nobody who is
    /// banned, who may not read it. Empty if it is for the company's team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = crate::bus::PARTICIPANTS_MAX)))]
    pub recipients: Option<BTreeSet<UserId>>,
    /// The event of the log, as the members of the conversation receive it. One of the backend's or the bot's own is among
    /// them, so a bot ignores what it has sent itself.
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_that_is_heard_has_one_type() {
        for of in ChatEventType::ALL {
            assert_eq!(serde_json::to_value(of).unwrap(), of.as_str());
        }
        assert_eq!(ChatEventType::of_new(EventName::ChatMessage), Some(ChatEventType::MessageCreated));
        assert_eq!(ChatEventType::of_new(EventName::ChatReaction), Some(ChatEventType::ReactionChanged));
        assert_eq!(ChatEventType::of_new(EventName::ChatTyping), None);
    }
}
