//! The requests and replies that the HTTP API alone has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use serde_json::{Map, Value};

use super::limits::PUBLISH_EVENTS_MAX;
use crate::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, Key, Seq, Timestamp, UserId,
    action::StatusReply, bus::DetailType, frame::ErrorBody, version::Revision,
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
}

/// The conversation that has ended.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConversationEnded {
    /// The conversation.
    pub conversation_id: ConversationId,
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
    /// The events, of which each is parsed on its own, so that one that is malformed does not keep back the others.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are none, or too many.
    pub fn into_events(self) -> Result<Vec<Result<BackendEvent, Error>>, Error> {
        if !(1..=PUBLISH_EVENTS_MAX).contains(&self.events.len()) {
            return Err(Error::invalid("events", format!("must be 1 to {PUBLISH_EVENTS_MAX} events")));
        }
        Ok(self.events.into_iter().map(|event| Error::parse(Value::Object(event))).collect())
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
    /// A name of this event among those of the backend. A repeat with the same key is not published again. It matches
    /// `[A-Za-z0-9_.:-]{1,64}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// When it was first sent, by the backend's clock; a repeat has the same. The default of the detail's `timestamp`. A repeat is
    /// recognised if its first try is not older than this time, less a minute; without it, if it is among the last 100 events of
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
    /// Its key, if the request had one.
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
