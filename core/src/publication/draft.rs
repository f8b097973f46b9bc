//! Drafts from clients. The server adds the sender, the time, and for a conversation its id.

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::parts::{Effect, FilesOf, Publication, References};
use crate::{
    Channel, Error, Identity, Seq, Timestamp, UserId,
    action::Send,
    event::{
        AppEventDraft, ChatDelete, ChatDraft, DeleteDraft, EditDraft, EventName, MessageBody, MessageType,
        Presence, PresenceDraft, ReactionDraft, Signal, SignalDraft, SignalTarget, TypingDraft,
        TypingIndicator,
    },
    frame::Sender,
    json::raw,
    message::{Change, ChangeAuthor, ChangeKind},
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
        let Completed { data, effect, to } =
            complete(event, data, &channel, Author { identity, agent }, at, message_id)?;
        let from = Some(Sender { user_id: identity.user.clone(), name: identity.name.clone() });
        let (happened_at, ahead_ms, latest_key) = (at, 0, None);
        Ok(Self { channel, event, lane, at, happened_at, ahead_ms, from, key, latest_key, effect, to, data })
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

/// The payload of a draft, what the event does, and who receives it, if not all members do.
struct Completed {
    data: Box<RawValue>,
    effect: Effect,
    to: Option<SignalTarget>,
}

impl Completed {
    /// An event that does nothing to messages.
    fn plain(payload: &impl Serialize) -> Result<Self, Error> {
        Ok(Self { data: raw(payload)?, effect: Effect::None, to: None })
    }

    /// A change by a client. Only [`Message::changed`](crate::message::Message::changed) knows its payload.
    fn change(target: Seq, user: UserId, kind: ChangeKind) -> Result<Self, Error> {
        let change = Change { target, by: ChangeAuthor::User(user), kind };
        Ok(Self { data: raw(&ChatDelete { target })?, effect: Effect::Change(change), to: None })
    }
}

/// Completes a draft.
fn complete(
    event: EventName,
    draft: Value,
    channel: &Channel,
    author: Author<'_>,
    at: Timestamp,
    message_id: impl FnOnce() -> String,
) -> Result<Completed, Error> {
    let identity = author.identity;
    let user_id = identity.user.clone();
    match (event, channel) {
        (EventName::ChatMessage, Channel::Conversation(conversation)) => {
            let draft: ChatDraft = Error::parse_at("data", draft)?;
            draft.validate().map_err(|error| error.within("data"))?;
            let ChatDraft { content, kind, metadata, reply_to, mentions, attachments } = draft;
            let body = MessageBody {
                id: Text::try_from(message_id())?,
                conversation_id: conversation.clone(),
                kind: author.message_type(kind)?,
                content,
                timestamp: at,
                is_read: false,
                metadata,
                user_id: Some(user_id),
                mentions: mentions.clone(),
                attachments: Vec::new(),
                edited_at: None,
                deleted_at: None,
            };
            let references = References { reply_to, mentions, attachments, files_of: FilesOf::Sender };
            Ok(Completed { data: raw(&body)?, effect: Effect::Message(references), to: None })
        }
        (EventName::ChatEdit, Channel::Conversation(_)) => {
            let draft: EditDraft = Error::parse_at("data", draft)?;
            draft.validate().map_err(|error| error.within("data"))?;
            let EditDraft { target, content, metadata } = draft;
            Completed::change(target, user_id, ChangeKind::Edit { content, metadata })
        }
        (EventName::ChatDelete, Channel::Conversation(_)) => {
            let DeleteDraft { target } = Error::parse_at("data", draft)?;
            Completed::change(target, user_id, ChangeKind::Delete)
        }
        (EventName::ChatReaction, Channel::Conversation(_)) => {
            let ReactionDraft { target, emoji, on } = Error::parse_at("data", draft)?;
            let user = user_id.clone();
            Completed::change(target, user_id, ChangeKind::Reaction { user, emoji, on })
        }
        (EventName::ChatTyping, Channel::Conversation(conversation)) => {
            let TypingDraft { is_typing } = Error::parse_at("data", draft)?;
            let (conversation_id, user_name) = (conversation.clone(), identity.name.clone());
            Completed::plain(&TypingIndicator {
                conversation_id,
                user_id,
                user_name,
                is_typing,
                timestamp: at,
            })
        }
        (EventName::Signal, Channel::Conversation(conversation)) => {
            let draft: SignalDraft = Error::parse_at("data", draft)?;
            draft.validate().map_err(|error| error.within("data"))?;
            let SignalDraft { name, payload, to } = draft;
            let conversation_id = conversation.clone();
            let completed = Completed::plain(&Signal { conversation_id, user_id, name, payload })?;
            Ok(Completed { to, ..completed })
        }
        (EventName::AppEvent | EventName::AppSignal, _) => {
            let draft: AppEventDraft = Error::parse_at("data", draft)?;
            Completed::plain(&draft.into_event().map_err(|error| error.within("data"))?)
        }
        (EventName::PresenceUpdate, _) => {
            let PresenceDraft { status } = Error::parse_at("data", draft)?;
            Completed::plain(&Presence { user_id, name: identity.name.clone(), status, last_seen: at })
        }
        _ => Err(Error::Forbidden("a client may not publish this event")),
    }
}
