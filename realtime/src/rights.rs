//! Checking the members of a channel again, after a change of who may be in it.
//!
//! A user may have several rights to be in a channel: as a participant, as one of the team, by a grant. A membership has the
//! one in force, and beside it the grant that its `join` presented. When a right ends, or a better one begins, the membership
//! goes on by the right that a `join` would have now ([`Table::set_right`](funnelcast_aws::Table::set_right)), and with the mute
//! that a `join` would find; it is removed only where no right is left, or the user is banned.

use std::collections::{BTreeMap, HashSet};

use funnelcast_aws::{
    clock::now,
    table::{Connection, Member, conversations::Conversation},
};
use funnelcast_core::{
    Admission, Channel, CompanyId, ConversationId, Error, Identity, Right, Timestamp, UserId,
    moderation::{Restriction, RestrictionKind, Scope},
    policy,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    access::Entitlement,
    context::Realtime,
    mutes,
    revoke::{WRITES_AT_ONCE, revoke, side_by_side, text},
    timer::{JOIN_TIME_MAX, Timer},
};

/// How many channels of a company are checked side by side for one user.
const CHANNELS_AT_ONCE: usize = 10;
/// The reason given to a user who may no longer be in a company's channel.
const NO_LONGER_ALLOWED: &str = "no longer allowed";
/// The reason given to all members of a conversation that has ended.
const ENDED: &str = "the conversation has ended";
/// The reason given to users who no longer take part in a conversation.
const NO_LONGER_A_PARTICIPANT: &str = "no longer a participant";
/// The default reason given to users who are banned.
const BANNED: &str = "banned";

/// Removes the members of a conversation who may not be in it, now and once more when every `join` that is under way
/// has ended: 1 message, and twice what [`check_conversation`] costs.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn conversation_changed(realtime: &Realtime, conversation: &ConversationId) -> Result<(), Error> {
    realtime.timers.set(&Timer::Conversation(conversation.clone()), JOIN_TIME_MAX).await?;
    check_conversation(realtime, conversation).await
}

/// Removes the members of a conversation who may not be in it: 2 reads, and 2 items for each user who is in it; for each user who
/// no longer takes part, whose team no longer has the conversation, or who is restricted in it, 1 read and the check of a `join`; 1
/// write for each member who stays by another right than before; and what [`revoke`] costs.
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
    let Some(stands) = realtime.table().conversation(conversation).await? else {
        return revoke(realtime, &channel, &members, &text(ENDED)?).await;
    };
    // Whether a restriction counts depends on the company, which may be another than before.
    let users = members.iter().map(|member| &member.user);
    let restricted = realtime.table().restricted_among(conversation, &stands.company, users, now()).await?;
    let mut staying = Vec::new();
    let mut without = BTreeMap::<UserId, Vec<Member>>::new();
    for member in members {
        match right_by_row(&stands, &member) {
            Some(right) if member.mute.is_none() && !restricted.contains_key(&member.user) => {
                staying.push((member, right));
            }
            _ => without.entry(member.user.clone()).or_default().push(member),
        }
    }
    side_by_side(staying.iter().map(|(member, right)| go_on_by(realtime, &channel, member, right.clone())))
        .await?;
    let checks = stream::iter(without).map(async |(user, members)| {
        let connections = realtime.table().connections(&user).await?;
        without_right(realtime, &channel, &connections, members, (Unanswered::IsNo, Telling::Changes)).await
    });
    let gone = checks.buffer_unordered(WRITES_AT_ONCE).boxed().try_concat().await?; // boxed as in `revoke`
    revoke(realtime, &channel, &gone, &text(NO_LONGER_A_PARTICIPANT)?).await
}

/// The right by which a member may be in this conversation, as far as its row and the membership tell.
fn right_by_row(Conversation { company, participants, .. }: &Conversation, member: &Member) -> Option<Right> {
    let takes_part = participants.contains(&member.user);
    if policy::may_stay_in_conversation(company, takes_part, member.team_of.as_ref()) {
        let team_of = member.team_of.clone().filter(|team_of| team_of == company);
        return Some(team_of.map_or(Right::Own, Right::Team));
    }
    // A grant is ended by its timer, or by a `Kick`.
    member.grant.clone().map(Right::Grant)
}

/// What it means that Whop gives no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// The user has no such right: nobody stays because something cannot be known.
    IsNo,
    /// The check has failed, and is made again.
    IsFailure,
}

/// When members are told whether they may send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// If that changes.
    Changes,
    /// In any case: whoever changed it may have died before they told it.
    Always,
}

/// Asks what a user may still do in a channel, and has each of these members go on by that. Returns those who may not be there,
/// also those whose connection has ended. The user's right is asked for once for all connections whose tokens say the
/// same.
async fn without_right(
    realtime: &Realtime,
    channel: &Channel,
    connections: &[Connection],
    members: Vec<Member>,
    (unanswered, telling): (Unanswered, Telling),
) -> Result<Vec<Member>, Error> {
    let mut asked: Vec<(Identity, Entitlement, Timestamp)> = Vec::new();
    let (mut staying, mut without) = (Vec::new(), Vec::new());
    for member in members {
        let connection = connections.iter().find(|connection| connection.id == member.connection);
        let Some(connection) = connection else {
            without.push(member);
            continue;
        };
        let identity = connection.clone().into_caller(now()).identity;
        let known = asked.iter().position(|(other, ..)| other.is_renewed_by(&identity));
        let index = if let Some(index) = known {
            index
        } else {
            let asked_at = now();
            let entitlement = match realtime.access.entitlement(&identity, channel, asked_at).await {
                Err(error) if unanswered == Unanswered::IsNo => {
                    tracing::warn!(%error, user = %member.user, %channel, "cannot check access; it counts as lost");
                    Entitlement::NONE
                }
                entitlement => entitlement?,
            };
            asked.push((identity, entitlement, asked_at));
            asked.len() - 1
        };
        match asked[index].1.or_grant(member.presented_grant(), now()) {
            Some(admission) => staying.push((index, member, admission)),
            None => without.push(member),
        }
    }
    side_by_side(staying.iter().map(|(index, member, admission)| {
        let (identity, _, asked_at) = &asked[*index];
        go_on(realtime, channel, identity, member, (admission.clone(), *asked_at), telling)
    }))
    .await?;
    Ok(without)
}

/// Has a member go on as admitted now: 1 write if that is by another right than before; and if they were muted or are so
/// now, what it takes to [`settle`](mutes::settle) and to tell them.
async fn go_on(
    realtime: &Realtime,
    channel: &Channel,
    identity: &Identity,
    member: &Member,
    (Admission { right, mute }, asked_at): (Admission, Timestamp),
    telling: Telling,
) -> Result<(), Error> {
    go_on_by(realtime, channel, member, right).await?;
    let (settled, at) = mutes::settle(realtime, channel, identity, member, (mute, asked_at)).await?;
    let is_new = settled != member.mute;
    if is_new {
        tracing::info!(%channel, user = %member.user, is_muted = settled.is_some(), "a mute begins or ends");
    }
    if is_new || telling == Telling::Always {
        mutes::tell(realtime, channel, std::slice::from_ref(member), settled, at).await?;
    }
    Ok(())
}

/// Has a member go on by this right: 1 write if it is another than before.
async fn go_on_by(
    realtime: &Realtime,
    channel: &Channel,
    member: &Member,
    right: Right,
) -> Result<(), Error> {
    if member.right() == right {
        return Ok(());
    }
    let Member { user, connection, .. } = member;
    tracing::info!(%channel, %user, %connection, ?right, "a member by another right");
    realtime.table().set_right(channel, member, right).await
}

/// Applies a restriction that has changed to the memberships of its user, now and once more when every `join` that is
/// under way has ended: 1 message, and twice what `apply_restriction` costs, and at the second time 1 post for each connection that
/// may be there.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn restriction_changed(realtime: &Realtime, user: &UserId, scope: &Scope) -> Result<(), Error> {
    let timer = Timer::Restriction { user: user.clone(), scope: scope.clone() };
    realtime.timers.set(&timer, JOIN_TIME_MAX).await?;
    apply_restriction(realtime, user, scope, Telling::Changes).await
}

/// Does so once more, and tells the user's devices in any case: an earlier try may have died between its writing of a mute and
/// its telling.
///
/// # Errors
/// [`Error::Internal`] if the table, the queue or Whop fails.
pub async fn check_restriction(realtime: &Realtime, user: &UserId, scope: &Scope) -> Result<(), Error> {
    apply_restriction(realtime, user, scope, Telling::Always).await
}

/// Has the memberships of a user say whether they may send, and ends those from which they are banned: 2 reads, and 2 more for each
/// conversation in which a membership is left of a connection that is gone, with 1 write for each such membership; for each
/// conversation that they are in, 1 read and the check of a `join` for each of their tokens that differs from the others; 1
/// write, the same check and 1 post for each connection that is muted now or no longer; and what [`revoke`] costs.
pub(crate) async fn apply_restriction(
    realtime: &Realtime,
    user: &UserId,
    scope: &Scope,
    telling: Telling,
) -> Result<(), Error> {
    let standing = realtime.table().restriction(scope, user).await?.map(|standing| standing.restriction);
    let ban = standing.filter(|standing| standing.restriction == RestrictionKind::Ban);
    let reason = match &ban {
        Some(ban) => text(ban.reason.as_ref().map_or(BANNED, |reason| reason.as_str()))?,
        None => text(NO_LONGER_ALLOWED)?,
    };
    let connections = realtime.table().connections(user).await?;
    let conversations: HashSet<ConversationId> = match scope {
        Scope::Conversation(conversation) => [conversation.clone()].into(),
        Scope::Company(_) => {
            let joined = connections.iter().flat_map(|connection| &connection.channels);
            joined.filter_map(|joined| as_conversation(&joined.channel)).collect()
        }
    };
    let (connections, reason) = (&connections, &reason);
    let checks = conversations.iter().map(async |conversation| {
        let channel = &Channel::Conversation(conversation.clone());
        let members = realtime.table().members_of_user(channel, user).await?;
        let is_of = |connections: &[Connection], member: &Member| {
            connections.iter().any(|connection| connection.id == member.connection)
        };
        // A membership outlives its connection for a moment, in which it serves the frames that are under way. A restriction holds
        // for it all the same. Read once more, because the connection may also be new.
        let again = if members.iter().all(|member| is_of(connections, member)) {
            None
        } else {
            Some(realtime.table().connections(user).await?)
        };
        let connections = again.as_deref().unwrap_or(connections);
        let (mut members, left): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|member| is_of(connections, member));
        if !left.is_empty() {
            // What counts there may be of the other scope; and the conversation may be another company's.
            let restrictions = realtime.table().conversation_access(conversation, user).await?.restrictions;
            let restriction = Restriction::strongest(restrictions, now());
            if restriction.as_ref().is_some_and(|one| one.restriction == RestrictionKind::Ban) {
                members.extend(left);
            } else {
                let (table, mute) = (realtime.table(), restriction.as_ref().and_then(Restriction::as_mute));
                let left = left.iter().filter(|member| member.team_of.is_none());
                side_by_side(left.map(|member| table.set_mute(channel, member, mute.as_ref()))).await?;
            }
        }
        let banned =
            without_right(realtime, channel, connections, members, (Unanswered::IsFailure, telling)).await?;
        revoke(realtime, channel, &banned, reason).await
    });
    stream::iter(checks).buffer_unordered(CHANNELS_AT_ONCE).boxed().try_collect::<()>().await
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
/// per shard, the check of a `join` for each of the user's tokens that differs from the others, 1 write for each membership
/// that goes on by another right than before, and what [`revoke`] costs.
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
    let mut members = realtime.table().members_of_user(channel, user).await?;
    members.retain(|member| {
        // A participant is in a conversation whatever their role, but not muted if they are of the team; one by a grant
        // may have come by a role.
        let is_for_its_sake = !is_conversation(channel)
            || member.grant.is_some()
            || member.mute.is_some()
            || member.team_of.as_ref() == Some(company);
        is_for_its_sake && connections.iter().any(|connection| connection.id == member.connection)
    });
    let members =
        without_right(realtime, channel, connections, members, (Unanswered::IsFailure, Telling::Changes))
            .await?;
    revoke(realtime, channel, &members, &text(NO_LONGER_ALLOWED)?).await
}

fn as_conversation(channel: &Channel) -> Option<ConversationId> {
    match channel {
        Channel::Conversation(conversation) => Some(conversation.clone()),
        _ => None,
    }
}

const fn is_conversation(channel: &Channel) -> bool {
    matches!(channel, Channel::Conversation(_))
}
