//! Removing members from channels that they may no longer be in.
//!
//! Each function here acts on what the table says now, not on what an earlier message said, so it may run again,
//! late, and concurrently with others. A `join` writes its membership and then checks access once more; a change of
//! access is written first, and then the memberships are checked. So one of the two sees the other, unless the `join`
//! dies in between. For that case the memberships are checked once more when no earlier `join` can still be under way
//! ([`JOIN_TIME_MAX`]).

use std::collections::{BTreeMap, HashSet};

use funnelcast_aws::{
    clock::now,
    gateway::IN_FLIGHT_MAX,
    table::{Connection, Member, conversations::Conversation},
};
use funnelcast_core::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, Identity, UserId,
    event::{AccessRevoked, EventName, MESSAGE_BYTES_MAX},
    frame::Event,
    grant::Capability,
    policy,
    text::Text,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::value::to_raw_value;

use crate::{
    context::Realtime,
    deliver,
    presence::{self, PresenceChange},
    timer::{JOIN_TIME_MAX, Timer},
};

/// The reason given to users who no longer take part in a conversation.
const NO_LONGER_A_PARTICIPANT: &str = "no longer a participant";
/// The reason given to all members of a conversation that has ended.
const ENDED: &str = "the conversation has ended";
/// The reason given to a user who may no longer be in a company's channel.
const NO_LONGER_ALLOWED: &str = "no longer allowed";
/// The reason given to a user whose grant has ended.
const GRANT_HAS_ENDED: &str = "the grant has ended";

/// How many members of a channel are written to side by side. They are in one partition of the table, which takes
/// 1,000 writes a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>). Each write
/// takes 5 to 10 ms, so many more at once would only be throttled, and the SDK gives up on a request that is
/// throttled too often.
const WRITES_AT_ONCE: usize = 25;
/// How many channels of a company are checked side by side for one user.
const CHANNELS_AT_ONCE: usize = 10;

/// Removes members from a channel, tells each of them why, and tells the others which users have left: 3 writes and 1
/// post per member, and on presence channels what [`presence::settle`] costs, once per user.
///
/// Each step is completed for all members, side by side, before the next one begins. First none of them receives
/// anything any more; then they are told; then their memberships are deleted, except one for each user, which is
/// deleted once the others have been told of that user. So wherever this fails, a retry finds every member that may
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
/// A membership that has been made again in the meantime, by another grant or by the user's own access, stays.
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

/// Removes the members of a conversation who may not be in it, now and once more when every `join` that is under way
/// has ended: 2 reads, 1 message, and what [`revoke`] costs for each member removed.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn conversation_changed(realtime: &Realtime, conversation: &ConversationId) -> Result<(), Error> {
    realtime.timers.set(&Timer::Conversation(conversation.clone()), JOIN_TIME_MAX).await?;
    check_conversation(realtime, conversation).await
}

/// Removes the members of a conversation who may not be in it: 2 reads, and what [`revoke`] costs.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn check_conversation(realtime: &Realtime, conversation: &ConversationId) -> Result<(), Error> {
    let channel = Channel::Conversation(conversation.clone());
    let mut members = Vec::new();
    let mut pages = realtime.table().members(&channel);
    while let Some(page) = pages.next().await? {
        members.extend(page);
    }
    if members.is_empty() {
        return Ok(());
    }
    // Read after the members, so that a member who has joined by a newer change stays.
    let stands = realtime.table().conversation(conversation).await?;
    members.retain(|member| must_go(stands.as_ref(), member));
    let reason = if stands.is_some() { NO_LONGER_A_PARTICIPANT } else { ENDED };
    revoke(realtime, &channel, &members, &text(reason)?).await
}

/// Removes a user from the channels that they are in through a company and may no longer be in, now and once more
/// when every `join` that is under way has ended: 1 message, and twice what [`check_role`] costs.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn role_changed(realtime: &Realtime, user: &UserId, company: &CompanyId) -> Result<(), Error> {
    let timer = Timer::Role { user: user.clone(), company: company.clone() };
    realtime.timers.set(&timer, JOIN_TIME_MAX).await?;
    check_role(realtime, user, company).await
}

/// Discards the cached role of a user, then checks each channel that they are in through the company, and each
/// experience, as a `join` would, and removes them where they have lost access. The second check discards the role too, because what Whop
/// answered the first time may have been out of date. This costs 1 write, 1 read, and for each such channel 1 read
/// per shard, the check of a `join` for each of the user's tokens that differs from the others, and what [`revoke`]
/// costs.
///
/// # Errors
/// [`Error::Internal`] if the table, the queue or Whop fails.
pub async fn check_role(realtime: &Realtime, user: &UserId, company: &CompanyId) -> Result<(), Error> {
    realtime.table().forget_role(user, company.as_str()).await?;
    let connections = realtime.table().connections(user).await?;
    let joined = connections.iter().flat_map(|connection| &connection.channels);
    let channels: HashSet<&Channel> = joined
        .map(|joined| &joined.channel)
        .filter(|channel| match channel {
            // Nobody says which company an experience belongs to.
            Channel::Conversation(_) | Channel::Experience(_) => true,
            other => other.company() == Some(company),
        })
        .collect();
    let experiences = channels.iter().filter_map(|channel| match channel {
        Channel::Experience(experience) => Some(experience.as_str()),
        _ => None,
    });
    for experience in experiences {
        realtime.table().forget_role(user, experience).await?;
    }
    let checks = channels.into_iter().map(|channel| check_role_in(realtime, channel, &connections, company));
    stream::iter(checks).buffer_unordered(CHANNELS_AT_ONCE).boxed().try_collect::<()>().await?;
    tracing::info!(%user, %company, "access checked again");
    Ok(())
}

/// Does so in one channel, for a user with these connections.
async fn check_role_in(
    realtime: &Realtime,
    channel: &Channel,
    connections: &[Connection],
    company: &CompanyId,
) -> Result<(), Error> {
    let Some(Connection { user, .. }) = connections.first() else { return Ok(()) };
    let mut asked: Vec<(Identity, bool)> = Vec::new();
    let mut members = Vec::new();
    for member in realtime.table().members_of_user(channel, user).await? {
        // A participant is in a conversation by their own right, and a grant ends by itself.
        let is_for_its_sake =
            member.grant.is_none() && (!is_conversation(channel) || member.team_of.as_ref() == Some(company));
        let connection = connections.iter().find(|connection| connection.id == member.connection);
        let Some(connection) = connection.filter(|_| is_for_its_sake) else { continue };
        let identity = connection.clone().into_caller(now()).identity;
        let known = asked.iter().find(|(other, _)| other.is_renewed_by(&identity));
        let may = match known {
            Some((_, may)) => *may,
            None => match realtime.access.check_join(&identity, channel, now()).await {
                Ok(_) => true,
                Err(Error::Forbidden(_)) => false,
                Err(error) => return Err(error),
            },
        };
        if known.is_none() {
            asked.push((identity, may));
        }
        if !may {
            members.push(member);
        }
    }
    revoke(realtime, channel, &members, &text(NO_LONGER_ALLOWED)?).await
}

/// Runs all steps, [`WRITES_AT_ONCE`] at a time, until one fails.
async fn side_by_side(
    steps: impl Iterator<Item = impl Future<Output = Result<(), Error>> + Send> + Send,
) -> Result<(), Error> {
    stream::iter(steps).buffer_unordered(WRITES_AT_ONCE).boxed().try_collect::<()>().await
}

const fn is_conversation(channel: &Channel) -> bool {
    matches!(channel, Channel::Conversation(_))
}

/// Whether a member may not be in this conversation; `None` is one that has ended.
fn must_go(conversation: Option<&Conversation>, member: &Member) -> bool {
    conversation.is_none_or(|conversation| {
        let takes_part = conversation.participants.contains(&member.user);
        // A member by a grant never took part; they stay until the grant ends or a `Kick` removes them.
        member.grant.is_none()
            && !policy::may_stay_in_conversation(&conversation.company, takes_part, member.team_of.as_ref())
    })
}

fn text(reason: &str) -> Result<Text<MESSAGE_BYTES_MAX>, Error> {
    reason.to_owned().try_into()
}
