//! Conversations: the company that each belongs to and its participants, as the app's backend sets them over the bus
//! or by HTTP; and kicks.

use std::collections::BTreeSet;

use funnelcast_aws::table::conversations::{self as table, ConversationChange, Outcome};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Identity, Key, Timestamp, UserId, Version,
    event::MESSAGE_BYTES_MAX, policy, text::Text, version::Revision,
};
use serde::Deserialize;

use crate::{context::Realtime, revoke};

/// The detail of a `Conversation` event. It lists all participants, not only the new ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conversation {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The company that it belongs to, whose team may always join.
    pub company_id: CompanyId,
    /// The users who may join besides the team.
    pub participants: BTreeSet<UserId>,
    /// The producer's count of its changes to this conversation: the higher revision is the newer one.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// When the producer made this change. Defaults to the time of the event itself.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
    /// Whether users who may join from now on may read earlier messages, if the conversation has ended or belongs to
    /// another company.
    #[serde(default)]
    pub keep_log: bool,
}

/// The detail of a `Kick` event. It ends the memberships that exist now; whether the user may join again depends on
/// their token and on the participants.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kick {
    /// The channel that the user is removed from.
    pub channel: Channel,
    /// The user.
    pub user_id: UserId,
    /// The reason that the user is given.
    pub reason: Text<MESSAGE_BYTES_MAX>,
}

/// The detail of an `AccessChanged` event: a user's role in a company may have changed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessChanged {
    /// The user.
    pub user_id: UserId,
    /// The company.
    pub company_id: CompanyId,
}

/// The author of a change.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The event bus. A producer that may put events on it speaks for every company.
    Bus,
    /// A backend with a token, which speaks for the companies that the token names it the backend of.
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
    revoke::conversation_changed(realtime, conversation).await
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

/// Ends a user's memberships of a channel: 1 read per shard, and what leaving costs for each membership.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails, or if the user could not be told.
pub async fn kick(realtime: &Realtime, Kick { channel, user_id, reason }: Kick) -> Result<(), Error> {
    let members = realtime.table().members_of_user(&channel, &user_id).await?;
    tracing::info!(%channel, user = %user_id, connections = members.len(), "kicked");
    revoke::revoke(realtime, &channel, &members, &reason).await
}
