//! Conversations: which company's they are and who takes part, as the app's backend says by the bus or by HTTP; and kicks.

use funnelcast_aws::table::conversations::{self as table, ConversationChange, Outcome};
use funnelcast_core::{
    CompanyId, ConversationId, Error, Identity, Key, Version,
    bus::{Conversation, Kick},
    policy,
};

use crate::{context::Realtime, revoke};

/// Who says so.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The bus: who may put events on it speaks for every company.
    Bus,
    /// Somebody with a token, that speaks for the companies whose backend it is.
    Backend(&'a Identity),
}

/// Sets the participants, then takes out of the channel whoever is in it and may not be any more: 1 read and 1
/// transaction, 2 reads for who is in it, and what leaving costs for each who must go.
///
/// # Errors
/// [`Error::Forbidden`] where the author may not speak of it; [`Error::Conflict`] where a newer change stands already, and
/// where what was said before would be opened, which it does not ask for.
pub async fn set(
    realtime: &Realtime,
    conversation: &Conversation,
    author: Author<'_>,
    version: Version,
    key: Option<Key>,
) -> Result<(), Error> {
    let Conversation { conversation_id, company_id, participants, keep_log, .. } = conversation;
    let may = |owner: Option<&CompanyId>| match author {
        Author::Bus => true,
        Author::Backend(identity) => policy::may_manage_conversation(identity, owner, Some(company_id)),
    };
    let to = table::Conversation { company: company_id.clone(), participants: participants.clone() };
    let change = ConversationChange { to: Some(to), version, key, keep_log: *keep_log };
    match realtime.table().change_conversation(conversation_id, &change, may).await? {
        Outcome::Refused => return Err(Error::Forbidden("you may not set this conversation")),
        outcome => check(conversation_id, outcome)?,
    }
    revoke::conversation_changed(realtime, conversation_id).await
}

/// Ends a conversation, and takes everybody out of it, who is in it by a grant too: the costs of [`set`]. To end one that
/// is over is no error, so that a call which broke off can be made again.
///
/// # Errors
/// [`Error::NotFound`] where this backend's company has no such conversation; [`Error::Conflict`] where a newer change
/// stands already.
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
    revoke::conversation_changed(realtime, conversation).await
}

/// Tells whoever made a change that it does not stand.
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

/// Ends the memberships that a user has in a channel: 1 read a shard, and what leaving costs for each of them.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails, or the user could not be told.
pub async fn kick(realtime: &Realtime, Kick { channel, user_id, reason }: Kick) -> Result<(), Error> {
    let members = realtime.table().members_of_user(&channel, &user_id).await?;
    tracing::info!(%channel, user = %user_id, connections = members.len(), "kicked");
    revoke::revoke(realtime, &channel, &members, &reason).await
}
