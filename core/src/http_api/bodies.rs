//! The requests and replies that the HTTP API alone has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use serde_json::{Map, Value, value::RawValue};

use super::limits::PUBLISH_EVENTS_MAX;
use crate::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, Key, Seq, Timestamp, UserId,
    action::StatusReply,
    bus::DetailType,
    event::TITLE_BYTES_MAX,
    frame::ErrorBody,
    json,
    moderation::{Reason, RestrictionKind},
    text::Text,
    version::Revision,
};

/// A ticket: the URL and the secret for one WebSocket connection.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Where to connect to, with `?ticket=` or the subprotocol `ticket.<ticket>`.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^wss?://")))]
    pub url: String,
    /// The secret. It is good for one connection.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[A-Za-z0-9_-]{43}$")))]
    pub ticket: String,
    /// When the ticket expires.
    pub expires_at: Timestamp,
}

/// The connections that have been closed.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// Their ids; empty where there was nothing to close.
    pub connection_ids: Vec<ConnectionId>,
}

/// The user's connections.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionList {
    /// Each connection with its age and channels, the oldest first.
    pub connections: Vec<StatusReply>,
    /// The server's clock, from which their ages follow.
    pub at: Timestamp,
}

/// The channels that the user's connections have joined.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelList {
    /// Each channel with the connections that have joined it.
    pub channels: Vec<ChannelConnections>,
}

/// A channel, and which of the user's connections have joined it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChannelConnections {
    /// The channel.
    pub channel: Channel,
    /// The connections, at least one.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub connection_ids: Vec<ConnectionId>,
}

/// What a conversation is to become; the path says which one.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationDraft {
    /// The company that it belongs to. Its team may always join.
    pub company_id: CompanyId,
    /// The users who may join beside the team: all of them, not only the new ones.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<UserId>", length(max = crate::bus::PARTICIPANTS_MAX)))]
    pub participants: BTreeSet<UserId>,
    /// What it is called in inboxes; default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text<TITLE_BYTES_MAX>>,
    /// The backend's count of its changes to this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When the change was made; a time in the future counts as now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Whether the new participants may read the existing messages of a conversation that has ended or belonged to another
    /// company. Without it, such a change is refused; default: false.
    #[serde(default)]
    pub keep_log: bool,
}

/// How new the end of a conversation is.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConversationEnd {
    /// The backend's count of its changes to this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When the change was made; a time in the future counts as now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// A conversation: the company that it belongs to, and who takes part.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConversationReply {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The company that it belongs to.
    pub company_id: CompanyId,
    /// The users who may join beside the team of the company.
    #[cfg_attr(feature = "schema", schemars(length(max = crate::bus::PARTICIPANTS_MAX)))]
    pub participants: BTreeSet<UserId>,
    /// What it is called in inboxes, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text<TITLE_BYTES_MAX>>,
}

/// The conversation that has ended.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConversationEnded {
    /// The conversation.
    pub conversation_id: ConversationId,
}

/// Whose restriction is asked for, and where.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModerationQuery {
    /// The user.
    pub user_id: UserId,
    /// The conversation; or else `companyId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The company; or else `conversationId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
}

/// The restriction of a user that stands in a conversation or a company.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ModerationReply {
    /// The user.
    pub user_id: UserId,
    /// The conversation in which it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The company in all of whose conversations it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
    /// How the user is restricted; `none` if they are not, or if it has ended.
    pub restriction: RestrictionKind,
    /// When it ends; absent if it is for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The reason, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The user of the team who has set it; absent if the backend has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
}

/// Events of the app's backend, in their order.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The events, 1 to 100. One that is malformed does not keep the others from being published.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<BackendEvent>", length(min = 1, max = PUBLISH_EVENTS_MAX)))]
    pub events: Vec<Map<String, Value>>,
}

impl Publish {
    /// Reads a body. Each event is read on its own, so that one that is malformed does not keep back the others: neither one
    /// with a wrong field nor one with a lone surrogate, too many levels or a number that is out of range.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::BadRequest`] if the body is malformed around its events, or if there are none or too many.
    pub fn read(body: &[u8]) -> Result<Vec<Result<BackendEvent, Error>>, Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outline<'a> {
            #[serde(borrow)]
            events: Vec<&'a RawValue>,
        }
        let Ok(Outline { events }) = serde_json::from_slice(body) else {
            // What is wrong with it, in the words of every other refusal.
            let _: Self = Error::parse(json::read(body)?)?;
            return Err(Error::BadRequest("the body must be a JSON object with `events`".into()));
        };
        if !(1..=PUBLISH_EVENTS_MAX).contains(&events.len()) {
            return Err(Error::invalid("events", format!("must be 1 to {PUBLISH_EVENTS_MAX} events")));
        }
        Ok(events.into_iter().map(|event| BackendEvent::read(event.get())).collect())
    }
}

impl BackendEvent {
    fn read(text: &str) -> Result<Self, Error> {
        match json::read(text.as_bytes())? {
            event @ Value::Object(_) => Error::parse(event),
            _ => Err(Error::BadRequest("an event must be an object".into())),
        }
    }
}

/// An event of the app's backend, as on the event bus.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BackendEvent {
    /// Its type: the `detail-type` on the bus.
    #[serde(rename = "type")]
    pub of: DetailType,
    /// Its detail, whose form depends on the type: that of docs/schemas/bus.
    pub detail: Map<String, Value>,
    /// A name of this event among those of the backend. A repeat with the same key is not logged again; an event that is not
    /// logged is published or applied again. It matches
    /// `[A-Za-z0-9_.:-]{1,64}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// When it was first sent, by the backend's clock; a repeat has the same. The default of the detail's `timestamp`. A repeat is
    /// recognised if its first try is not older than this time, less a minute, and not older than a day; without it, if it is among the last 100 events of
    /// the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

/// What became of the events of a request.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishReply {
    /// The result of each event, in the order of the events.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = PUBLISH_EVENTS_MAX)))]
    pub results: Vec<PublishResult>,
}

/// What became of an event.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PublishResult {
    /// It has been published.
    Published(Published),
    /// It has not been published.
    Refused(Refusal),
}

/// An event that has been published: it is kept, and has been or will be delivered. Of an event that concerns access: it has been
/// applied.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Published {
    /// Its place in the log of its channel, if it is durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// When the server accepted it.
    pub at: Timestamp,
    /// Its key: that of the request, or one that the server has made. Absent where an event that concerns access had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Whether an earlier try has published it already.
    pub duplicate: bool,
}

/// The confirmation that a webhook has been queued.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookReceived {
    /// Always true; a webhook that cannot be queued is refused.
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    pub received: bool,
}

/// The body of every refusal of the HTTP API.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// What is wrong.
    pub error: ErrorBody,
}

/// The body of a refusal by API Gateway, which comes before any function runs.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GatewayRefusal {
    /// What is wrong, for people.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of each event: its key, or the code and the field of its refusal.
    fn read(body: &str) -> Result<Vec<String>, String> {
        let shown = |error: &Error| format!("{} {}", error.code(), error.field().unwrap_or("-"));
        let events = Publish::read(body.as_bytes()).map_err(|error| shown(&error))?;
        let shown = events.iter().map(|event| match event {
            Ok(event) => event.key.as_ref().map_or("none".to_owned(), ToString::to_string),
            Err(error) => shown(error),
        });
        Ok(shown.collect())
    }

    #[test]
    fn a_malformed_event_does_not_keep_back_the_others() {
        let good = r#"{"type":"AppSignal","detail":{"channel":"room:a","name":"n"},"key":"good"}"#;
        let deep =
            format!(r#"{{"type":"AppSignal","detail":{}1{}}}"#, r#"{"a":"#.repeat(130), "}".repeat(130));
        for (bad, refusal) in [
            (r#"{"type":"AppSignal","detail":{"name":"cut \ud83d"}}"#, "bad_request -"),
            (r#"{"type":"AppSignal","detail":{"value":1e400}}"#, "bad_request -"),
            (r#"{"type":"AppSignal","detail":7}"#, "bad_request detail"),
            (r#"{"type":"Nonsense","detail":{}}"#, "bad_request type"),
            (&deep, "bad_request -"),
            ("7", "bad_request -"),
            ("null", "bad_request -"),
        ] {
            let body = format!(r#"{{"events":[{good},{bad},{good}]}}"#);
            assert_eq!(
                read(&body),
                Ok(vec!["good".to_owned(), refusal.to_owned(), "good".to_owned()]),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_body_that_is_malformed_around_its_events_is_refused() {
        for (body, refusal) in [
            ("", "bad_request -"),
            ("{", "bad_request -"),
            ("[]", "bad_request -"),
            ("{}", "bad_request events"),
            (r#"{"events":{}}"#, "bad_request events"),
            (r#"{"events":[]}"#, "bad_request events"),
            (r#"{"events":[{}],"more":1}"#, "bad_request more"),
        ] {
            assert_eq!(read(body), Err(refusal.to_owned()), "{body}");
        }
        let many = format!(r#"{{"events":[{}]}}"#, vec!["{}"; PUBLISH_EVENTS_MAX + 1].join(","));
        assert_eq!(read(&many), Err("bad_request events".to_owned()));
    }
}
