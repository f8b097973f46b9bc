//! `join`: begins to hear a channel, and catches up on it.
//!
//! The membership is written BEFORE the log is read, and a sender appends before it reads the members, both strongly
//! consistent: so an event is in this reply, or comes live, or both; never neither. The same for the latest values. And
//! what may have changed meanwhile is asked again after the membership is written: whether the user may be here, and
//! whether the connection is still there and has not left the channel by a later frame.

use funnelcast_aws::{
    Caller, Config, Fanout, Issuers, Resource, Store,
    errand::Errand,
    fanout::presence::{PresenceChange, PresenceSnapshot},
    measure, now,
    store::{
        Member, Recovery, Right,
        joins::{Confirmation, left_since},
        presence,
        rate::SENDS,
    },
};
use funnelcast_core::{
    Channel, Error, Grant, JoinOrder,
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

/// Checks, writes the membership, reads what the joiner has to know, and tells the others that they have come.
///
/// # Errors
/// [`Error::Forbidden`] where neither the policy nor a grant lets them in, or the grant is not valid; a membership that the
/// connection has in the channel then ends. [`Error::Conflict`] where a `leave` that was sent later has been applied;
/// [`Error::RateLimited`] where the user joins, and so is told of, too often.
pub async fn join(
    fanout: &Fanout,
    issuers: &Issuers,
    caller: &Caller,
    request: Join,
) -> Result<Joined, Error> {
    let Join { channel, since, grant, order } = request;
    let order = order.unwrap_or(caller.order);
    let store = &fanout.store;
    let sees_others = channel.kind().policy().presence;
    if sees_others {
        store.admit(&SENDS, &caller.identity.user, caller.now).await?;
    }
    // A grant that is not valid is refused though the user may need none, so that the mistake is seen.
    let grant = match grant {
        None => None,
        Some(grant) => Some(issuers.verify_grant(&grant, &caller.identity.user, &channel, caller.now).await?),
    };
    let right = right_to_join(fanout, caller, &channel, grant.clone(), order).await?;
    look_after_grant(fanout, caller, &channel, &right).await?;
    let member = store.put_membership(caller, &channel, right, order).await?;

    let read_at = now();
    let (recovery, latest, snapshot, _, ()) = tokio::try_join!(
        store.recover(&channel, since),
        latest(store, &channel),
        async {
            if sees_others {
                PresenceSnapshot::read(store, &channel, &member.user).await.map(Some)
            } else {
                Ok(None)
            }
        },
        right_to_join(fanout, caller, &channel, grant, member.join_order),
        confirm(fanout, &channel, &member),
    )?;
    let members = snapshot.as_ref().and_then(|snapshot| snapshot.members.as_deref()).unwrap_or_default();
    let presence = presence::users(members, read_at);
    if sees_others {
        let own = presence.get(&member.user).map_or(member.status, |own| own.status);
        let change = PresenceChange { known_by: Some((&caller.connection, own)), ..caller.change() };
        fanout.settle_presence(&channel, &change, snapshot).await?;
    }
    let presence = presence.into_values().collect();
    let Recovery { head, recovered, events, more } = recovery;
    measure::joined(channel.kind(), since.map(|_| events.len()));
    let at = presence::contained_until(read_at);
    Ok(Joined { channel, head, recovered, events, more, latest, presence, at })
}

/// By what right the caller may be in the channel. If there is none, a membership of the connection from before ends.
///
/// Asked before the membership is written, and again after: whoever takes a user out of a channel changes what decides it
/// first and looks at the memberships then, so one of the two sees the other.
async fn right_to_join(
    fanout: &Fanout,
    caller: &Caller,
    channel: &Channel,
    grant: Option<Grant>,
    order: JoinOrder,
) -> Result<Right, Error> {
    let right = fanout.store.right_to_join(&caller.identity, channel, grant, caller.now).await;
    if let Err(Error::Forbidden(_)) = right {
        let member = fanout.store.membership(&caller.identity.user, &caller.connection, channel).await?;
        if let Some(member) = member.filter(|member| member.join_order <= order) {
            fanout.end_membership(channel, &member).await?;
        }
    }
    right
}

/// Makes sure that the `join` still stands, now that its membership is written, and that the membership lives as long as the
/// connection's token; removes it where the `join` does not stand.
async fn confirm(fanout: &Fanout, channel: &Channel, member: &Member) -> Result<(), Error> {
    let Member { user, connection, join_order, .. } = member;
    let refusal = match fanout.store.confirm_join(user, connection, channel, *join_order).await? {
        Confirmation::Stands { expires_at } if expires_at == member.expires_at => return Ok(()),
        Confirmation::Stands { expires_at } => {
            return fanout.store.renew_membership(user, connection, channel, expires_at).await;
        }
        Confirmation::Left => left_since(),
        Confirmation::Ended => Error::connection_ended(),
    };
    fanout.end_membership(channel, member).await?;
    Err(refusal)
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

async fn latest(store: &Store, channel: &Channel) -> Result<Vec<Event>, Error> {
    let keeps_latest = |lane: &Lane| matches!(lane, Lane::Latest | Lane::DurableAndLatest);
    if channel.kind().policy().events.iter().any(|(_, lane)| keeps_latest(lane)) {
        store.latest(channel).await
    } else {
        Ok(Vec::new())
    }
}
