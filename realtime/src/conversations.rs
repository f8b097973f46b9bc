//! Conversations: the company that each belongs to and its participants, as the app's backend sets them over the bus
//! or by HTTP; and kicks.

use funnelcast_aws::table::conversations::{self as table, ConversationChange, Outcome};
use funnelcast_core::{
    CompanyId, ConversationId, Error, Identity, Key, Timestamp, Version,
    bus::{Conversation, Kick},
    policy,
};

use crate::{context::Realtime, revoke, rights};

/// The author of a change.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The app's backend, on the event bus or with a token to publish. It speaks for every company.
    App,
    /// A backend with the token of a user, which speaks for the companies that the token names it the backend of.
    Backend(&'a Identity),
}

/// Sets the participants, then removes the members who may no longer be in the channel: 1 read and 1 transaction, 2
/// reads for the members, and what leaving costs for each member removed.
///
/// # Errors
/// [`Error::Forbidden`] if the author may not change this conversation; [`Error::Conflict`] if a newer change has
/// already been applied, or if the change would open earlier messages without asking for it.
pub async fn set(
    realtime: &Realtime,
    conversation: &Conversation,
    author: Author<'_>,
    version: Version,
    key: Option<Key>,
) -> Result<(), Error> {
    let Conversation { conversation_id, company_id, participants, title, keep_log, .. } = conversation;
    let may = |owner: Option<&CompanyId>| match author {
        Author::App => true,
        Author::Backend(identity) => policy::may_manage_conversation(identity, owner, Some(company_id)),
    };
    let (company, participants, title) = (company_id.clone(), participants.clone(), title.clone());
    let to = table::Conversation { company, participants, title };
    let change = ConversationChange { to: Some(to), version, key, keep_log: *keep_log };
    match realtime.table().change_conversation(conversation_id, &change, may).await? {
        Outcome::Refused => return Err(Error::Forbidden("you may not set this conversation")),
        outcome => check(conversation_id, outcome)?,
    }
    rights::conversation_changed(realtime, conversation_id).await
}

/// Ends a conversation and removes all of its members, including those who joined by a grant. It costs as much as
/// [`set`]. Ending a conversation that is over is no error, so that a call which was cut off can be repeated.
///
/// # Errors
/// [`Error::NotFound`] if this backend's company has no such conversation; [`Error::Conflict`] if a newer change has
/// already been applied.
pub async fn end(
    realtime: &Realtime,
    conversation: &ConversationId,
    backend: &Identity,
    version: Version,
) -> Result<(), Error> {
    let may = |owner: Option<&CompanyId>| policy::may_manage_conversation(backend, owner, None);
    let change = ConversationChange { to: None, version, key: None, keep_log: false };
    match realtime.table().change_conversation(conversation, &change, may).await? {
        Outcome::Refused => return Err(Error::NotFound("the conversation")),
        outcome => check(conversation, outcome)?,
    }
    rights::conversation_changed(realtime, conversation).await
}

/// Turns the outcome of a change into an error if the change was not applied.
fn check(conversation: &ConversationId, outcome: Outcome) -> Result<(), Error> {
    tracing::info!(%conversation, ?outcome, "conversation changed");
    match outcome {
        Outcome::Done | Outcome::Repeated => Ok(()),
        Outcome::Stale(standing) => Err(standing.stands()),
        Outcome::HasLog(why) => Err(Error::Conflict(
            format!("{why}; `keepLog: true` sets it all the same, and opens what was said in it").into(),
        )),
        Outcome::Refused => Err(Error::Forbidden("you may not change this conversation")),
    }
}

/// Ends a user's memberships of a channel that were made at this time, that of the kick, or before: 1 read per shard, and what
/// leaving costs for each membership. A kick that is repeated or comes late ends none that the user has been let into since.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails, or if the user could not be told.
pub async fn kick(
    realtime: &Realtime,
    Kick { channel, user_id, reason }: Kick,
    at: Timestamp,
) -> Result<(), Error> {
    let mut members = realtime.table().members_of_user(&channel, &user_id).await?;
    let all = members.len();
    members.retain(|member| member.was_made_by(at));
    let (connections, later) = (members.len(), all - members.len());
    tracing::info!(%channel, user = %user_id, connections, later, "kicked");
    revoke::revoke(realtime, &channel, &members, &reason).await
}
