//! How somebody's word becomes an event: a client's draft, or the backend's detail, checked and completed.

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    Channel, ConversationId, Error, Identity, Key, Seq, Timestamp, UserId,
    event::{
        AnalyticsUpdate, ChatDraft, ChatMessage, EventName, FunnelUpdate, MessageType, Notification,
        Presence, PresenceDraft, ResourceUpdate, Signal, SignalDraft, TypingDraft, TypingIndicator,
    },
    frame::{Event, Sender},
    policy::Lane,
    text::Text,
};

/// An event that may be published: it has its place in the policy, and its payload is whole.
#[derive(Debug)]
pub struct Publication {
    /// Where.
    pub channel: Channel,
    /// What.
    pub event: EventName,
    /// What becomes of it.
    pub lane: Lane,
    /// When the server took it.
    pub at: Timestamp,
    /// Who caused it.
    pub from: Option<Sender>,
    /// What a repeat of it is known by, among those of the same sender.
    pub key: Option<Key>,
    /// What it is the latest of, on lanes that keep that.
    pub latest_key: Option<String>,
    /// The payload as it travels and is stored.
    pub data: Box<RawValue>,
}

impl Publication {
    /// The event as it is sent, with its place in the log where it has one.
    pub fn into_event(self, seq: Option<Seq>) -> Event {
        let Self { channel, event, at, from, key, data, .. } = self;
        Event { channel, event, seq, at, from, key, data }
    }

    /// From a client: `data` is a draft; who, where and when are the server's to say.
    ///
    /// `message_id` is given to a chat message; a repeat of its key keeps the first one's.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the policy does not let a client publish this here, [`Error::BadRequest`] and
    /// [`Error::TooLarge`] where the draft or the key is not what it should be.
    pub fn from_client(
        send: crate::action::Send,
        identity: &Identity,
        at: Timestamp,
        message_id: impl FnOnce() -> String,
    ) -> Result<Self, Error> {
        let crate::action::Send { channel, event, data, key, .. } = send;
        let row = channel.kind().policy();
        let (Some(lane), true, Channel::Conversation(conversation)) =
            (row.lane(event), row.client_may_publish(event), &channel)
        else {
            return Err(Error::Forbidden("a client may not publish this event on this channel"));
        };
        if lane.is_durable() && key.is_none() {
            return Err(Error::BadRequest("a durable event needs a `key`".into()));
        }
        let data = complete(event, data, conversation, identity, at, message_id)?;
        let from = Some(Sender { user_id: identity.user.clone(), name: identity.name.clone() });
        Ok(Self { channel, event, lane, at, from, key, latest_key: None, data })
    }

    /// From the backend, by EventBridge: the detail type says which event it is, the detail is its `data`.
    ///
    /// `id` is EventBridge's for the event: a repeat has the same one.
    ///
    /// # Errors
    /// [`Error::BadRequest`] or [`Error::TooLarge`], saying what is wrong with it.
    pub fn from_backend(detail_type: &str, detail: Value, id: Key, at: Timestamp) -> Result<Self, Error> {
        let event = match detail_type {
            "FunnelUpdate" => EventName::FunnelUpdate,
            "ResourceUpdate" => EventName::ResourceUpdate,
            "AnalyticsUpdate" => EventName::AnalyticsUpdate,
            "SystemNotification" => EventName::SystemNotification,
            "UserNotification" => EventName::UserNotification,
            "ChatMessage" => EventName::ChatMessage,
            _ => return Err(Error::BadRequest(format!("no such detail type: {detail_type:.64}").into())),
        };
        let Addressed { channel, latest_key, data } = address(event, detail, &id, at)?;
        Self::place(channel, event, latest_key, data, id, at)
    }

    /// From the outbox: as from EventBridge, but the channel is given and must be the one that the data is for.
    ///
    /// # Errors
    /// As [`from_backend`](Self::from_backend).
    pub fn from_outbox(
        channel: Channel,
        event: EventName,
        data: Value,
        key: Key,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let Addressed { channel: meant, latest_key, data } = address(event, data, &key, at)?;
        let company_notice =
            matches!((&channel, event), (Channel::Company(_), EventName::SystemNotification));
        if channel != meant && !company_notice {
            return Err(Error::BadRequest(
                format!("this {event:?} is for {meant}, not for {channel}").into(),
            ));
        }
        Self::place(channel, event, latest_key, data, key, at)
    }

    fn place(
        channel: Channel,
        event: EventName,
        latest_key: Option<String>,
        data: Box<RawValue>,
        key: Key,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let lane = channel.kind().policy().lane(event);
        let lane = lane.ok_or(Error::BadRequest("this event has no place on this channel".into()))?;
        Ok(Self { channel, event, lane, at, from: None, key: Some(key), latest_key, data })
    }
}

/// A client's draft, completed.
fn complete(
    event: EventName,
    draft: Value,
    conversation: &ConversationId,
    identity: &Identity,
    at: Timestamp,
    message_id: impl FnOnce() -> String,
) -> Result<Box<RawValue>, Error> {
    let conversation_id = conversation.clone();
    let user_id = identity.user.clone();
    match event {
        EventName::ChatMessage => {
            let draft: ChatDraft = Error::parse(draft)?;
            draft.validate()?;
            if draft.kind != MessageType::User {
                return Err(Error::Forbidden("only the backend speaks as `bot` or `system`"));
            }
            raw(&ChatMessage {
                id: Some(Text::try_from(message_id())?),
                conversation_id,
                kind: draft.kind,
                content: draft.content,
                timestamp: Some(at),
                is_read: false,
                metadata: draft.metadata,
                user_id: Some(user_id),
            })
        }
        EventName::ChatTyping => {
            let TypingDraft { is_typing } = Error::parse(draft)?;
            let user_name = identity.name.clone();
            raw(&TypingIndicator { conversation_id, user_id, user_name, is_typing, timestamp: at })
        }
        EventName::Signal => {
            let draft: SignalDraft = Error::parse(draft)?;
            draft.validate()?;
            raw(&Signal { conversation_id, user_id, name: draft.name, payload: draft.payload })
        }
        EventName::PresenceUpdate => {
            let PresenceDraft { status } = Error::parse(draft)?;
            raw(&Presence { user_id, name: identity.name.clone(), status, last_seen: at })
        }
        _ => Err(Error::Forbidden("a client may not publish this event")),
    }
}

/// A backend's detail, completed, and the channel that it is for.
struct Addressed {
    channel: Channel,
    latest_key: Option<String>,
    data: Box<RawValue>,
}

fn address(event: EventName, detail: Value, id: &Key, at: Timestamp) -> Result<Addressed, Error> {
    let own_id = || Text::try_from(id.to_string()).ok();
    match event {
        EventName::FunnelUpdate => {
            let mut update: FunnelUpdate = Error::parse(detail)?;
            update.timestamp.get_or_insert(at);
            let channel = Channel::FunnelUpdates(update.company_id.clone());
            addressed(channel, Some(update.funnel_id.to_string()), &update)
        }
        EventName::ResourceUpdate => {
            let mut update: ResourceUpdate = Error::parse(detail)?;
            update.timestamp.get_or_insert(at);
            addressed(Channel::ResourceUpdates(update.company_id.clone()), None, &update)
        }
        EventName::AnalyticsUpdate => {
            let mut update: AnalyticsUpdate = Error::parse(detail)?;
            update.timestamp.get_or_insert(at);
            addressed(Channel::Analytics(update.company_id.clone()), Some(update.latest_key()), &update)
        }
        EventName::SystemNotification => {
            let mut notice: Notification = Error::parse(detail)?;
            if notice.user_id.is_some() {
                return Err(Error::BadRequest("a notice to one user is a UserNotification".into()));
            }
            notice.id = notice.id.or_else(own_id);
            notice.timestamp.get_or_insert(at);
            addressed(Channel::System, None, &notice)
        }
        EventName::UserNotification => {
            let mut notice: Notification = Error::parse(detail)?;
            let user: UserId =
                notice.user_id.clone().ok_or(Error::BadRequest("missing field `userId`".into()))?;
            notice.id = notice.id.or_else(own_id);
            notice.timestamp.get_or_insert(at);
            addressed(Channel::User(user), None, &notice)
        }
        EventName::ChatMessage => {
            let mut message: ChatMessage = Error::parse(detail)?;
            message.validate()?;
            message.id = message.id.or_else(own_id);
            message.timestamp.get_or_insert(at);
            message.is_read = false;
            addressed(Channel::Conversation(message.conversation_id.clone()), None, &message)
        }
        _ => Err(Error::BadRequest("the backend does not publish this event".into())),
    }
}

fn addressed(
    channel: Channel,
    latest_key: Option<String>,
    data: &impl Serialize,
) -> Result<Addressed, Error> {
    Ok(Addressed { channel, latest_key, data: raw(data)? })
}

fn raw(payload: &impl Serialize) -> Result<Box<RawValue>, Error> {
    serde_json::value::to_raw_value(payload).map_err(|error| Error::internal("a payload", &error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::action::{Send, parse as parse_frame};

    const AT: &str = "2026-11-23T10:00:00.123Z";

    fn ann() -> Identity {
        Identity {
            user: "user_1".parse().unwrap(),
            name: "Ann".to_owned().try_into().unwrap(),
            companies: vec![],
            expires_at: Timestamp::from_secs(4_102_444_800),
        }
    }

    fn publish(frame: Value) -> Result<Publication, Error> {
        let mut frame = frame;
        frame["action"] = json!("send");
        let send: Send = parse_frame(&frame.to_string()).map_err(|rejected| rejected.error)?.action;
        Publication::from_client(send, &ann(), AT.parse().unwrap(), || "msg_1".into())
    }

    fn chat(data: &Value) -> Result<Publication, Error> {
        publish(json!({"channel": "conversation:c1", "event": "chat.message", "key": "k1", "data": data}))
    }

    fn from_backend(detail_type: &str, detail: Value) -> Result<Publication, Error> {
        Publication::from_backend(detail_type, detail, "evt-1".parse().unwrap(), AT.parse().unwrap())
    }

    #[test]
    fn the_server_says_who_where_and_when() {
        let publication = chat(&json!({"content": "hi", "metadata": {"a": 1}})).unwrap();
        assert_eq!(publication.lane, Lane::Durable);
        assert_eq!(
            serde_json::from_str::<Value>(publication.data.get()).unwrap(),
            json!({"id": "msg_1", "conversationId": "c1", "type": "user", "content": "hi", "timestamp": AT,
                   "isRead": false, "metadata": {"a": 1}, "userId": "user_1"})
        );
    }

    #[test]
    fn a_client_cannot_speak_for_another() {
        for (data, code) in [
            (json!({"content": "hi", "userId": "user_2"}), "bad_request"),
            (json!({"content": "hi", "timestamp": AT}), "bad_request"),
            (json!({"content": "hi", "type": "bot"}), "forbidden"),
            (json!({"content": "hi", "type": "system"}), "forbidden"),
            (json!({"content": ""}), "bad_request"),
            (json!({"content": "x".repeat(16 * 1024 + 1)}), "too_large"),
            (json!({"content": "hi", "metadata": {"a": "x".repeat(4096)}}), "too_large"),
            (json!({"content": "hi", "metadata": []}), "bad_request"),
            (json!("hi"), "bad_request"),
        ] {
            assert_eq!(chat(&data).unwrap_err().code(), code, "{data}");
        }
    }

    #[test]
    fn what_a_client_may_publish_and_where() {
        let typing = publish(
            json!({"channel": "conversation:c1", "event": "chat.typing", "data": {"isTyping": true}}),
        );
        assert_eq!(typing.unwrap().lane, Lane::Ephemeral);
        let keyless =
            publish(json!({"channel": "conversation:c1", "event": "chat.message", "data": {"content": "a"}}));
        assert_eq!(keyless.unwrap_err().code(), "bad_request");
        for (channel, event) in [
            ("conversation:c1", "chat.receipt"),
            ("conversation:c1", "presence.join"),
            ("conversation:c1", "funnel.update"),
            ("company:c1", "presence.update"),
            ("user:user_1", "user.notification"),
            ("system", "system.notification"),
            ("funnel_updates:biz_1", "chat.message"),
        ] {
            let refused = publish(json!({"channel": channel, "event": event, "key": "k", "data": {}}));
            assert_eq!(refused.unwrap_err().code(), "forbidden", "{event} on {channel}");
        }
    }

    #[test]
    fn a_detail_finds_its_channel_and_gets_its_time() {
        let funnel = json!({"type": "generation_progress", "funnelId": "f1", "funnelName": "Spring", "progress": 40,
                            "userId": "user_1", "companyId": "biz_1"});
        let publication = from_backend("FunnelUpdate", funnel).unwrap();
        assert_eq!(publication.channel.to_string(), "funnel_updates:biz_1");
        assert_eq!(
            (publication.lane, publication.latest_key.as_deref()),
            (Lane::DurableAndLatest, Some("f1"))
        );
        assert!(publication.data.get().contains(AT));

        let notice = json!({"level": "info", "title": "Hello", "message": "World", "userId": "user_9"});
        let publication = from_backend("UserNotification", notice.clone()).unwrap();
        assert_eq!(publication.channel.to_string(), "user:user_9");
        assert!(publication.data.get().contains("evt-1"), "the event's id is the notice's");
        assert!(
            from_backend("SystemNotification", notice).is_err(),
            "a user's notice must not reach everybody"
        );
    }

    #[test]
    fn a_detail_that_is_wrong_says_so() {
        for (detail_type, detail) in [
            (
                "FunnelUpdate",
                json!({"type": "exploded", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "b"}),
            ),
            (
                "FunnelUpdate",
                json!({"type": "deployed", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "b:c"}),
            ),
            (
                "FunnelUpdate",
                json!({"type": "deployed", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "b", "progress": 101}),
            ),
            ("UserNotification", json!({"level": "info", "title": "a", "message": "b"})),
            ("AnalyticsUpdate", json!({"metric": "visits", "value": "many", "companyId": "b"})),
            ("Nonsense", json!({})),
        ] {
            let error = from_backend(detail_type, detail).unwrap_err();
            assert_eq!(error.code(), "bad_request", "{error}");
        }
    }

    #[test]
    fn the_outbox_cannot_post_to_another_companys_channel() {
        let update = json!({"type": "deployed", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "biz_1"});
        let publish = |channel: &str| {
            let (key, at) = ("k".parse().unwrap(), AT.parse().unwrap());
            Publication::from_outbox(
                channel.parse().unwrap(),
                EventName::FunnelUpdate,
                update.clone(),
                key,
                at,
            )
        };
        assert!(publish("funnel_updates:biz_1").is_ok());
        assert!(publish("funnel_updates:biz_2").is_err());
        assert!(publish("system").is_err());
    }
}
