//! Conversations: which company's they are and who takes part, as the app's backend says by the bus or by HTTP; and kicks.

use std::collections::BTreeSet;

use funnelcast_aws::table::conversations::{self as table, ConversationChange, Outcome};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Identity, Key, Timestamp, UserId, Version,
    event::MESSAGE_BYTES_MAX, policy, text::Text, version::Revision,
};
use serde::Deserialize;

use crate::{context::Realtime, revoke};

/// The detail of a `Conversation` event: all of its participants, not only the new ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conversation {
    /// Which.
    pub conversation_id: ConversationId,
    /// Whose: its team may always join.
    pub company_id: CompanyId,
    /// Who else may join.
    pub participants: BTreeSet<UserId>,
    /// The producer's count of its changes of this conversation: the higher one is the newer.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// When the producer made this change; the event's own time where it is absent.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
    /// Whether those who may join from now on may read what was said before, where the conversation has ended, or is
    /// another company's.
    #[serde(default)]
    pub keep_log: bool,
}

/// The detail of a `Kick` event. It ends the memberships that there are; whether the user may join again is for the token and
/// the participants to say.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kick {
    /// From where.
    pub channel: Channel,
    /// Whom.
    pub user_id: UserId,
    /// What the user is told.
    pub reason: Text<MESSAGE_BYTES_MAX>,
}

/// The detail of an `AccessChanged` event: what a user is to a company may not be what it was.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessChanged {
    /// Who.
    pub user_id: UserId,
    /// To whom.
    pub company_id: CompanyId,
}

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
