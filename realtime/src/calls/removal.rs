//! Users and devices who leave a call because they may no longer be in the conversation, or are erased.

use funnelcast_aws::{
    clock::now,
    table::{Member, back_off, calls::StoredCall},
};
use funnelcast_core::{Channel, ConversationId, Error, UserId, call::Binding};

use super::written::{ROUNDS_MAX, note_told, tell, write};
use crate::context::Realtime;

/// Has members who are removed from a conversation leave its call: 1 read, and if they are in it what a change costs.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn remove_members(realtime: &Realtime, channel: &Channel, members: &[Member]) -> Result<(), Error> {
    remove(realtime, channel, |binding| members.iter().any(|member| member.connection == binding.connection))
        .await
}

/// Erases a user from the conversation's call, which they are no longer in, and tells the members: 1 read, and if the call says
/// anything of them what a change costs.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn erase(realtime: &Realtime, conversation: &ConversationId, user: &UserId) -> Result<(), Error> {
    for round in 0..ROUNDS_MAX {
        let Some(stands) = realtime.table().call(conversation).await? else { return Ok(()) };
        let is_from = stands.from.as_ref().is_some_and(|from| from.user_id == *user);
        let next = stands.state.erase(user).or_else(|| is_from.then(|| stands.state.again()));
        let Some(next) = next else { return Ok(()) };
        // What is told below no longer says that it has just ended, and what says so names the user.
        if stands.is_untold() && !stands.state.call.is_live() {
            note_told(realtime, &stands).await?;
        }
        // Put as it is, also if it has ended: that is in the log already.
        let next = StoredCall::after(Some(&stands), next, None, now());
        if realtime.table().put_call(&next).await? {
            return tell(realtime, &next, None).await;
        }
        back_off(round).await;
    }
    Err(Error::Internal("a call kept changing while a user was erased".into()))
}

/// Has the devices that `is_removed` says leave the call: 1 read, and if there are any what a change costs.
pub(super) async fn remove(
    realtime: &Realtime,
    channel: &Channel,
    is_removed: impl Fn(&Binding) -> bool,
) -> Result<(), Error> {
    let Channel::Conversation(conversation) = channel else { return Ok(()) };
    for round in 0..ROUNDS_MAX {
        let Some(stands) = realtime.table().call(conversation).await? else { return Ok(()) };
        let Some(next) = stands.state.remove(&is_removed, now()) else { return Ok(()) };
        let next = StoredCall::after(Some(&stands), next, None, now());
        if write(realtime, next, None).await?.is_some() {
            return Ok(());
        }
        back_off(round).await;
    }
    Err(Error::Internal("a call kept changing while members left it".into()))
}
