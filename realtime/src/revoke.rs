//! Taking out of channels whoever may not be in them any more.
//!
//! Each of these looks at what the table says now, not at what somebody said a moment ago, so that it may run again, late
//! and beside others. A `join` writes its membership and then asks for access once more; a change of access is written
//! first, and then the memberships are looked at. One of the two sees the other, unless the `join` dies in between: so the
//! memberships are looked at once more when no `join` of before can be under way ([`JOIN_TIME_MAX`]).

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

/// What those are told who no longer take part in a conversation.
const NO_LONGER_A_PARTICIPANT: &str = "no longer a participant";
/// What everybody in a conversation is told when it is over.
const ENDED: &str = "the conversation has ended";
/// What a user is told who may not be in a company's channel any more.
const NO_LONGER_ALLOWED: &str = "no longer allowed";
/// What a user is told whose grant has ended.
const GRANT_HAS_ENDED: &str = "the grant has ended";

/// How many members of a channel are written to side by side. They lie in one partition of the table, which takes 1,000 writes a
/// second (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>): many more than
/// these, of 5 to 10 ms each, would only be throttled, and the SDK gives up on what is throttled too often.
const WRITES_AT_ONCE: usize = 25;
/// The channels of a company that are looked at side by side for one of its team.
const CHANNELS_AT_ONCE: usize = 10;

/// Takes members out of a channel, and tells each of them why, and the others which users have left: 3 writes and 1 post a
/// member, and where members see each other what [`presence::settle`] costs, once a user.
///
/// Each step is taken for all of them side by side before the next one. First none of them hears anything any more; then
/// they are told; then their memberships go, but for one of each user, which goes when the others have been told of that
/// user. So a retry finds whoever may not have been told, wherever this has broken off.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails, or where some could not be told. Those hear nothing all the same,
/// and their memberships stay for the retry.
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

/// Tells a member that it has lost a channel. Returns whether nobody has to try that again: it has been told, or is gone.
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

/// Removes a membership that has been revoked, and takes the channel off its connection's list: 2 writes.
async fn remove_revoked(realtime: &Realtime, channel: &Channel, member: &Member) -> Result<(), Error> {
    let Member { user, connection, join_order, .. } = member;
    realtime.table().forget_channel(user, connection, channel, *join_order).await?;
    realtime.table().remove_membership(user, connection, &member.join(channel)).await.map(drop)
}

/// Takes a connection out of a channel where the grant that let it in has ended: 1 read, and what
/// [`revoke`] costs. A membership that has been made again meanwhile, by another grant or by a right of the
/// user's own, stays.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails.
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

/// Takes out of a conversation whoever may not be in it, now and once more when all `join`s that are under way are over:
/// 2 reads and 1 message, and what [`revoke`] costs for each who must go.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails.
pub async fn conversation_changed(realtime: &Realtime, conversation: &ConversationId) -> Result<(), Error> {
    realtime.timers.set(&Timer::Conversation(conversation.clone()), JOIN_TIME_MAX).await?;
    check_conversation(realtime, conversation).await
}

/// Takes out of a conversation whoever may not be in it: 2 reads, and what [`revoke`] costs.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails.
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
    // Read after the members, so that whoever has joined by a newer change stays.
    let stands = realtime.table().conversation(conversation).await?;
    members.retain(|member| must_go(stands.as_ref(), member));
    let reason = if stands.is_some() { NO_LONGER_A_PARTICIPANT } else { ENDED };
    revoke(realtime, &channel, &members, &text(reason)?).await
}

/// Takes a user out of the channels that they are in for a company's sake and may not be in any more, now and once more
/// when all `join`s that are under way are over: 1 message, and twice what [`check_role`] costs.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails.
pub async fn role_changed(realtime: &Realtime, user: &UserId, company: &CompanyId) -> Result<(), Error> {
    let timer = Timer::Role { user: user.clone(), company: company.clone() };
    realtime.timers.set(&timer, JOIN_TIME_MAX).await?;
    check_role(realtime, user, company).await
}

/// Forgets what Whop has said of a user, then asks of each channel that they are in for a company's sake whether they still
/// may be, as a `join` would, and takes them out where not. The second look forgets too: what Whop said at the first may
/// have been out of date. 1 write, 1 read, and for each such channel 1 read a shard, what a `join`'s question costs for each of the
/// user's tokens that differs from the others, and what [`revoke`] costs.
///
/// # Errors
/// [`Error::Internal`] where the table, the queue or Whop fails.
pub async fn check_role(realtime: &Realtime, user: &UserId, company: &CompanyId) -> Result<(), Error> {
    realtime.access.forget_role(user, company).await?;
    let connections = realtime.table().connections(user).await?;
    let joined = connections.iter().flat_map(|connection| &connection.channels);
    let channels: HashSet<&Channel> = joined
        .map(|joined| &joined.channel)
        .filter(|channel| is_conversation(channel) || channel.company() == Some(company))
        .collect();
    let checks = channels.into_iter().map(|channel| check_role_in(realtime, channel, &connections, company));
    stream::iter(checks).buffer_unordered(CHANNELS_AT_ONCE).boxed().try_collect::<()>().await?;
    tracing::info!(%user, %company, "access checked again");
    Ok(())
}

/// The same in one channel, for a user whose connections these are.
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
        // A participant is in a conversation for their own sake, and a grant ends by itself.
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

/// Does all of these, [`WRITES_AT_ONCE`] at a time, until one fails.
async fn side_by_side(
    steps: impl Iterator<Item = impl Future<Output = Result<(), Error>> + Send> + Send,
) -> Result<(), Error> {
    stream::iter(steps).buffer_unordered(WRITES_AT_ONCE).boxed().try_collect::<()>().await
}

const fn is_conversation(channel: &Channel) -> bool {
    matches!(channel, Channel::Conversation(_))
}

/// Whether a member may not be in a conversation that is this, or over.
fn must_go(conversation: Option<&Conversation>, member: &Member) -> bool {
    conversation.is_none_or(|conversation| {
        let takes_part = conversation.participants.contains(&member.user);
        // Whoever is here by a grant never took part; they stay until that ends, or a `Kick` takes them out.
        member.grant.is_none()
            && !policy::may_stay_in_conversation(&conversation.company, takes_part, member.team_of.as_ref())
    })
}

fn text(reason: &str) -> Result<Text<MESSAGE_BYTES_MAX>, Error> {
    reason.to_owned().try_into()
}
