//! Messages: `send` and `history` for who has no socket, so that a client can poll while WebSockets fail.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_aws::store::Actor;
use funnelcast_core::action::{Page, Sent};

use crate::{
    Api,
    answer::Answer,
    fields::{Body, Query},
    user::User,
};

/// Reads a page of a channel: what lets him join, and what `history` costs.
pub(crate) async fn history(State(api): State<Arc<Api>>, user: User, Query(fields): Query) -> Answer<Page> {
    Ok(Json(Box::pin(history::read(&api.fanout.store, actor(&user), fields.into_action()?)).await?))
}

/// Publishes an event: what lets him join, and what `send` costs. All of his connections get it.
pub(crate) async fn send(State(api): State<Arc<Api>>, user: User, Body(fields): Body) -> Answer<Sent> {
    Ok(Json(send::publish(&api.fanout, actor(&user), fields.into_action()?).await?))
}

fn actor(user: &User) -> Actor<'_> {
    Actor::Visitor { identity: &user.identity, now: user.now }
}
