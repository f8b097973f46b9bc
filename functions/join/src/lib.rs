//! `join`: begins to hear a channel, and catches up on it.
//!
//! The membership is written BEFORE the log is read, and a sender appends before it reads the members, both strongly
//! consistent: so an event is in this reply, or comes live, or both; never neither. The same for the latest values.

use funnelcast_aws::{Caller, Store, store::Recovery};
use funnelcast_core::{
    Channel, Error,
    action::{Join, Joined},
    event::Presence,
    frame::Event,
    policy::{self, Lane, Verdict},
};

/// Checks, writes the membership, then reads what the joiner has to know.
///
/// # Errors
/// [`Error::Forbidden`] where the policy says no; an unknown conversation is forbidden too, so that nobody learns
/// which ones exist.
pub async fn handle(store: &Store, caller: &Caller, join: Join) -> Result<Joined, Error> {
    let Join { channel, since, grant } = join;
    if grant.is_some() {
        return Err(Error::Forbidden("this deployment takes no grants"));
    }
    check(store, caller, &channel).await?;
    store.put_membership(caller, &channel).await?;

    let (recovery, latest, presence) = tokio::try_join!(
        store.recover(&channel, since),
        latest(store, &channel),
        presence(store, &channel),
    )?;
    let Recovery { head, recovered, events, more } = recovery;
    Ok(Joined { channel, head, recovered, events, more, latest, presence })
}

async fn check(store: &Store, caller: &Caller, channel: &Channel) -> Result<(), Error> {
    let allowed = match (policy::may_join(&caller.identity, channel), channel) {
        (Verdict::Allowed, _) => true,
        (Verdict::DependsOnConversation, Channel::Conversation(conversation)) => {
            let access = store.conversation_access(conversation, &caller.identity.user).await?;
            policy::may_join_conversation(&caller.identity, access.company.as_ref(), access.is_participant)
        }
        _ => false,
    };
    if allowed { Ok(()) } else { Err(Error::Forbidden("you may not join this channel")) }
}

async fn latest(store: &Store, channel: &Channel) -> Result<Vec<Event>, Error> {
    let keeps_latest = |lane: &Lane| matches!(lane, Lane::Latest | Lane::DurableAndLatest);
    if channel.kind().policy().events.iter().any(|(_, lane)| keeps_latest(lane)) {
        store.latest(channel).await
    } else {
        Ok(Vec::new())
    }
}

/// Of a large channel nobody by name: `presence` has their number.
async fn presence(store: &Store, channel: &Channel) -> Result<Vec<Presence>, Error> {
    if channel.kind().policy().presence { Ok(store.roster(channel).await?.users) } else { Ok(Vec::new()) }
}
