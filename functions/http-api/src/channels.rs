//! Channels: those that the user's connections have joined, and joining and leaving for one of the connections.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use funnelcast_aws::table::connections::ChannelJoin;
use funnelcast_core::{
    Error, SocketCaller,
    action::{Joined, Left},
    http_api::{ChannelConnections, ChannelList},
};
use funnelcast_realtime::membership;

use crate::{
    Api,
    answer::ApiResult,
    fields::{Body, Fields, Query},
    user::User,
};

/// Lists the channels of all of the user's connections: 1 read.
pub(crate) async fn list(State(api): State<Arc<Api>>, user: User) -> ApiResult<ChannelList> {
    let mut joined = BTreeMap::<String, ChannelConnections>::new();
    for connection in api.realtime.table().connections(&user.identity.user).await? {
        for ChannelJoin { channel, .. } in connection.channels {
            let name = channel.to_string();
            let by = joined.entry(name).or_insert(ChannelConnections { channel, connection_ids: Vec::new() });
            by.connection_ids.push(connection.id.clone());
        }
    }
    Ok(Json(ChannelList { channels: joined.into_values().collect() }))
}

/// Joins a channel for a connection: 1 read, and what `join` costs.
pub(crate) async fn join(
    State(api): State<Arc<Api>>,
    user: User,
    Body(mut fields): Body,
) -> ApiResult<Joined> {
    let caller = caller(&api, &user, &mut fields).await?;
    Ok(Json(
        Box::pin(membership::join::join(&api.realtime, &api.issuers, &caller, fields.into_action()?)).await?,
    ))
}

/// Leaves a channel for a connection: 1 read, and what `leave` costs.
pub(crate) async fn leave(
    State(api): State<Arc<Api>>,
    user: User,
    Query(mut fields): Query,
) -> ApiResult<Left> {
    let caller = caller(&api, &user, &mut fields).await?;
    Ok(Json(membership::leave::leave(&api.realtime, &caller, fields.into_action()?).await?))
}

/// The caller for the given connection, as if it had sent a frame: its rights are those of its own token.
async fn caller(api: &Api, user: &User, fields: &mut Fields) -> Result<SocketCaller, Error> {
    let id = fields.take_connection()?.ok_or(Error::invalid("connectionId", "is missing"))?;
    let connection = api.realtime.table().connection(&user.identity.user, &id).await?;
    let connection = connection.ok_or(Error::NotFound("the connection"))?;
    let caller = connection.into_caller(user.now);
    caller.identity.check_alive(user.now)?;
    Ok(caller)
}
