//! Conversations, for the app's backend: what it could say by the bus, it may say here too, and be told at once whether it
//! stands. It speaks for the companies whose `backend` its token calls it, and learns nothing of any other's.

use std::{collections::BTreeSet, sync::Arc};

use access::{Author, Conversation};
use axum::{Json, extract::State};
use funnelcast_core::{CompanyId, ConversationId, Error, Timestamp, UserId, policy};
use serde::{Deserialize, Serialize};

use crate::{
    Api,
    answer::Answer,
    fields::{Body, ConversationPath, Query},
    user::User,
};

/// What a conversation is to be; which one is in the path.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Draft {
    company_id: CompanyId,
    participants: BTreeSet<UserId>,
}

/// Which one has been ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    conversation_id: ConversationId,
}

/// Tells what a conversation is: 1 read.
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    user: User,
    ConversationPath(conversation_id): ConversationPath,
    Query(fields): Query,
) -> Answer<Conversation> {
    fields.check_empty()?;
    let found = api.fanout.store.conversation(&conversation_id).await?;
    let ours =
        found.filter(|found| policy::may_manage_conversation(&user.identity, Some(&found.company), None));
    let found = ours.ok_or(Error::NotFound("the conversation"))?;
    Ok(Json(Conversation { conversation_id, company_id: found.company, participants: found.participants }))
}

/// Sets whose it is and who takes part: what the `Conversation` event costs.
pub(crate) async fn put(
    State(api): State<Arc<Api>>,
    user: User,
    ConversationPath(conversation_id): ConversationPath,
    Body(fields): Body,
) -> Answer<Conversation> {
    let Draft { company_id, participants } = fields.parse()?;
    let conversation = Conversation { conversation_id, company_id, participants };
    let author = Author::Backend(&user.identity);
    Box::pin(access::set(&api.fanout, &conversation, author, said_at(user.now))).await?;
    Ok(Json(conversation))
}

/// Ends it: as [`put`] without anybody.
pub(crate) async fn delete(
    State(api): State<Arc<Api>>,
    user: User,
    ConversationPath(conversation_id): ConversationPath,
    Query(fields): Query,
) -> Answer<Ended> {
    fields.check_empty()?;
    Box::pin(access::end(&api.fanout, &conversation_id, &user.identity, said_at(user.now))).await?;
    Ok(Json(Ended { conversation_id }))
}

/// In whole seconds, as the bus has it: within one of them the later word to arrive stands, whichever way it came.
fn said_at(now: Timestamp) -> Timestamp {
    Timestamp::from_secs(now.as_secs())
}
