//! Presence: telling the members of a channel which users are in it. Members of a channel with too many to name are told their
//! number instead, at intervals.
//!
//! Whatever changes a membership calls [`settle`] afterwards, which compares the memberships with what the members were
//! told last ([`funnelcast_aws::table::presence`]), and tells them where the two differ. So a change is told by whoever comes
//! upon it, and of simultaneous changes the last one is told last. After a failed post the event is owed by the queue of
//! deliveries.

use std::time::Duration;

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

/// How often presence may change while it is told, before whoever tells it gives up.
const SETTLE_ROUNDS_MAX: u32 = 20;

/// How long whoever finds that something is just being told leaves that to the other, before telling it as well: in case the
/// other has died.
const TELLING_MAX: Duration = Duration::from_millis(500);

/// Whose presence in a channel may have changed.
#[derive(Debug)]
pub struct PresenceChange<'a> {
    /// Who.
    pub user: &'a UserId,
    /// What to call them.
    pub name: &'a Name,
    /// When: if they have left, they were last seen then.
    pub at: Timestamp,
    /// A connection of theirs that knows this status already, and so is told only of another.
    pub known_by: Option<(&'a ConnectionId, Status)>,
}

/// What the table says of a user in a channel: what is, and what was told.
#[derive(Debug)]
pub struct PresenceSnapshot {
    /// The user's memberships.
    pub own: Vec<Member>,
    /// What the members were told of the user last.
    pub told: Told,
}

impl<'a> PresenceChange<'a> {
    /// The caller's presence may have changed just now.
    pub const fn of(caller: &'a SocketCaller) -> Self {
        let (user, name) = (&caller.identity.user, &caller.identity.name);
        Self { user, name, at: caller.now, known_by: None }
    }
}

impl PresenceSnapshot {
    /// Reads both: 1 read, and 1 a shard.
    pub async fn read(store: &Table, channel: &Channel, user: &UserId) -> Result<Self, Error> {
        let (own, told) = tokio::try_join!(store.members_of_user(channel, user), store.told(channel, user))?;
        Ok(Self { own, told })
    }
}

/// Tells the members of a channel what a user's presence is, where that is not what they were told last: 2 reads, and
/// where it has changed 2 writes, 1 read a shard, and the posts. `first` is what was read after the change, if the caller
/// has that already.
///
/// What is told is written down first, on condition that nobody has told anything else meanwhile; then the members are
/// read and posted to; and then it is noted that they have been. So the times of the events are in the order in which they
/// were decided, a joiner either reads it in the roster or is posted to, and whoever comes after a crash in between tells
/// again; not before half a second has passed, or all connections of a user that end at the same time would tell the same.
/// Whoever has told looks at the memberships once more, because a change that was found told already may have come in
/// between.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails, or the presence keeps changing.
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

/// Posts what a user's presence is to those members who do not know it, or has their number told where they are too many
/// to name, and notes that this is done. Returns also the user's status by the memberships that it has read.
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
    let members = realtime.table().few_members(channel, NAMED_MEMBERS_MAX).await?;
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

/// Keeps what was told, where it is still true but would count for less time than a connection may live; and when the user
/// was last seen, where this change is that, because all connections that are left ended before it.
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

/// Changes what the caller says of themselves on this connection, and tells the members, the caller's connection among
/// them, if that changes what they are over all of their devices: 1 write, and what [`settle`] costs.
///
/// # Errors
/// [`Error::NotJoined`] where the connection is no member; [`Error::Internal`] where the table or the queue fails.
pub async fn change_status(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: &Channel,
    status: Status,
) -> Result<Tally, Error> {
    realtime.table().set_status(caller, channel, status).await?;
    settle(realtime, channel, &PresenceChange::of(caller), None).await
}

/// Answers who is in a channel: names the users, or only counts them where they are many. For a connection that has passed
/// before, its check costs no time.
///
/// # Errors
/// [`Error::Forbidden`] on a channel whose members do not see each other; [`Error::NotJoined`] where the caller's connection is
/// no member.
pub async fn roster(access: &Access, caller: &SocketCaller, query: PresenceQuery) -> Result<Roster, Error> {
    let PresenceQuery { channel } = query;
    if !channel.kind().policy().presence {
        return Err(Error::Forbidden("the members of this channel do not see each other"));
    }
    let read = access.table.roster(&channel);
    access.read_as(Caller::Socket(caller), &channel, Capability::Join, read).await
}

/// Tells the members of a channel how many users it has.
///
/// # Errors
/// [`Error::Internal`] where the table fails.
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
