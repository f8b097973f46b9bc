//! Connections: opening one, and listing and closing those of the user.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::http_api::{ConnectionList, Disconnected, Ticket};
use funnelcast_realtime::membership::connection;

use crate::{Api, answer::ApiResult, fields::Query, user::User};

/// Issues a ticket: 1 write.
pub(crate) async fn connect(State(api): State<Arc<Api>>, user: User) -> ApiResult<Ticket> {
    let ticket = api.realtime.table().put_ticket(&user.identity, user.now).await?;
    let url = api.websocket_url.clone();
    Ok(Json(Ticket { url, ticket: ticket.secret, expires_at: ticket.expires_at }))
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

/// Returns what the server knows of the user's connections: 1 read.
pub(crate) async fn status(State(api): State<Arc<Api>>, user: User) -> ApiResult<ConnectionList> {
    let connections = api.realtime.table().connections(&user.identity.user).await?;
    Ok(Json(ConnectionList {
        connections: connections.into_iter().map(|found| connection::status_of(found, api.lease)).collect(),
        at: user.now,
    }))
}
