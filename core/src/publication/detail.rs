//! The backend's word, by EventBridge or by the outbox: completed, and held against the channel that it is for.

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::{Publication, Times, raw};
use crate::{
    Channel, Error, Key, Timestamp, UserId,
    event::{
        AnalyticsUpdate, ChatMessage, EventName, FunnelUpdate, MessageType, Notification, ResourceUpdate,
        UserNotification,
    },
    policy::Lane,
};

impl Publication {
    /// From the backend, by EventBridge: the detail type says which event it is, the detail is its `data`.
    ///
    /// `id` is EventBridge's for the event: a repeat has the same. A bot whose user the backend does not name is `agent`.
    ///
    /// # Errors
    /// [`Error::BadRequest`] or [`Error::TooLarge`], saying what is wrong with it.
    pub fn from_backend(
        detail_type: &str,
        detail: Value,
        id: Key,
        agent: Option<&UserId>,
        times: Times,
    ) -> Result<Self, Error> {
        let event = match detail_type {
            "FunnelUpdate" => EventName::FunnelUpdate,
            "ResourceUpdate" => EventName::ResourceUpdate,
            "AnalyticsUpdate" => EventName::AnalyticsUpdate,
            "SystemNotification" => EventName::SystemNotification,
            "UserNotification" => EventName::UserNotification,
            "ChatMessage" => EventName::ChatMessage,
            _ => {
                let known = "FunnelUpdate, ResourceUpdate, AnalyticsUpdate, SystemNotification, UserNotification, ChatMessage";
                return Err(Error::invalid("detail-type", format!("must be one of {known}")));
            }
        };
        Self::place(event, address("detail", event, detail, &id, agent, times)?, id, times)
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
        agent: Option<&UserId>,
        times: Times,
    ) -> Result<Self, Error> {
        let addressed = address("data", event, data, &key, agent, times)?;
        let meant = &addressed.channel;
        let company_notice =
            matches!((&channel, event), (Channel::Company(_), EventName::SystemNotification));
        if channel != *meant && !company_notice {
            return Err(Error::invalid("channel", format!("must be {meant}, as the data says")));
        }
        Self::place(event, Addressed { channel, ..addressed }, key, times)
    }

    fn place(event: EventName, addressed: Addressed, key: Key, times: Times) -> Result<Self, Error> {
        let Addressed { channel, latest_key, happened_at, data } = addressed;
        let lane = channel.kind().policy().lane(event);
        let lane = lane.ok_or_else(|| Error::invalid("event", "has no place on this channel"))?;
        // One that comes late, or again, must not pass for the last; one from the future not for ever.
        let said_at = happened_at;
        let happened_at = happened_at.min(times.taken_at).min(times.now);
        let ahead_ms = said_at.as_millis() - happened_at.as_millis();
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
            data,
        })
    }
}

/// A backend's detail, completed, and the channel that it is for.
struct Addressed {
    channel: Channel,
    latest_key: Option<String>,
    happened_at: Timestamp,
    data: Box<RawValue>,
}

/// `root` is what the detail is called where it came from. Where it has no time, that is when it was sent.
fn address(
    root: &str,
    event: EventName,
    detail: Value,
    id: &Key,
    agent: Option<&UserId>,
    Times { sent_at, taken_at, .. }: Times,
) -> Result<Addressed, Error> {
    let sent_at = sent_at.min(taken_at);
    let (id, said_at) = (id.to_string(), sent_at.to_string());
    let timed = |detail| with_defaults(detail, &[("timestamp", &said_at)]);
    let named_and_timed = |detail| with_defaults(detail, &[("id", &id), ("timestamp", &said_at)]);
    match event {
        EventName::FunnelUpdate => {
            let update: FunnelUpdate = Error::parse_at(root, timed(detail))?;
            let channel = Channel::FunnelUpdates(update.company_id.clone());
            addressed(channel, Some(update.funnel_id.to_string()), update.timestamp, &update)
        }
        EventName::ResourceUpdate => {
            let update: ResourceUpdate = Error::parse_at(root, timed(detail))?;
            let channel = Channel::ResourceUpdates(update.company_id.clone());
            addressed(channel, None, update.timestamp, &update)
        }
        EventName::AnalyticsUpdate => {
            let update: AnalyticsUpdate = Error::parse_at(root, timed(detail))?;
            let channel = Channel::Analytics(update.company_id.clone());
            addressed(channel, Some(update.latest_key()), update.timestamp, &update)
        }
        EventName::SystemNotification => {
            let notice: Notification = Error::parse_at(root, named_and_timed(detail))?;
            addressed(Channel::System, None, notice.timestamp, &notice)
        }
        EventName::UserNotification => {
            let notice: UserNotification = Error::parse_at(root, named_and_timed(detail))?;
            addressed(Channel::User(notice.user_id.clone()), None, notice.timestamp, &notice)
        }
        EventName::ChatMessage => {
            let mut message: ChatMessage = Error::parse_at(root, named_and_timed(detail))?;
            message.validate().map_err(|error| error.within(root))?;
            message.is_read = false;
            if message.kind == MessageType::Bot {
                message.user_id = message.user_id.or_else(|| agent.cloned());
            }
            let channel = Channel::Conversation(message.conversation_id.clone());
            addressed(channel, None, message.timestamp, &message)
        }
        _ => Err(Error::invalid("event", "is none that the backend publishes")),
    }
}

/// A detail with what the backend may leave out, or give as `null`.
fn with_defaults(mut detail: Value, defaults: &[(&str, &str)]) -> Value {
    if let Value::Object(fields) = &mut detail {
        for (name, default) in defaults {
            let field = fields.entry(*name).or_insert(Value::Null);
            if field.is_null() {
                *field = Value::from(*default);
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
    Ok(Addressed { channel, latest_key, happened_at, data: raw(data)? })
}
