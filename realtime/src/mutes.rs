//! Mutes of members: users who may be in a channel, but not send.
//!
//! A membership has a copy of the mute, so that a `send` finds it in the one row that it reads anyway. The restriction
//! is written first, then the memberships of the user; a `join` writes its membership, and then asks for the restriction
//! once more. So one of the two sees the other, as with access that is revoked. Whoever has written a copy asks once
//! more, and writes again until both agree: of a mute and its lifting that cross, the copy that is written last is that of
//! the restriction that stands.

use funnelcast_aws::{clock::now, table::Member};
use funnelcast_core::{
    Channel, Error, Identity, Timestamp,
    event::{AccessMuted, EventName},
    frame::Event,
    moderation::Mute,
};
use serde_json::value::to_raw_value;

use crate::{context::Realtime, deliver};

/// How often a copy is written while the restriction keeps changing.
const ROUNDS_MAX: usize = 5;

/// Has a membership say whether its user may send, as was asked at this time, and returns what it says, and when that was asked:
/// nothing if it said so before, else 1 write and what it takes to ask again.
///
/// # Errors
/// [`Error::Internal`] if the table fails, or if the restriction kept changing; those of asking for a role.
pub(crate) async fn settle(
    realtime: &Realtime,
    channel: &Channel,
    identity: &Identity,
    member: &Member,
    (mut mute, mut asked_at): (Option<Mute>, Timestamp),
) -> Result<(Option<Mute>, Timestamp), Error> {
    if mute == member.mute {
        return Ok((mute, asked_at));
    }
    for _ in 0..ROUNDS_MAX {
        realtime.table().set_mute(channel, member, mute.as_ref()).await?;
        let now = now();
        let entitlement = realtime.access.entitlement(identity, channel, now).await?;
        // Without a right the user has no mute either; but whoever took the right may not have ended the membership yet.
        let Some(admission) = entitlement.or_grant(member.presented_grant(), now) else {
            return Ok((mute, asked_at));
        };
        asked_at = now;
        if admission.mute == mute {
            return Ok((mute, asked_at));
        }
        mute = admission.mute;
    }
    Err(Error::Internal("a restriction kept changing while it was applied".into()))
}

/// Tells connections of one user whether they may send, as of a time: 1 post each. Those that cannot be told now are owed it by
/// the fan-out queue. Of two that cross, clients believe the later one, so `at` is when it was asked, or earlier.
///
/// # Errors
/// [`Error::Internal`] if the queue fails.
pub(crate) async fn tell(
    realtime: &Realtime,
    channel: &Channel,
    members: &[Member],
    mute: Option<Mute>,
    at: Timestamp,
) -> Result<(), Error> {
    let Some(Member { user, .. }) = members.first() else { return Ok(()) };
    let data = AccessMuted { user_id: user.clone(), mute };
    let event = Event {
        channel: channel.clone(),
        event: EventName::AccessMuted,
        seq: None,
        at,
        from: None,
        key: None,
        data: to_raw_value(&data).map_err(|error| Error::internal("a mute", &error))?,
    };
    deliver::post_or_owe(realtime, event, members, None).await.map(drop)
}
