//! The events of the app's backend, from the event bus or by HTTP: their types, and the details that concern access.
//!
//! A detail that is an event of a channel is the event's `data`, in [`event`](crate::event), or what its `data` is made
//! from; [`publication`](crate::publication) completes it. The other details publish nothing. They change who may be in
//! a channel.
//!
//! # Layout
//! - here: the types of details, and those that concern access
//! - `chat`: the details that become events of a conversation

mod chat;

use std::{collections::BTreeSet, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Channel, CompanyId, ConversationId, Error, Timestamp, UserId,
    event::{EventName, LABEL_BYTES_MAX, MESSAGE_BYTES_MAX, TITLE_BYTES_MAX},
    moderation::{Moderation, Scope},
    text::Text,
    version::Revision,
};

pub use self::chat::{DeleteDetail, EditDetail, MessageDetail, ReactionDetail, TypingDetail};

limits! {
    /// The most participants of a conversation. Replacing all of them takes one transaction, which DynamoDB limits to 100
    /// items (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>). The team of the
    /// company does not count.
    pub const PARTICIPANTS_MAX: usize = 48;
}

/// The type of an event of the backend: its `detail-type` on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DetailType {
    /// A funnel is being generated or deployed: publishes `funnel.update`.
    FunnelUpdate,
    /// A resource has changed or is being synchronised: publishes `resource.update`.
    ResourceUpdate,
    /// A metric has a new value: publishes `analytics.update`.
    AnalyticsUpdate,
    /// A notification for every user: publishes `system.notification`.
    SystemNotification,
    /// A notification for one user: publishes `user.notification`.
    UserNotification,
    /// A message from the app or its bot: publishes `chat.message`.
    ChatMessage,
    /// The app edits one of its own messages: publishes `chat.edit`.
    ChatEdit,
    /// The app deletes a message, whoever wrote it: publishes `chat.delete`.
    ChatDelete,
    /// The app's bot, or a user for whom the app speaks, reacts to a message: publishes `chat.reaction`.
    ChatReaction,
    /// The app's bot, or a user for whom the app speaks, is typing: publishes `chat.typing`.
    ChatTyping,
    /// An event of the app's own, for a channel that the detail names: publishes `app.event`.
    AppEvent,
    /// A message of the app's own that is not kept: publishes `app.signal`.
    AppSignal,
    /// Who takes part in a conversation: a [`Conversation`].
    Conversation,
    /// A user must leave a channel: a [`Kick`].
    Kick,
    /// A user's role in a company may have changed: an [`AccessChanged`].
    AccessChanged,
    /// A user may not send, or not be, in a conversation or a company: a [`Moderation`].
    Moderation,
}

impl DetailType {
    /// Every detail-type.
    pub const ALL: [Self; 16] = [
        Self::FunnelUpdate,
        Self::ResourceUpdate,
        Self::AnalyticsUpdate,
        Self::SystemNotification,
        Self::UserNotification,
        Self::ChatMessage,
        Self::ChatEdit,
        Self::ChatDelete,
        Self::ChatReaction,
        Self::ChatTyping,
        Self::AppEvent,
        Self::AppSignal,
        Self::Conversation,
        Self::Kick,
        Self::AccessChanged,
        Self::Moderation,
    ];

    /// The value of `detail-type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FunnelUpdate => "FunnelUpdate",
            Self::ResourceUpdate => "ResourceUpdate",
            Self::AnalyticsUpdate => "AnalyticsUpdate",
            Self::SystemNotification => "SystemNotification",
            Self::UserNotification => "UserNotification",
            Self::ChatMessage => "ChatMessage",
            Self::ChatEdit => "ChatEdit",
            Self::ChatDelete => "ChatDelete",
            Self::ChatReaction => "ChatReaction",
            Self::ChatTyping => "ChatTyping",
            Self::AppEvent => "AppEvent",
            Self::AppSignal => "AppSignal",
            Self::Conversation => "Conversation",
            Self::Kick => "Kick",
            Self::AccessChanged => "AccessChanged",
            Self::Moderation => "Moderation",
        }
    }

    /// The event that it publishes. `None` for the detail-types that concern access.
    pub const fn event(self) -> Option<EventName> {
        match self {
            Self::FunnelUpdate => Some(EventName::FunnelUpdate),
            Self::ResourceUpdate => Some(EventName::ResourceUpdate),
            Self::AnalyticsUpdate => Some(EventName::AnalyticsUpdate),
            Self::SystemNotification => Some(EventName::SystemNotification),
            Self::UserNotification => Some(EventName::UserNotification),
            Self::ChatMessage => Some(EventName::ChatMessage),
            Self::ChatEdit => Some(EventName::ChatEdit),
            Self::ChatDelete => Some(EventName::ChatDelete),
            Self::ChatReaction => Some(EventName::ChatReaction),
            Self::ChatTyping => Some(EventName::ChatTyping),
            Self::AppEvent => Some(EventName::AppEvent),
            Self::AppSignal => Some(EventName::AppSignal),
            Self::Conversation | Self::Kick | Self::AccessChanged | Self::Moderation => None,
        }
    }
}

impl FromStr for DetailType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|of| of.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Error::BadRequest(format!("must be one of {known}").into())
        })
    }
}

/// An event that concerns access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessEvent {
    /// Sets who takes part in a conversation.
    Conversation(Conversation),
    /// Removes a user from a channel.
    Kick(Kick),
    /// Checks a user's role in a company again.
    AccessChanged(AccessChanged),
    /// Restricts a user, or lifts that.
    Moderation(Moderation, Scope),
}

impl AccessEvent {
    /// Parses the detail of an event of this type.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field that is at fault; also for a type that does not concern access.
    pub fn parse(of: DetailType, detail: Value) -> Result<Self, Error> {
        const ROOT: &str = "detail";
        match of {
            DetailType::Conversation => Error::parse_at(ROOT, detail).map(Self::Conversation),
            DetailType::Kick => Error::parse_at(ROOT, detail).map(Self::Kick),
            DetailType::AccessChanged => Error::parse_at(ROOT, detail).map(Self::AccessChanged),
            DetailType::Moderation => {
                let moderation: Moderation = Error::parse_at(ROOT, detail)?;
                let scope = moderation.scope().map_err(|error| error.within(ROOT))?;
                Ok(Self::Moderation(moderation, scope))
            }
            _ => {
                let known = "must be one of Conversation, Kick, AccessChanged, Moderation";
                Err(Error::invalid("detail-type", known))
            }
        }
    }
}

/// The detail of an `AppEvent` or `AppSignal` event: the channel, and the event's `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AppDetail {
    /// The channel: `company:`, `experience:`, `user:` or `room:` with an id.
    pub channel: Channel,
    /// The name of the event, which the app chooses.
    pub name: Text<LABEL_BYTES_MAX>,
    /// The content, at most [`APP_PAYLOAD_BYTES_MAX`](crate::event::APP_PAYLOAD_BYTES_MAX) bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// The detail of a `Conversation` event: everyone who takes part in a conversation.
///
/// It replaces the participants that there were, so it names all of them and not only the new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conversation {
    /// The conversation. Its channel is `conversation:{conversationId}`.
    pub conversation_id: ConversationId,
    /// The company that it belongs to. Its team may always join.
    pub company_id: CompanyId,
    /// The users who may join beside the team: all of them, at most 48.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<UserId>", length(max = PARTICIPANTS_MAX)))]
    pub participants: BTreeSet<UserId>,
    /// What it is called in inboxes; default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text<TITLE_BYTES_MAX>>,
    /// The producer's count of its changes to this conversation. The higher one is newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When the change was made; default: the time of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Whether the new participants may read the existing messages of a conversation that has ended or belonged to another
    /// company. Without it, such a change is refused; default: false.
    #[serde(default)]
    pub keep_log: bool,
}

/// The detail of a `Kick` event: a user must leave a channel, with all of their connections.
///
/// It ends the memberships that there are. Whether the user may join again depends on their token and on the participants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kick {
    /// The channel to leave.
    pub channel: Channel,
    /// The user.
    pub user_id: UserId,
    /// The reason that the user is given.
    pub reason: Text<MESSAGE_BYTES_MAX>,
}

/// The detail of an `AccessChanged` event: a user's role in a company may have changed, so it is looked up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessChanged {
    /// The user.
    pub user_id: UserId,
    /// The company.
    pub company_id: CompanyId,
}
