//! Details from the backend, by EventBridge or by the outbox: parsed, completed, and assigned to their channel.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::parts::{Effect, FilesOf, Publication, References, Times};
use crate::{
    Channel, ConversationId, Error, Key, Seq, Timestamp, UserId,
    bus::{AppDetail, DeleteDetail, DetailType, EditDetail, MessageDetail, ReactionDetail, TypingDetail},
    event::{
        AnalyticsUpdate, AppEventDraft, ChatDelete, EventName, FunnelUpdate, MessageBody, MessageType,
        Notification, ResourceUpdate, TypingIndicator, UserNotification, check_content, check_mentions,
        check_sizes,
    },
    file::FileUpdate,
    identity::Name,
    json::raw,
    message::{Change, ChangeAuthor, ChangeKind},
    policy::Lane,
    text::Text,
};

impl Publication {
    /// The publication of an event of the backend, from EventBridge or by HTTP. The detail is the event's `data`.
    ///
    /// `id` is the key that a repeat has too: the id of the EventBridge event. The author of a bot's message without `userId` is
    /// `agent`.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`], with the field that is at fault; also for a type that publishes nothing.
    pub fn from_backend(
        of: DetailType,
        detail: Value,
        id: Key,
        agent: Option<&UserId>,
        times: Times,
    ) -> Result<Self, Error> {
        let event =
            of.event().ok_or_else(|| Error::invalid("detail-type", "must be one that publishes an event"))?;
        let addressed = address("detail", event, detail, &id, agent, times)?;
        Self::place(event, addressed, id, times).map_err(|error| error.within("detail"))
    }

    /// The publication of an outbox item: the same as from EventBridge, but with the channel given, which must be the one that the data
    /// is for.
    ///
    /// # Errors
    /// The same as of [`from_backend`](Self::from_backend).
    pub fn from_outbox(
        channel: Channel,
        event: EventName,
        data: Value,
        key: Key,
        agent: Option<&UserId>,
        times: Times,
    ) -> Result<Self, Error> {
        if matches!(event, EventName::FileReady | EventName::FileRefused) {
            return Self::place(event, file_update(channel, data, times.now)?, key, times);
        }
        let data = if is_of_the_app(event) { with_channel(data, &channel)? } else { data };
        let addressed = address("data", event, data, &key, agent, times)?;
        let meant = &addressed.channel;
        let company_notice =
            matches!((&channel, event), (Channel::Company(_), EventName::SystemNotification));
        if channel != *meant && !company_notice {
            return Err(Error::invalid("channel", format!("must be {meant}, which the data is for")));
        }
        Self::place(event, Addressed { channel, ..addressed }, key, times)
    }

    fn place(event: EventName, addressed: Addressed, key: Key, times: Times) -> Result<Self, Error> {
        let Addressed { channel, latest_key, happened_at, effect, data } = addressed;
        let lane = channel.kind().policy().lane(event);
        let lane = lane.ok_or_else(|| Error::invalid("channel", "must be one that has this event"))?;
        // A late or repeated event must not replace a later one, and one from the future must not stay for ever.
        let claimed_at = happened_at;
        let happened_at = happened_at.min(times.taken_at).min(times.now);
        let ahead_ms = claimed_at.as_millis() - happened_at.as_millis();
        let at = match lane {
            Lane::Latest => happened_at,
            Lane::Durable | Lane::DurableAndLatest | Lane::Ephemeral => times.now,
        };
        Ok(Self {
            channel,
            event,
            lane,
            at,
            happened_at,
            ahead_ms,
            from: None,
            key: Some(key),
            latest_key,
            effect,
            to: None,
            data,
        })
    }
}

/// A completed detail, and the channel that it is for.
struct Addressed {
    channel: Channel,
    latest_key: Option<String>,
    happened_at: Timestamp,
    effect: Effect,
    data: Box<RawValue>,
}

/// The fields that the backend may leave out of an event's `data`, because the EventBridge event or the outbox item has them.
pub const fn defaulted(event: EventName) -> &'static [&'static str] {
    match event {
        EventName::FunnelUpdate | EventName::ResourceUpdate | EventName::AnalyticsUpdate => &["timestamp"],
        EventName::SystemNotification | EventName::UserNotification => &["id", "timestamp"],
        _ => &[],
    }
}

/// Parses and completes a detail, and finds its channel. `root` is the name of the detail in errors.
fn address(
    root: &str,
    event: EventName,
    detail: Value,
    id: &Key,
    agent: Option<&UserId>,
    Times { sent_at, taken_at, .. }: Times,
) -> Result<Addressed, Error> {
    let sent_at = sent_at.min(taken_at);
    let defaults = BTreeMap::from([("id", id.to_string()), ("timestamp", sent_at.to_string())]);
    let detail =
        with_defaults(detail, defaulted(event).iter().filter_map(|name| defaults.get_key_value(name)));
    match event {
        EventName::FunnelUpdate => {
            let update: FunnelUpdate = Error::parse_at(root, detail)?;
            let channel = Channel::FunnelUpdates(update.company_id.clone());
            addressed(channel, Some(update.funnel_id.to_string()), update.timestamp, &update)
        }
        EventName::ResourceUpdate => {
            let update: ResourceUpdate = Error::parse_at(root, detail)?;
            let channel = Channel::ResourceUpdates(update.company_id.clone());
            addressed(channel, None, update.timestamp, &update)
        }
        EventName::AnalyticsUpdate => {
            let update: AnalyticsUpdate = Error::parse_at(root, detail)?;
            let channel = Channel::Analytics(update.company_id.clone());
            addressed(channel, Some(update.latest_key()), update.timestamp, &update)
        }
        EventName::SystemNotification => {
            let notice: Notification = Error::parse_at(root, detail)?;
            addressed(Channel::System, None, notice.timestamp, &notice)
        }
        EventName::UserNotification => {
            let notice: UserNotification = Error::parse_at(root, detail)?;
            addressed(Channel::User(notice.user_id.clone()), None, notice.timestamp, &notice)
        }
        EventName::ChatMessage => {
            let detail: MessageDetail = Error::parse_at(root, detail)?;
            message(detail, id, agent, sent_at).map_err(|error| error.within(root))
        }
        EventName::ChatEdit => {
            let detail: EditDetail = Error::parse_at(root, detail)?;
            let EditDetail { conversation_id, target, content, metadata } = detail;
            check_sizes(&content, metadata.as_ref()).map_err(|error| error.within(root))?;
            change(conversation_id, target, ChangeKind::Edit { content, metadata }, sent_at)
        }
        EventName::ChatDelete => {
            let DeleteDetail { conversation_id, target } = Error::parse_at(root, detail)?;
            change(conversation_id, target, ChangeKind::Delete, sent_at)
        }
        EventName::ChatReaction => {
            let detail: ReactionDetail = Error::parse_at(root, detail)?;
            let ReactionDetail { conversation_id, target, emoji, on, user_id } = detail;
            let user = speaker(user_id, agent).map_err(|error| error.within(root))?;
            change(conversation_id, target, ChangeKind::Reaction { user, emoji, on }, sent_at)
        }
        EventName::ChatTyping => {
            let detail: TypingDetail = Error::parse_at(root, detail)?;
            let TypingDetail { conversation_id, is_typing, user_id, user_name } = detail;
            let user_id = speaker(user_id, agent).map_err(|error| error.within(root))?;
            let user_name = user_name.map_or_else(|| Name::try_from(user_id.to_string()), Ok)?;
            let indicator =
                TypingIndicator { conversation_id, user_id, user_name, is_typing, timestamp: sent_at };
            let channel = Channel::Conversation(indicator.conversation_id.clone());
            addressed(channel, None, sent_at, &indicator)
        }
        EventName::AppEvent | EventName::AppSignal => {
            let AppDetail { channel, name, payload } = Error::parse_at(root, detail)?;
            let event = AppEventDraft { name, payload }.into_event().map_err(|error| error.within(root))?;
            addressed(channel, None, sent_at, &event)
        }
        _ => Err(Error::invalid("event", "must be one that the backend may publish")),
    }
}

/// The user whom a detail names, or the app's own.
fn speaker(user: Option<UserId>, agent: Option<&UserId>) -> Result<UserId, Error> {
    let user = user.or_else(|| agent.cloned());
    user.ok_or_else(|| Error::invalid("userId", "is missing; the app has no user of its own"))
}

/// A message of the backend.
fn message(
    detail: MessageDetail,
    id: &Key,
    agent: Option<&UserId>,
    sent_at: Timestamp,
) -> Result<Addressed, Error> {
    check_content(&detail.content, detail.metadata.as_ref(), &detail.attachments)?;
    check_mentions(&detail.mentions)?;
    let default_author = agent.filter(|_| detail.kind == MessageType::Bot);
    let body = MessageBody {
        id: detail.id.map_or_else(|| Text::try_from(id.to_string()), Ok)?,
        conversation_id: detail.conversation_id.clone(),
        kind: detail.kind,
        content: detail.content,
        timestamp: detail.timestamp.unwrap_or(sent_at),
        is_read: false,
        metadata: detail.metadata,
        user_id: detail.user_id.or_else(|| default_author.cloned()),
        mentions: detail.mentions.clone(),
        attachments: Vec::new(),
        edited_at: None,
        deleted_at: None,
    };
    let effect = Effect::Message(References {
        reply_to: detail.reply_to,
        mentions: detail.mentions,
        attachments: detail.attachments,
        files_of: FilesOf::Backend,
    });
    let channel = Channel::Conversation(detail.conversation_id);
    Ok(Addressed { effect, ..addressed(channel, None, body.timestamp, &body)? })
}

/// What has been found out about a file: for the members of the conversation whose message names it, or for who uploaded it.
fn file_update(channel: Channel, data: Value, now: Timestamp) -> Result<Addressed, Error> {
    let update: FileUpdate = Error::parse_at("data", data)?;
    match (channel, update.target) {
        (Channel::Conversation(conversation), Some(target)) => {
            change(conversation, target, ChangeKind::File(update.file), now)
        }
        (channel @ Channel::User(_), None) => addressed(channel, None, now, &update),
        _ => Err(Error::invalid("channel", "must be the conversation of `target`, or a user without one")),
    }
}

/// A change of a message by the backend. Only [`Message::changed`](crate::message::Message::changed) knows its payload.
fn change(
    conversation: ConversationId,
    target: Seq,
    kind: ChangeKind,
    at: Timestamp,
) -> Result<Addressed, Error> {
    let effect = Effect::Change(Change { target, by: ChangeAuthor::Backend, kind });
    let channel = Channel::Conversation(conversation);
    Ok(Addressed { effect, ..addressed(channel, None, at, &ChatDelete { target })? })
}

/// Whether only the app knows what the event means, and so the detail has to name its channel.
const fn is_of_the_app(event: EventName) -> bool {
    matches!(event, EventName::AppEvent | EventName::AppSignal)
}

/// The data of an outbox item, whose channel is beside it, as a detail.
fn with_channel(mut data: Value, channel: &Channel) -> Result<Value, Error> {
    if let Value::Object(fields) = &mut data
        && fields.insert("channel".to_owned(), channel.to_string().into()).is_some()
    {
        return Err(Error::invalid("data.channel", "is not a known field; the item itself has the channel"));
    }
    Ok(data)
}

/// A detail with these defaults for fields that are absent or `null`.
fn with_defaults<'a>(mut detail: Value, defaults: impl Iterator<Item = (&'a &'a str, &'a String)>) -> Value {
    if let Value::Object(fields) = &mut detail {
        for (name, default) in defaults {
            let field = fields.entry(*name).or_insert(Value::Null);
            if field.is_null() {
                *field = Value::from(default.as_str());
            }
        }
    }
    detail
}

fn addressed(
    channel: Channel,
    latest_key: Option<String>,
    happened_at: Timestamp,
    data: &impl Serialize,
) -> Result<Addressed, Error> {
    Ok(Addressed { channel, latest_key, happened_at, effect: Effect::None, data: raw(data)? })
}
