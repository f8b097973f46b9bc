//! Calls of conversations: the servers by which browsers find a way to one another.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::call::{IceQuery, IceReply};

use crate::{Api, answer::ApiResult, fields::Body, user::User};

/// Returns the servers, with credentials for the user. It costs the check of the user's access.
pub(crate) async fn ice(State(api): State<Arc<Api>>, user: User, Body(fields): Body) -> ApiResult<IceReply> {
    let query: IceQuery = fields.parse()?;
    let grant = user.grant(&api.issuers, &query.channel).await?;
    let caller = user.as_caller(grant.as_ref());
    Ok(Json(Box::pin(api.ice.servers(&api.realtime.access, caller, query)).await?))
}
