//! The actions on the connection itself: `status`, `ping`.

use serde::{Deserialize, Serialize};

use crate::{Channel, UserId, id::ConnectionId, time::Timestamp};

/// Returns what the server knows about this connection.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Status {}

/// The reply to [`Status`]: a connection.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StatusReply {
    /// API Gateway's id of the connection.
    pub connection_id: ConnectionId,
    /// The user.
    pub user: UserId,
    /// When it was opened.
    pub connected_at: Timestamp,
    /// When its token expires, and the connection with it.
    pub expires_at: Timestamp,
    /// How long it is kept after a sign of life, in seconds.
    pub lease_seconds: u64,
    /// The channels that it has joined.
    pub channels: Vec<Channel>,
}

/// Renews the connection's lease, and its token if it brings a fresh one.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// A fresh token of the same user with the same companies, experiences and rooms. The connection then lives as long as this token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The reply to [`Ping`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    /// The time of the server.
    pub at: Timestamp,
    /// When the fresh token expires; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
