//! Connections: the way to one, and those that the user has.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_aws::gateway::IN_FLIGHT_MAX;
use funnelcast_core::{
    ConnectionId, Error,
    http_api::{ConnectionList, Disconnected, Ticket},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Api, answer::Answer, fields::Query, user::User};

/// Gives a ticket: 1 write.
pub(crate) async fn connect(State(api): State<Arc<Api>>, user: User) -> Answer<Ticket> {
    let ticket = api.fanout.store.put_ticket(&user.identity, user.now).await?;
    let url = api.websocket_url.clone();
    Ok(Json(Ticket { url, ticket: ticket.secret, expires_at: ticket.expires_at }))
}

/// Closes the user's connections, or the one that is named: 1 read, and 1 write and 1 call of the gateway a connection.
/// Its memberships go as after any other end.
pub(crate) async fn disconnect(
    State(api): State<Arc<Api>>,
    user: User,
    Query(mut fields): Query,
) -> Answer<Disconnected> {
    let (store, user) = (&api.fanout.store, &user.identity.user);
    let only = fields.take_connection()?;
    fields.check_empty()?;
    let connection_ids: Vec<ConnectionId> = match only {
        Some(id) => vec![store.connection(user, &id).await?.ok_or(Error::NotFound("the connection"))?.id],
        None => store.connections(user).await?.into_iter().map(|connection| connection.id).collect(),
    };
    // Closed first: where that fails, the row is still there for the next try.
    stream::iter(&connection_ids)
        .map(async |id| {
            api.fanout.gateway.close(id).await?;
            store.remove_connection(user, id).await.map(drop)
        })
        .buffer_unordered(IN_FLIGHT_MAX)
        .boxed()
        .try_collect::<()>()
        .await?;
    Ok(Json(Disconnected { connection_ids }))
}

/// Says what the server knows of the user's connections: 1 read.
pub(crate) async fn status(State(api): State<Arc<Api>>, user: User) -> Answer<ConnectionList> {
    let connections = api.fanout.store.connections(&user.identity.user).await?;
    Ok(Json(ConnectionList {
        connections: connections.into_iter().map(status::reply).collect(),
        at: user.now,
    }))
}
