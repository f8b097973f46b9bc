//! Drafts from clients. The server adds the sender, the time, and for a conversation its id.

use serde_json::{Value, value::RawValue};

use super::parts::{Publication, raw};
use crate::{
    Channel, Error, Identity, Timestamp, UserId,
    action::Send,
    event::{
        AppEventDraft, ChatDraft, ChatMessage, EventName, MessageType, Presence, PresenceDraft, Signal,
        SignalDraft, TypingDraft, TypingIndicator,
    },
    frame::Sender,
    text::Text,
};

impl Publication {
    /// The publication of a client's draft. Messages of `agent`, the app's own user, are those of a bot.
    ///
    /// `message_id` makes the id of a chat message. A repeat of its key keeps the id of the first one.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the policy does not allow clients to publish this event here; [`Error::Invalid`] or
    /// [`Error::TooLarge`] if the draft or the key is malformed.
    pub fn from_client(
        send: Send,
        identity: &Identity,
        agent: Option<&UserId>,
        at: Timestamp,
        message_id: impl FnOnce() -> String,
    ) -> Result<Self, Error> {
        let Send { channel, event, data, key, .. } = send;
        let row = channel.kind().policy();
        let (Some(lane), true) = (row.lane(event), row.client_may_publish(event)) else {
            return Err(Error::Forbidden("a client may not publish this event on this channel"));
        };
        if lane.is_durable() && key.is_none() {
            return Err(Error::invalid("key", "is missing; durable events need one"));
        }
        let data = complete(event, data, &channel, Author { identity, agent }, at, message_id)?;
        let from = Some(Sender { user_id: identity.user.clone(), name: identity.name.clone() });
        Ok(Self { channel, event, lane, at, happened_at: at, ahead_ms: 0, from, key, latest_key: None, data })
    }
}

/// The author of a draft, and the app's own user.
#[derive(Clone, Copy)]
struct Author<'a> {
    identity: &'a Identity,
    agent: Option<&'a UserId>,
}

impl Author<'_> {
    /// The type of the author's message. It must not claim more than the author may.
    fn message_type(self, claimed: MessageType) -> Result<MessageType, Error> {
        let is_agent = self.agent == Some(&self.identity.user);
        match claimed {
            MessageType::User | MessageType::Bot if is_agent => Ok(MessageType::Bot),
            MessageType::User => Ok(MessageType::User),
            _ => Err(Error::Forbidden("only the backend may send messages of type `bot` or `system`")),
        }
    }
}

/// The payload of a draft.
fn complete(
    event: EventName,
    draft: Value,
    channel: &Channel,
    author: Author<'_>,
    at: Timestamp,
    message_id: impl FnOnce() -> String,
) -> Result<Box<RawValue>, Error> {
    let identity = author.identity;
    let user_id = identity.user.clone();
    match (event, channel) {
        (EventName::ChatMessage, Channel::Conversation(conversation)) => {
            let draft: ChatDraft = Error::parse_at("data", draft)?;
            draft.validate().map_err(|error| error.within("data"))?;
            raw(&ChatMessage {
                id: Text::try_from(message_id())?,
                conversation_id: conversation.clone(),
                kind: author.message_type(draft.kind)?,
                content: draft.content,
                timestamp: at,
                is_read: false,
                metadata: draft.metadata,
                user_id: Some(user_id),
            })
        }
        (EventName::ChatTyping, Channel::Conversation(conversation)) => {
            let TypingDraft { is_typing } = Error::parse_at("data", draft)?;
            let (conversation_id, user_name) = (conversation.clone(), identity.name.clone());
            raw(&TypingIndicator { conversation_id, user_id, user_name, is_typing, timestamp: at })
        }
        (EventName::Signal, Channel::Conversation(conversation)) => {
            let draft: SignalDraft = Error::parse_at("data", draft)?;
            draft.validate().map_err(|error| error.within("data"))?;
            let conversation_id = conversation.clone();
            raw(&Signal { conversation_id, user_id, name: draft.name, payload: draft.payload })
        }
        (EventName::AppEvent | EventName::AppSignal, _) => {
            let draft: AppEventDraft = Error::parse_at("data", draft)?;
            raw(&draft.into_event().map_err(|error| error.within("data"))?)
        }
        (EventName::PresenceUpdate, _) => {
            let PresenceDraft { status } = Error::parse_at("data", draft)?;
            raw(&Presence { user_id, name: identity.name.clone(), status, last_seen: at })
        }
        _ => Err(Error::Forbidden("a client may not publish this event")),
    }
}
