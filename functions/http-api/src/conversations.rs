//! Conversations: the inbox of a user or of a company's team; and for the app's backend, which can set them here as well as over
//! the bus, and learns at once whether the change was applied. It speaks for the companies that its token names it the `backend`
//! of, and learns nothing of any other.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::{
    Error, Timestamp, Version,
    action::{Inbox, InboxPage},
    bus::Conversation,
    http_api::{ConversationDraft, ConversationEnd, ConversationEnded, ConversationReply},
    policy,
    version::{Clock, Revision},
};
use funnelcast_realtime::{
    conversations::{self, Author},
    inbox as inboxes,
};

use crate::{
    Api,
    answer::ApiResult,
    fields::{Body, ConversationPath, Query},
    user::User,
};

/// Returns a page of an inbox. It costs the check of the user's access, and what `inbox` costs.
pub(crate) async fn inbox(
    State(api): State<Arc<Api>>,
    user: User,
    Query(fields): Query,
) -> ApiResult<InboxPage> {
    let request: Inbox = fields.into_action()?;
    Ok(Json(Box::pin(inboxes::inbox(&api.realtime.access, user.as_caller(None), request)).await?))
}

/// Returns a conversation: 1 read; none for a caller that is no backend.
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    user: User,
    ConversationPath(conversation_id): ConversationPath,
    Query(fields): Query,
) -> ApiResult<ConversationReply> {
    fields.check_empty()?;
    check_backend(&user)?;
    let found = api.realtime.table().conversation(&conversation_id).await?;
    let ours =
        found.filter(|found| policy::may_manage_conversation(&user.identity, Some(&found.company), None));
    let found = ours.ok_or(Error::NotFound("the conversation"))?;
    Ok(Json(ConversationReply {
        conversation_id,
        company_id: found.company,
        participants: found.participants,
        title: found.title,
    }))
}

/// Sets the company and the participants of a conversation. It costs as much as the `Conversation` event.
pub(crate) async fn put(
    State(api): State<Arc<Api>>,
    user: User,
    ConversationPath(conversation_id): ConversationPath,
    Body(fields): Body,
) -> ApiResult<ConversationReply> {
    let ConversationDraft { company_id, participants, title, revision, timestamp, keep_log } =
        fields.parse()?;
    if !user.identity.is_backend_of(&company_id) {
        return Err(Error::Forbidden("you may not set this conversation").into());
    }
    let version = version(revision, timestamp, user.now);
    let conversation =
        Conversation { conversation_id, company_id, participants, title, revision, timestamp, keep_log };
    let author = Author::Backend(&user.identity);
    Box::pin(conversations::set(&api.realtime, &conversation, author, version, None)).await?;
    let Conversation { conversation_id, company_id, participants, title, .. } = conversation;
    Ok(Json(ConversationReply { conversation_id, company_id, participants, title }))
}

/// Ends a conversation. It costs as much as [`put`] without participants.
pub(crate) async fn delete(
    State(api): State<Arc<Api>>,
    user: User,
    ConversationPath(conversation_id): ConversationPath,
    Query(fields): Query,
) -> ApiResult<ConversationEnded> {
    let ConversationEnd { revision, timestamp } = fields.parse()?;
    check_backend(&user)?;
    let version = version(revision, timestamp, user.now);
    Box::pin(conversations::end(&api.realtime, &conversation_id, &user.identity, version)).await?;
    Ok(Json(ConversationEnded { conversation_id }))
}

/// Refuses a caller that is no backend, and so has no conversations.
fn check_backend(user: &User) -> Result<(), Error> {
    if user.identity.is_backend() { Ok(()) } else { Err(Error::NotFound("the conversation")) }
}

/// A request without a version of its own is the newest change when it arrives, whatever the present state.
fn version(revision: Option<Revision>, timestamp: Option<Timestamp>, now: Timestamp) -> Version {
    Version::new(revision, timestamp, (now, Clock::Receipt), now)
}
