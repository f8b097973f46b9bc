//! Messages: `send`, `history`, `search` and `ack` for callers without a socket, so that a client can poll while WebSockets fail.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::action::{Ack, Acked, Found, History, Page, Search, Send, Sent};
use funnelcast_realtime::{history as log, publish, receipts, search as searching};

use crate::{
    Api,
    answer::ApiResult,
    fields::{Body, Query},
    user::User,
};

/// Reads a page of a channel. It costs the check of the user's access, and what `history` costs.
pub(crate) async fn history(
    State(api): State<Arc<Api>>,
    user: User,
    Query(fields): Query,
) -> ApiResult<Page> {
    let request: History = fields.into_action()?;
    let grant = user.grant(&api.issuers, &request.channel).await?;
    Ok(Json(Box::pin(log::read(&api.realtime.access, user.as_caller(grant.as_ref()), request)).await?))
}

/// Searches a conversation, a company or the user's own conversations. It costs the check of the user's access, and what `search` costs.
pub(crate) async fn search(
    State(api): State<Arc<Api>>,
    user: User,
    Query(fields): Query,
) -> ApiResult<Found> {
    let request: Search = fields.into_action()?;
    let grant = match &request.channel {
        Some(channel) => user.grant(&api.issuers, channel).await?,
        None => None,
    };
    Ok(Json(
        Box::pin(searching::search(&api.realtime.access, user.as_caller(grant.as_ref()), request)).await?,
    ))
}

/// Publishes an event. It costs the check of the user's access, and what `send` costs. All of the user's connections
/// receive the event.
pub(crate) async fn send(State(api): State<Arc<Api>>, user: User, Body(fields): Body) -> ApiResult<Sent> {
    let request: Send = fields.into_action()?;
    let grant = user.grant(&api.issuers, &request.channel).await?;
    Ok(Json(Box::pin(publish::send(&api.realtime, user.as_caller(grant.as_ref()), request)).await?))
}

/// Confirms that the user has received or read everything up to a message. It costs the check of the user's access, and what
/// `ack` costs.
pub(crate) async fn ack(State(api): State<Arc<Api>>, user: User, Body(fields): Body) -> ApiResult<Acked> {
    let request: Ack = fields.into_action()?;
    let grant = user.grant(&api.issuers, &request.channel).await?;
    Ok(Json(Box::pin(receipts::ack(&api.realtime, user.as_caller(grant.as_ref()), request)).await?))
}
