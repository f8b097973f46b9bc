//! Presence: telling the members of a channel which users are in it. In a channel with too many users to name,
//! members are told the number of users instead, at intervals.
//!
//! Every change of a membership is followed by a call of [`settle`], which compares the memberships with what the
//! members were last told ([`funnelcast_aws::table::presence`]), and tells them the difference. So a change is told
//! by whichever process finds it, and of simultaneous changes the last one is told last. After a failed post the
//! event is owed by the fan-out queue.

use std::{collections::HashSet, time::Duration};

use funnelcast_aws::{
    Table,
    clock::now,
    measure::Tally,
    table::{
        Member, back_off,
        presence::{COUNT_INTERVAL, NAMED_MEMBERS_MAX, Told, users},
    },
};
use funnelcast_core::{
    Caller, Channel, ConnectionId, Error, SocketCaller, Timestamp, UserId,
    action::{PresenceQuery, Roster},
    event::{EventName, Presence, PresenceCount, Status},
    frame::{Event, Sender},
    grant::Capability,
    identity::Name,
};
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::{
    access::Access,
    context::Realtime,
    deliver::{self, Delivery},
    timer::Timer,
};

/// How often presence may change while it is being told, before the process gives up.
const SETTLE_ROUNDS_MAX: u32 = 20;

/// How long a process that finds a change already being told leaves it to the other process, before it tells the
/// change itself in case the other has died.
const TELLING_MAX: Duration = Duration::from_millis(500);

/// A user whose presence in a channel may have changed.
#[derive(Debug)]
pub struct PresenceChange<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The user's display name.
    pub name: &'a Name,
    /// When it may have changed. If the user has left, this is when they were last seen.
    pub at: Timestamp,
    /// A connection of the user that already knows this status, and so is only told of another one.
    pub known_by: Option<(&'a ConnectionId, Status)>,
}

/// What the table says of a user in a channel: the present state and what was told.
#[derive(Debug)]
pub struct PresenceSnapshot {
    /// The user's memberships.
    pub own: Vec<Member>,
    /// What the members were last told of the user.
    pub told: Told,
}

impl<'a> PresenceChange<'a> {
    /// The presence of the caller, which may have changed just now.
    pub const fn of(caller: &'a SocketCaller) -> Self {
        let (user, name) = (&caller.identity.user, &caller.identity.name);
        Self { user, name, at: caller.now, known_by: None }
    }
}

impl PresenceSnapshot {
    /// Reads both: 1 read, and 1 per shard.
    pub async fn read(store: &Table, channel: &Channel, user: &UserId) -> Result<Self, Error> {
        let (own, told) = tokio::try_join!(store.members_of_user(channel, user), store.told(channel, user))?;
        Ok(Self { own, told })
    }
}

/// Tells the members of a channel a user's presence if it differs from what they were last told: 2 reads, and after a
/// change 2 writes, 1 read per shard, and the posts. `first` is a snapshot that was read after the change, if the
/// caller has one.
///
/// What is told is first written down, on condition that no other process has told anything in the meantime; then the
/// members are read and posted to; and then it is noted that they have been. So the timestamps of the events are in
/// the order of the decisions, and a joiner either finds the change in the roster or is posted to. A process that
/// comes after a crash in between tells the change again, but not before half a second has passed, or else all
/// connections of a user that end at the same time would tell the same. After telling, a process reads the
/// memberships once more, because a further change that found this one told already may have come in between.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails, or if the presence keeps changing.
pub async fn settle(
    realtime: &Realtime,
    channel: &Channel,
    change: &PresenceChange<'_>,
    mut first: Option<PresenceSnapshot>,
) -> Result<Tally, Error> {
    let PresenceChange { user, name, .. } = *change;
    let mut tally = Tally::default();
    for round in 0..SETTLE_ROUNDS_MAX {
        let PresenceSnapshot { own, told } = match first.take() {
            Some(snapshot) => snapshot,
            None => PresenceSnapshot::read(realtime.table(), channel, user).await?,
        };
        let now = now();
        let presence = users(&own, now).remove(user);
        let status = presence.as_ref().map(|presence| presence.status);
        if status == told.status {
            if told.telling.is_some() {
                if now < told.at + TELLING_MAX {
                    back_off(round).await;
                    continue;
                }
                tally = tell(realtime, channel, change, told).await?.0;
            }
            keep_told(realtime, channel, change, Told { telling: None, ..told }, &own).await?;
            return Ok(tally);
        }
        let seen_at = presence.map_or(change.at, |presence| presence.last_seen);
        let telling = Told {
            status,
            at: now.max(told.at + Duration::from_millis(1)),
            last_seen: seen_at.max(told.last_seen + Duration::from_millis(1)),
            telling: Some(match (told.status, status) {
                (None, _) => EventName::PresenceJoin,
                (_, Some(_)) => EventName::PresenceUpdate,
                (_, None) => EventName::PresenceLeave,
            }),
            until: Told::life_from(now),
        };
        if realtime.table().put_told(channel, (user, name), told, telling).await? {
            let is_now;
            (tally, is_now) = tell(realtime, channel, change, telling).await?;
            if is_now == status {
                return Ok(tally);
            }
        }
        back_off(round).await;
    }
    Err(Error::Internal("a user's presence kept changing while it was told".into()))
}

/// Posts a user's presence to the members that do not know it, or schedules the count if there are too many users to
/// name, and notes that this is done. Also returns the user's status by the memberships that were read.
async fn tell(
    realtime: &Realtime,
    channel: &Channel,
    change: &PresenceChange<'_>,
    telling: Told,
) -> Result<(Tally, Option<Status>), Error> {
    let PresenceChange { user, name, known_by, .. } = *change;
    let Told { status, at, last_seen, telling: Some(event), .. } = telling else {
        return Ok((Tally::default(), telling.status));
    };
    let note_last_seen = async {
        match (channel, status) {
            (Channel::Conversation(conversation), None) => {
                realtime.table().note_last_seen(conversation, (user, name), last_seen).await
            }
            _ => Ok(()),
        }
    };
    // Before what was told counts as told, so that whoever repeats this after a crash notes it too.
    let (members, ()) =
        tokio::try_join!(realtime.table().few_members(channel, NAMED_MEMBERS_MAX), note_last_seen)?;
    let (tally, own) = if let Some(members) = &members {
        let (user_id, name) = (user.clone(), name.clone());
        let from = Sender { user_id: user_id.clone(), name: name.clone() };
        let known_by = known_by.filter(|(_, known)| status == Some(*known));
        let presence = Presence { user_id, name, status: status.unwrap_or(Status::Offline), last_seen };
        let event = presence_event(channel, event, &presence, at, Some(from))?;
        let except = known_by.map(|(connection, _)| connection);
        (deliver::post_or_owe(realtime, event, members, except).await?, users(members, now()).remove(user))
    } else {
        count_later(realtime, channel).await?;
        let own = realtime.table().members_of_user(channel, user).await?;
        (Tally::default(), users(&own, now()).remove(user))
    };
    realtime.table().note_told(channel, user, telling).await?;
    Ok((tally, own.map(|own| own.status)))
}

/// Extends what was told if it is still true but would expire before a connection may. Also records when the user was
/// last seen if this change is that moment, because all remaining connections ended before it.
async fn keep_told(
    realtime: &Realtime,
    channel: &Channel,
    change: &PresenceChange<'_>,
    told: Told,
    own: &[Member],
) -> Result<(), Error> {
    let is_last = own.iter().all(|member| member.departed_at.is_some_and(|at| at < change.at));
    let is_seen_later = is_last && told.last_seen < change.at;
    if told.status.is_none() || !(is_seen_later || told.ends_early(now())) {
        return Ok(());
    }
    let kept = Told {
        at: told.at + Duration::from_millis(1),
        last_seen: if is_seen_later { change.at } else { told.last_seen },
        until: Told::life_from(now()),
        ..told
    };
    realtime.table().put_told(channel, (change.user, change.name), told, kept).await.map(drop)
}

/// Changes the status of the caller on this connection. If that changes their status over all of their devices, the
/// members are told, including the caller's connection: 1 write, and what [`settle`] costs.
///
/// # Errors
/// [`Error::NotJoined`] if the connection is no member; [`Error::Internal`] if the table or the queue fails.
pub async fn change_status(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: &Channel,
    status: Status,
) -> Result<Tally, Error> {
    realtime.table().set_status(caller, channel, status).await?;
    settle(realtime, channel, &PresenceChange::of(caller), None).await
}

/// Returns who is in a channel: the users by name, or only their number if they are many; and of a conversation, the
/// participants who are not, with when they were last seen. For a connection that has passed the access check before, the
/// check takes no extra time.
///
/// # Errors
/// [`Error::Forbidden`] on a channel without presence; [`Error::NotJoined`] if the caller's connection is no member.
pub async fn roster(access: &Access, caller: &SocketCaller, query: PresenceQuery) -> Result<Roster, Error> {
    let PresenceQuery { channel } = query;
    if !channel.kind().policy().presence {
        return Err(Error::Forbidden("the members of this channel do not see each other"));
    }
    let read = async {
        let (mut roster, participants) = tokio::try_join!(access.table.roster(&channel), async {
            match &channel {
                Channel::Conversation(conversation) => access.table.last_seen(conversation).await,
                _ => Ok(Vec::new()),
            }
        })?;
        if roster.users.len() == roster.count {
            let present: HashSet<&UserId> = roster.users.iter().map(|present| &present.user_id).collect();
            roster.absent =
                participants.into_iter().filter(|user| !present.contains(&user.user_id)).collect();
        }
        Ok(roster)
    };
    access.read_as(Caller::Socket(caller), &channel, Capability::Join, Box::pin(read)).await
}

/// Tells the members of a channel how many users are in it.
///
/// # Errors
/// [`Error::Internal`] if the table fails.
pub async fn tell_count(realtime: &Realtime, channel: &Channel) -> Result<(), Error> {
    let count = PresenceCount { count: realtime.table().roster(channel).await?.count };
    let event = presence_event(channel, EventName::PresenceCount, &count, now(), None)?;
    deliver::deliver(realtime, Delivery::to_all(event, None)).await.map(drop)
}

async fn count_later(realtime: &Realtime, channel: &Channel) -> Result<(), Error> {
    if realtime.table().takes_count(channel, now()).await? {
        realtime.timers.set(&Timer::Count(channel.clone()), COUNT_INTERVAL).await?;
    }
    Ok(())
}

fn presence_event(
    channel: &Channel,
    event: EventName,
    data: &impl Serialize,
    at: Timestamp,
    from: Option<Sender>,
) -> Result<Event, Error> {
    let data = to_raw_value(data).map_err(|error| Error::internal("presence", &error))?;
    Ok(Event { channel: channel.clone(), event, seq: None, at, from, key: None, data })
}
