//! The requests and replies that the HTTP API alone has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    Channel, CompanyId, ConnectionId, ConversationId, Timestamp, UserId, action::StatusReply,
    frame::ErrorBody, version::Revision,
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
