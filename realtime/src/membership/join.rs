//! Joining a channel, and catching up on it.
//!
//! The membership is written BEFORE the log is read, and a sender appends before it reads the members, both strongly
//! consistent. So an event is in this reply, or is delivered live, or both, but never neither; the same holds for the
//! latest values. After the membership is written, everything that may have changed meanwhile is checked again:
//! whether the user may be here, and whether the connection still exists and has not left the channel by a later
//! frame.

use funnelcast_aws::{
    Table,
    clock::now,
    measure, spending,
    table::{
        Member, Recovery,
        connections::ChannelJoin,
        joins::{Confirmation, left_since},
        latest::Latest,
        presence::{self as roster_rows, Told},
    },
};
use funnelcast_core::{
    Admission, Channel, Error, Grant, JoinOrder, Seq, SocketCaller, Timestamp, UserId,
    action::{Join, Joined, LATEST_CURSOR_BYTES_MAX},
    event::Presence,
    identity::Name,
    moderation::Mute,
    policy::Lane,
    size::{Room, json_bytes},
};

use crate::{
    context::Realtime,
    membership::leave,
    mutes,
    presence::{self, PresenceChange, PresenceSnapshot},
    timer::Timer,
    tokens::Issuers,
};

/// The most bytes that `latestNext` takes in a reply: its name, and its text with every byte escaped.
const LATEST_CURSOR_BYTES: usize = 6 * LATEST_CURSOR_BYTES_MAX + r#","latestNext":"""#.len();

/// Checks access, writes the membership, reads what the joiner has to know, and tells the other members that they
/// have come.
///
/// If this fails after the membership may have been written, the caller is no member: the checks that must follow the
/// write have not been made.
///
/// # Errors
/// [`Error::Forbidden`] if neither the policy nor a grant admits the user, if the grant is not valid, or if the user is
/// removed from the channel meanwhile; [`Error::Banned`] if they are banned; a membership that the connection already has in the channel then ends. [`Error::Conflict`] if a `leave` that was sent later has
/// been applied.
pub async fn join(
    realtime: &Realtime,
    issuers: &Issuers,
    caller: &SocketCaller,
    request: Join,
) -> Result<Joined, Error> {
    let Join { channel, since, grant, order } = request;
    let order = order.unwrap_or(caller.order);
    // An invalid grant is refused even if the user needs none, so that the mistake is noticed.
    let grant = match grant {
        None => None,
        Some(grant) => Some(issuers.verify_grant(&grant, &caller.identity.user, &channel, caller.now).await?),
    };
    let admission = admission(realtime, caller, &channel, grant.clone(), order).await?;
    set_grant_timer(realtime, caller, &channel, grant.as_ref()).await?;
    let joined = Box::pin(enter(realtime, caller, channel.clone(), since, grant, admission, order)).await;
    if let Err(Error::Internal(_) | Error::RateLimited { .. }) = joined {
        leave::withdraw(realtime, caller, ChannelJoin { channel, join: order }).await?;
    }
    joined
}

/// Writes the membership, and does everything that follows the write.
async fn enter(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: Channel,
    since: Option<Seq>,
    grant: Option<Grant>,
    admitted: Admission,
    order: JoinOrder,
) -> Result<Joined, Error> {
    let store = realtime.table();
    let sees_others = channel.kind().policy().presence;
    let member = store.put_membership(caller, &channel, admitted, grant.clone(), order).await?;

    let read_at = now();
    let (recovery, latest, roster, Admission { right, mute }, ()) = tokio::try_join!(
        store.recover(&channel, since),
        latest(store, &channel),
        async { if sees_others { roster(store, &channel).await } else { Ok(None) } },
        admission(realtime, caller, &channel, grant, member.join_order),
        confirm(realtime, &channel, &member),
    )?;
    if right != member.right() {
        // It has changed meanwhile: a membership by a right of their own that they no longer have would outlive the grant.
        store.set_right(&channel, &member, right).await?;
    }
    let (mute, _) = mutes::settle(realtime, &channel, &caller.identity, &member, (mute, read_at)).await?;
    let presence =
        if sees_others { settle(realtime, caller, &channel, &member, roster).await? } else { Vec::new() };
    // The end of a connection ends its memberships one by one, which tells the same members, at a time when no user
    // could be charged.
    spending::add_as_much_again();
    let at = roster_rows::contained_until(read_at);
    let joined = reply(channel, recovery, latest, presence, at, mute)?;
    measure::joined(joined.channel.kind(), since.map(|_| joined.events.len()));
    Ok(joined)
}

/// The reply, which is no larger than API Gateway accepts. The roster is bounded; the rest of the room is for the
/// latest values and the missed events, each of which gets half if there is too much of both. The reply says where to
/// read what was left out.
fn reply(
    channel: Channel,
    Recovery { head, recovered, mut events, mut more }: Recovery,
    mut latest: Latest,
    presence: Vec<Presence>,
    at: Timestamp,
    mute: Option<Mute>,
) -> Result<Joined, Error> {
    let (no_events, no_values) = (Vec::new(), Vec::new());
    let mut joined = Joined {
        channel,
        head,
        recovered,
        events: no_events,
        more,
        latest: no_values,
        latest_next: None,
        presence,
        at,
        mute,
    };
    let room = Room::beside(&joined).left().saturating_sub(LATEST_CURSOR_BYTES);
    let for_events = json_bytes(&events).min(room / 2);
    let mut for_latest = Room::of(room - for_events);
    latest.truncate(for_latest.fitting(&latest.events));
    let fit = Room::of(for_events + for_latest.left()).fitting(&events);
    more |= fit < events.len();
    events.truncate(fit);
    (joined.events, joined.more) = (events, more);
    (joined.latest, joined.latest_next) = latest.into_page()?;
    Ok(joined)
}

/// The members of a channel, and what they were told of each of its users.
type RosterRows = (Vec<Member>, Vec<(UserId, Name, Told)>);

/// Reads who is in the channel; `None` if there are too many users to name, in which case the `presence` action gives
/// their number.
async fn roster(store: &Table, channel: &Channel) -> Result<Option<RosterRows>, Error> {
    let (members, told) = tokio::try_join!(
        store.few_members(channel, roster_rows::NAMED_MEMBERS_MAX),
        store.told_users(channel),
    )?;
    Ok(members.map(|members| (members, told)))
}

/// Tells the other members that the caller has come, and returns the roster that the caller is given.
async fn settle(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: &Channel,
    member: &Member,
    roster: Option<RosterRows>,
) -> Result<Vec<Presence>, Error> {
    let Some((mut members, told)) = roster else {
        presence::settle(realtime, channel, &PresenceChange::of(caller), None).await?;
        return Ok(Vec::new());
    };
    let user = &caller.identity.user;
    members.retain(|member| member.user == *user);
    let own = roster_rows::users(&members, caller.now).remove(user);
    let own_told =
        told.iter().find(|(told_of, ..)| told_of == user).map_or(Told::NOTHING, |(_, _, told)| *told);
    let status = own.as_ref().map_or(member.status, |own| own.status);
    let change =
        PresenceChange { known_by: Some((&caller.connection, status)), ..PresenceChange::of(caller) };
    let snapshot = PresenceSnapshot { own: members, told: own_told };
    presence::settle(realtime, channel, &change, Some(snapshot)).await?;
    let others = told.into_iter().filter(|(told_of, ..)| told_of != user);
    let mut roster: Vec<_> = others.filter_map(roster_rows::as_present(caller.now)).chain(own).collect();
    roster.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    Ok(roster)
}

/// How the caller may be in the channel. Without a right, or with a ban, a membership that the connection already has
/// ends.
///
/// This is checked before the membership is written and again afterwards. A process that removes a user from a
/// channel first writes the change that decides it and then reads the memberships, so one of the two sees the other.
async fn admission(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: &Channel,
    grant: Option<Grant>,
    order: JoinOrder,
) -> Result<Admission, Error> {
    let admission = realtime.access.admission(&caller.identity, channel, grant, caller.now).await;
    if let Err(Error::Forbidden(_) | Error::Banned { .. }) = admission {
        let member = realtime.table().membership(&caller.identity.user, &caller.connection, channel).await?;
        if let Some(member) = member.filter(|member| member.join_order <= order) {
            leave::end(realtime, channel, &member).await?;
        }
    }
    admission
}

/// Confirms, after the membership is written, that the `join` still stands and that the membership lives as long as
/// the connection's token. Removes the membership if the `join` does not stand.
async fn confirm(realtime: &Realtime, channel: &Channel, member: &Member) -> Result<(), Error> {
    let Member { user, connection, join_order, .. } = member;
    let refusal = match realtime.table().confirm_join(user, connection, channel, *join_order).await? {
        Confirmation::Stands { expires_at } if expires_at == member.expires_at => return Ok(()),
        Confirmation::Stands { expires_at } => {
            return realtime.table().renew_membership(user, connection, channel, expires_at).await;
        }
        Confirmation::Left => left_since(),
        Confirmation::Removed => Error::Forbidden("you have been removed from this channel since"),
        Confirmation::Ended => Error::connection_ended(),
    };
    leave::end(realtime, channel, member).await?;
    Err(refusal)
}

/// Sets the timer for the end of the grant, before the membership that may end with it is written: 1 message. A caller with
/// a right of their own needs it too, because they may lose that right before the grant ends.
async fn set_grant_timer(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: &Channel,
    grant: Option<&Grant>,
) -> Result<(), Error> {
    let Some(grant) = grant else { return Ok(()) };
    let timer = Timer::Grant {
        user: caller.identity.user.clone(),
        connection: caller.connection.clone(),
        channel: channel.clone(),
    };
    realtime.timers.set(&timer, grant.until.since(caller.now)).await
}

async fn latest(store: &Table, channel: &Channel) -> Result<Latest, Error> {
    let keeps_latest = |lane: &Lane| matches!(lane, Lane::Latest | Lane::DurableAndLatest);
    if channel.kind().policy().events.iter().any(|(_, lane)| keeps_latest(lane)) {
        store.latest(channel, None).await
    } else {
        Ok(Latest::default())
    }
}

#[cfg(test)]
mod tests {
    use funnelcast_core::{frame::Event, size::FRAME_BYTES_MAX};
    use serde_json::json;

    use super::*;

    fn events(count: u64, bytes: usize) -> Vec<Event> {
        let event = |seq| {
            json!({"channel": "funnel_updates:biz_1", "event": "funnel.update", "seq": seq, "at": "2026-11-23T10:00:00.123Z",
                "data": {"message": "\u{1}".repeat(bytes / 6)}})
        };
        (1..=count).map(|seq| serde_json::from_value(event(seq)).unwrap()).collect()
    }

    fn recovery(events: Vec<Event>) -> Recovery {
        Recovery { head: 400.try_into().unwrap(), recovered: true, events, more: false }
    }

    fn latest(events: Vec<Event>) -> Latest {
        let keyed = events.into_iter().map(|event| (format!("f{:?}", event.seq), event));
        Latest::of(keyed.collect())
    }

    fn roster(count: usize) -> Vec<Presence> {
        let user = |n: usize| {
            json!({"userId": format!("{n:0>64}"), "name": "\"".repeat(128), "status": "online",
                "lastSeen": "2026-11-23T10:00:00.123Z"})
        };
        (0..count).map(|n| serde_json::from_value(user(n)).unwrap()).collect()
    }

    #[test]
    fn a_reply_fits_a_frame_and_says_what_it_left_out() {
        for (missed, missed_bytes, values, value_bytes, present) in [
            (0, 0, 400, 400, 0),
            (100, 400, 100, 400, 100),
            (1, 110_000, 0, 0, 100),
            (1, 110_000, 200, 1_000, 0),
            (100, 6_000, 100, 6_000, 100),
            (3, 100, 3, 100, 3),
        ] {
            let (events, values) = (events(missed, missed_bytes), events(values, value_bytes));
            let (all_events, all_values) = (events.len(), values.len());
            let channel = "funnel_updates:biz_1".parse().unwrap();
            let reason = "\u{1}".repeat(256).try_into().ok();
            let mute = Some(Mute { until: Some(Timestamp::EPOCH), reason });
            let joined =
                reply(channel, recovery(events), latest(values), roster(present), Timestamp::EPOCH, mute)
                    .unwrap();
            let bytes = json_bytes(&joined);
            assert!(bytes <= FRAME_BYTES_MAX - 512, "{bytes} bytes");
            assert_eq!(joined.more, joined.events.len() < all_events);
            assert_eq!(joined.latest_next.is_some(), joined.latest.len() < all_values);
            assert_eq!(joined.presence.len(), present);
            assert!(all_values == 0 || !joined.latest.is_empty(), "the cursor follows a value");
        }
    }
}
