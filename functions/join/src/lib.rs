//! `join`: begins to hear a channel, and catches up on it.
//!
//! The membership is written BEFORE the log is read, and a sender appends before it reads the members, both strongly
//! consistent: so an event is in this reply, or comes live, or both; never neither. The same for the latest values, and
//! for a conversation's participants: access is asked for again after the membership is written.

use funnelcast_aws::{
    Caller, Store,
    store::{Recovery, conversations::ConversationAccess},
};
use funnelcast_core::{
    Channel, CompanyId, Error,
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
    let team_of = check(store, caller, &channel).await?;
    store.put_membership(caller, &channel, team_of).await?;

    let (recovery, latest, presence, still_allowed) = tokio::try_join!(
        store.recover(&channel, since),
        latest(store, &channel),
        presence(store, &channel),
        still_allowed(store, caller, &channel),
    )?;
    if let Err(revoked) = still_allowed {
        store.remove_membership(&caller.identity.user, &caller.connection, &channel).await?;
        return Err(revoked);
    }
    let Recovery { head, recovered, events, more } = recovery;
    Ok(Joined { channel, head, recovered, events, more, latest, presence })
}

/// Lets in whom the policy lets in, and says of which company's team he is where that is why.
async fn check(store: &Store, caller: &Caller, channel: &Channel) -> Result<Option<CompanyId>, Error> {
    let refused = Error::Forbidden("you may not join this channel");
    match (policy::may_join(&caller.identity, channel), channel) {
        (Verdict::Allowed, _) => Ok(None),
        (Verdict::DependsOnConversation, Channel::Conversation(conversation)) => {
            let ConversationAccess { company, is_participant } =
                store.conversation_access(conversation, &caller.identity.user).await?;
            if policy::may_join_conversation(&caller.identity, company.as_ref(), is_participant) {
                Ok(company.filter(|company| caller.identity.is_team_of(company)))
            } else {
                Err(refused)
            }
        }
        _ => Err(refused),
    }
}

/// Asks once more, now that the membership is written: who takes somebody out of a conversation changes it first and
/// reads its members then, so one of the two sees the other. The inner error is the refusal.
async fn still_allowed(
    store: &Store,
    caller: &Caller,
    channel: &Channel,
) -> Result<Result<(), Error>, Error> {
    match channel {
        Channel::Conversation(_) => match check(store, caller, channel).await {
            Err(refusal @ Error::Forbidden(_)) => Ok(Err(refusal)),
            outcome => outcome.map(|_| Ok(())),
        },
        _ => Ok(Ok(())), // the token said it, and the token has not changed
    }
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
