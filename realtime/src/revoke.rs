//! Removing members from channels that they may no longer be in.
//!
//! Each function here acts on what the table says now, not on what an earlier message said, so it may run again,
//! late, and concurrently with others. A `join` writes its membership and then checks access once more; a change of
//! access is written first, and then the memberships are checked. So one of the two sees the other, unless the `join`
//! dies in between. For that case the memberships are checked once more when no earlier `join` can still be under way
//! ([`JOIN_TIME_MAX`](crate::timer::JOIN_TIME_MAX)).

use std::collections::BTreeMap;

use funnelcast_aws::{clock::now, gateway::IN_FLIGHT_MAX, table::Member};
use funnelcast_core::{
    Channel, ConnectionId, Error, UserId,
    event::{AccessRevoked, EventName, MESSAGE_BYTES_MAX},
    frame::Event,
    grant::Capability,
    text::Text,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::value::to_raw_value;

use crate::{
    calls,
    context::Realtime,
    deliver,
    presence::{self, PresenceChange},
};

/// The reason given to a user whose grant has ended.
const GRANT_HAS_ENDED: &str = "the grant has ended";

/// How many members of a channel are written to side by side. They are in one partition of the table, which takes
/// 1,000 writes a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>). Each write
/// takes 5 to 10 ms, so many more at once would only be throttled, and the SDK gives up on a request that is
/// throttled too often.
pub(crate) const WRITES_AT_ONCE: usize = 25;

/// Removes members from a channel, tells each of them why, and tells the others which users have left: 3 writes and 1
/// post per member, and on presence channels what [`presence::settle`] costs, once per user.
///
/// Each step is completed for all members, side by side, before the next one begins. First none of them receives
/// anything any more; then they are told; then their memberships are deleted, except one for each user, which is
/// deleted once the others have been told of that user. Those who are in the conversation's call leave it. So wherever this fails, a retry finds every member that may
/// not have been told.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails, or if some members could not be told. Those receive nothing
/// all the same, and their memberships stay for the retry.
pub async fn revoke(
    realtime: &Realtime,
    channel: &Channel,
    members: &[Member],
    reason: &Text<MESSAGE_BYTES_MAX>,
) -> Result<(), Error> {
    side_by_side(members.iter().map(|member| realtime.table().note_revocation(channel, member))).await?;
    let telling = stream::iter(members)
        .map(async |member| Ok::<_, Error>((member, tell_revoked(realtime, channel, member, reason).await?)))
        .buffer_unordered(IN_FLIGHT_MAX)
        .boxed(); // as in `post_frames`
    let (told, untold): (Vec<_>, Vec<_>) =
        telling.try_collect::<Vec<_>>().await?.into_iter().partition(|(_, is_told)| *is_told);

    calls::remove_members(realtime, channel, members).await?;

    let last_of_user: BTreeMap<_, _> = members.iter().map(|member| (&member.user, member)).collect();
    let is_last = |member: &Member| last_of_user[&member.user].connection == member.connection;
    let (last, others): (Vec<_>, Vec<_>) =
        told.into_iter().map(|(member, _)| member).partition(|member| is_last(member));
    side_by_side(others.into_iter().map(|member| remove_revoked(realtime, channel, member))).await?;
    if channel.kind().policy().presence {
        let at = now();
        side_by_side(last_of_user.values().map(async |Member { user, name, .. }| {
            let change = PresenceChange { user, name, at, known_by: None };
            presence::settle(realtime, channel, &change, None).await.map(drop)
        }))
        .await?;
    }
    side_by_side(last.into_iter().map(|member| remove_revoked(realtime, channel, member))).await?;

    let (users, connections, untold) = (last_of_user.len(), members.len(), untold.len());
    if connections > 0 {
        tracing::info!(%channel, users, connections, untold, "access revoked");
    }
    match untold {
        0 => Ok(()),
        untold => Err(Error::Internal(format!("{untold} members could not be told of a revocation"))),
    }
}

/// Tells a member that it has lost access to a channel. Returns whether this is done: the member has been told, or
/// its connection is gone.
async fn tell_revoked(
    realtime: &Realtime,
    channel: &Channel,
    member: &Member,
    reason: &Text<MESSAGE_BYTES_MAX>,
) -> Result<bool, Error> {
    let revoked =
        AccessRevoked { user_id: member.user.clone(), reason: reason.clone(), order: member.join_order };
    let event = Event {
        channel: channel.clone(),
        event: EventName::AccessRevoked,
        seq: None,
        at: now(),
        from: None,
        key: None,
        data: to_raw_value(&revoked).map_err(|error| Error::internal("a revocation", &error))?,
    };
    let hearing = Member { grant: None, departed_at: None, ..member.clone() };
    Ok(deliver::post(realtime, &event, &[hearing], None).await?.failed == 0)
}

/// Removes a revoked membership, and the channel from the list of its connection: 2 writes.
async fn remove_revoked(realtime: &Realtime, channel: &Channel, member: &Member) -> Result<(), Error> {
    let Member { user, connection, join_order, .. } = member;
    realtime.table().forget_channel(user, connection, channel, *join_order).await?;
    realtime.table().remove_membership(user, connection, &member.join(channel)).await.map(drop)
}

/// Removes a connection from a channel if the grant by which it joined has ended: 1 read, and what [`revoke`] costs.
/// A membership that has been made again in the meantime, by another grant or by the user's own access, stays, and so does
/// one that has become the user's own.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn end_grant(
    realtime: &Realtime,
    user: &UserId,
    connection: &ConnectionId,
    channel: &Channel,
) -> Result<(), Error> {
    let member = realtime.table().membership(user, connection, channel).await?;
    let ended = member.filter(|member| !member.may(Capability::Join, now()));
    let Some(member) = ended else { return Ok(()) };
    revoke(realtime, channel, &[member], &text(GRANT_HAS_ENDED)?).await
}

/// Runs all steps, [`WRITES_AT_ONCE`] at a time, until one fails.
pub(crate) async fn side_by_side(
    steps: impl Iterator<Item = impl Future<Output = Result<(), Error>> + Send> + Send,
) -> Result<(), Error> {
    stream::iter(steps).buffer_unordered(WRITES_AT_ONCE).boxed().try_collect::<()>().await
}

pub(crate) fn text(reason: &str) -> Result<Text<MESSAGE_BYTES_MAX>, Error> {
    reason.to_owned().try_into()
}
