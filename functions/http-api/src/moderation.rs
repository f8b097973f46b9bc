//! Moderation, for the team of a company and its backend: users are muted, banned, and free again.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::{
    Version,
    http_api::{ModerationQuery, ModerationReply},
    moderation::{Moderation, Scope},
    version::Clock,
};
use funnelcast_realtime::moderation::{self, Moderator};

use crate::{
    Api,
    answer::ApiResult,
    fields::{Body, Query},
    user::User,
};

/// Restricts a user, and answers what stands then. It costs as much as the `Moderation` event, and the check of
/// the caller.
pub(crate) async fn post(
    State(api): State<Arc<Api>>,
    user: User,
    Body(fields): Body,
) -> ApiResult<ModerationReply> {
    let draft: Moderation = fields.parse()?;
    let (scope, by, now) = (draft.scope()?, Moderator::Caller(&user.identity), user.now);
    let version = Version::new(draft.revision, draft.timestamp, (now, Clock::Receipt), now);
    Ok(Json(Box::pin(moderation::moderate(&api.realtime, by, &draft, &scope, version, None, now)).await?))
}

/// Returns how a user is restricted: 1 read, and 1 for the company of a conversation.
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    user: User,
    Query(fields): Query,
) -> ApiResult<ModerationReply> {
    let ModerationQuery { user_id, conversation_id, company_id } = fields.parse()?;
    let scope = Scope::new(conversation_id, company_id)?;
    Ok(Json(Box::pin(moderation::standing(&api.realtime, &user.identity, user_id, scope, user.now)).await?))
}
