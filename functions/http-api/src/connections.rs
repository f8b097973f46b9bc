//! Connections: the way to one, and those that the user has.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::{ConnectionId, Timestamp, action::StatusReply};
use funnelcast_realtime::membership::connection;
use serde::Serialize;

use crate::{Api, answer::ApiResult, fields::Query, user::User};

/// The way to a connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connect {
    /// Where to connect to, with `?ticket=` or the subprotocol `ticket.<ticket>`.
    url: String,
    /// Good for one connection.
    ticket: String,
    /// And until then.
    expires_at: Timestamp,
}

/// Gives a ticket: 1 write.
pub(crate) async fn connect(State(api): State<Arc<Api>>, user: User) -> ApiResult<Connect> {
    let ticket = api.realtime.table().put_ticket(&user.identity, user.now).await?;
    let url = api.websocket_url.clone();
    Ok(Json(Connect { url, ticket: ticket.secret, expires_at: ticket.expires_at }))
}

/// What has been closed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Disconnected {
    connection_ids: Vec<ConnectionId>,
}

/// Closes the user's connections, or the one that is named: 1 read, and 1 write and 1 call of the gateway a connection.
/// Its memberships go as after any other end.
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
    /// The server's clock, by which their ages can be told.
    at: Timestamp,
}

/// Says what the server knows of the user's connections: 1 read.
pub(crate) async fn status(State(api): State<Arc<Api>>, user: User) -> ApiResult<Connections> {
    let connections = api.realtime.table().connections(&user.identity.user).await?;
    Ok(Json(Connections {
        connections: connections.into_iter().map(connection::status_of).collect(),
        at: user.now,
    }))
}
