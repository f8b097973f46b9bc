//! `join`: begins to hear a channel, and catches up on it.
//!
//! The membership is written BEFORE the log is read, and a sender appends before it reads the members, both strongly
//! consistent: so an event is in this reply, or comes live, or both; never neither. The same for the latest values, and
//! for a conversation's participants: access is asked for again after the membership is written.

use funnelcast_aws::{
    Caller, Config, Fanout, Issuers, Resource, Store,
    errand::Errand,
    measure,
    store::{Member, Recovery, Right, presence, rate::SENDS},
};
use funnelcast_core::{
    Channel, Error,
    action::{Join, Joined},
    frame::Event,
    policy::Lane,
};

/// All that a channel is joined with, and whose grants count.
#[derive(Debug)]
pub struct Entrance {
    fanout: Fanout,
    issuers: Issuers,
}

impl Resource for Entrance {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { fanout: Fanout::build(config).await?, issuers: Issuers::granting(config).await? })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.fanout.store)
    }
}

/// Joins for a connection.
///
/// # Errors
/// Those of [`join`].
pub async fn handle(entrance: &Entrance, caller: &Caller, request: Join) -> Result<Joined, Error> {
    Box::pin(join(&entrance.fanout, &entrance.issuers, caller, request)).await
}

/// Checks, writes the membership, reads what the joiner has to know, and tells the others that he has come.
///
/// # Errors
/// [`Error::Forbidden`] where neither the policy nor a grant lets him in, or the grant is not valid; [`Error::RateLimited`]
/// where he comes, and so is told of, too often.
pub async fn join(
    fanout: &Fanout,
    issuers: &Issuers,
    caller: &Caller,
    request: Join,
) -> Result<Joined, Error> {
    let Join { channel, since, grant } = request;
    let store = &fanout.store;
    if channel.kind().policy().presence {
        store.admit(&SENDS, &caller.identity.user, caller.now).await?;
    }
    // A grant that is not valid is refused though he may need none, so that the mistake is seen.
    let grant = match grant {
        None => None,
        Some(grant) => Some(issuers.verify_grant(&grant, &caller.identity.user, &channel, caller.now).await?),
    };
    let right = store.right_to_join(&caller.identity, &channel, grant, caller.now).await?;
    look_after_grant(fanout, caller, &channel, &right).await?;
    store.put_membership(caller, &channel, right.clone()).await?;

    let (recovery, latest, members, still_allowed) = tokio::try_join!(
        store.recover(&channel, since),
        latest(store, &channel),
        members(store, &channel),
        still_allowed(store, caller, &channel, &right),
    )?;
    if let Err(revoked) = still_allowed {
        fanout.leave(&channel, &caller.identity.user, &caller.identity.name, &caller.connection).await?;
        return Err(revoked);
    }
    if channel.kind().policy().presence {
        fanout.tell_arrival(caller, &channel, members.as_deref()).await?;
    }
    let presence = presence::users(&members.unwrap_or_default()).into_values().collect();
    let Recovery { head, recovered, events, more } = recovery;
    measure::joined(channel.kind(), since.map(|_| events.len()));
    Ok(Joined { channel, head, recovered, events, more, latest, presence })
}

/// Has somebody look when the grant ends, before the membership is there that ends with it: 1 message.
async fn look_after_grant(
    fanout: &Fanout,
    caller: &Caller,
    channel: &Channel,
    right: &Right,
) -> Result<(), Error> {
    let Right::Grant(grant) = right else { return Ok(()) };
    let errand = Errand::Grant {
        user: caller.identity.user.clone(),
        connection: caller.connection.clone(),
        channel: channel.clone(),
    };
    fanout.errands.put(&errand, grant.until.since(caller.now)).await
}

/// Asks once more, now that the membership is written: who takes somebody out of a conversation changes it first and
/// reads its members then, so one of the two sees the other. The inner error is the refusal.
async fn still_allowed(
    store: &Store,
    caller: &Caller,
    channel: &Channel,
    right: &Right,
) -> Result<Result<(), Error>, Error> {
    if !matches!(channel, Channel::Conversation(_)) {
        return Ok(Ok(())); // the token said it, and the token has not changed
    }
    let grant = match right {
        Right::Grant(grant) => Some(grant.clone()), // whatever the participants are, but not into one that has ended
        Right::Own | Right::Team(_) => None,
    };
    match store.right_to_join(&caller.identity, channel, grant, caller.now).await {
        Err(refusal @ Error::Forbidden(_)) => Ok(Err(refusal)),
        outcome => outcome.map(|_| Ok(())),
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

/// Who is here, on channels that tell; `None` where they are too many to name. `presence` has their number.
async fn members(store: &Store, channel: &Channel) -> Result<Option<Vec<Member>>, Error> {
    if channel.kind().policy().presence {
        store.few_members(channel, presence::NAMED_MEMBERS_MAX).await
    } else {
        Ok(Some(Vec::new()))
    }
}
