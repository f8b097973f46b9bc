//! Connections: opening one, and listing and closing those of the user.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::{ConnectionId, Timestamp, action::StatusReply};
use funnelcast_realtime::membership::connection;
use serde::Serialize;

use crate::{Api, answer::ApiResult, fields::Query, user::User};

/// What a client needs to open a connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connect {
    /// The URL to connect to, with `?ticket=` or the subprotocol `ticket.<ticket>`.
    url: String,
    /// The ticket, which is valid for one connection.
    ticket: String,
    /// When the ticket expires.
    expires_at: Timestamp,
}

/// Issues a ticket: 1 write.
pub(crate) async fn connect(State(api): State<Arc<Api>>, user: User) -> ApiResult<Connect> {
    let ticket = api.realtime.table().put_ticket(&user.identity, user.now).await?;
    let url = api.websocket_url.clone();
    Ok(Json(Connect { url, ticket: ticket.secret, expires_at: ticket.expires_at }))
}

/// The connections that have been closed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Disconnected {
    connection_ids: Vec<ConnectionId>,
}

/// Closes all connections of the user, or the given one: 1 read, and per connection 1 write and 1 call of the
/// gateway. Their memberships end as after any other departure.
pub(crate) async fn disconnect(
    State(api): State<Arc<Api>>,
    user: User,
    Query(mut fields): Query,
) -> ApiResult<Disconnected> {
    let only = fields.take_connection()?;
    fields.check_empty()?;
    let user = &user.identity.user;
    let connection_ids = Box::pin(connection::close(&api.realtime, user, only.as_ref())).await?;
    Ok(Json(Disconnected { connection_ids }))
}

/// The user's connections.
#[derive(Debug, Serialize)]
pub(crate) struct Connections {
    connections: Vec<StatusReply>,
    /// The server's time, from which the ages of the connections can be computed.
    at: Timestamp,
}

/// Returns what the server knows of the user's connections: 1 read.
pub(crate) async fn status(State(api): State<Arc<Api>>, user: User) -> ApiResult<Connections> {
    let connections = api.realtime.table().connections(&user.identity.user).await?;
    Ok(Json(Connections {
        connections: connections.into_iter().map(connection::status_of).collect(),
        at: user.now,
    }))
}
