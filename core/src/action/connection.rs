//! The connection itself: `status`, `ping`.

use serde::{Deserialize, Serialize};

use crate::{Channel, UserId, id::ConnectionId, time::Timestamp};

/// Asks what the server knows of this connection.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Status {}

/// The reply to [`Status`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StatusReply {
    /// API Gateway's name for it.
    pub connection_id: ConnectionId,
    /// Whose it is.
    pub user: UserId,
    /// Since when.
    pub connected_at: Timestamp,
    /// When its token stops counting.
    pub expires_at: Timestamp,
    /// What it has joined.
    pub channels: Vec<Channel>,
}

/// Keeps the connection's lease from ending, and may carry a fresh token.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// A fresh one, of the same user with the same companies, and still to expire: the connection then lives as long as it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The reply to [`Ping`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    /// The server's clock.
    pub at: Timestamp,
    /// When the fresh token stops counting, where one came along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
