//! Telling a channel's members who is there. What a user's presence is, says [`store::presence`]; and of a channel with too
//! many members to name, they are told the number, now and then.
//!
//! Whatever changes a membership calls [`Fanout::settle_presence`] afterwards, which compares what the memberships say with
//! what the members were told last, and tells them where that differs. So a change is told whoever comes upon it, and of
//! changes that happen at the same time the last one is told last. A post that fails is owed by the fan-out queue.
//!
//! [`store::presence`]: crate::store::presence

use std::time::Duration;

use funnelcast_core::{
    Channel, ConnectionId, Error, JoinOrder, Timestamp, UserId,
    event::{EventName, Presence, PresenceCount, Status},
    frame::{Event, Sender},
    identity::Name,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{Delivery, Fanout, Tally};
use crate::{
    Caller,
    errand::{Errand, JOIN_TIME_MAX, Lost},
    gateway::IN_FLIGHT_MAX,
    now,
    store::{
        Member, Store, back_off,
        connections::ChannelJoin,
        presence::{COUNT_INTERVAL, DEPARTURE_GRACE, NAMED_MEMBERS_MAX, Told, users},
    },
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

impl PresenceSnapshot {
    /// Reads both: 1 read, and 1 a shard.
    pub async fn read(store: &Store, channel: &Channel, user: &UserId) -> Result<Self, Error> {
        let (own, told) = tokio::try_join!(store.members_of_user(channel, user), store.told(channel, user))?;
        Ok(Self { own, told })
    }
}

impl Fanout {
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
    pub async fn settle_presence(
        &self,
        channel: &Channel,
        change: &PresenceChange<'_>,
        mut first: Option<PresenceSnapshot>,
    ) -> Result<Tally, Error> {
        let PresenceChange { user, name, .. } = *change;
        let mut tally = Tally::default();
        for round in 0..SETTLE_ROUNDS_MAX {
            let PresenceSnapshot { own, told } = match first.take() {
                Some(snapshot) => snapshot,
                None => PresenceSnapshot::read(&self.store, channel, user).await?,
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
                    tally = self.tell(channel, change, told).await?.0;
                }
                self.keep_told(channel, change, Told { telling: None, ..told }, &own).await?;
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
            if self.store.put_told(channel, (user, name), told, telling).await? {
                let is_now;
                (tally, is_now) = self.tell(channel, change, telling).await?;
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
        &self,
        channel: &Channel,
        change: &PresenceChange<'_>,
        telling: Told,
    ) -> Result<(Tally, Option<Status>), Error> {
        let PresenceChange { user, name, known_by, .. } = *change;
        let Told { status, at, last_seen, telling: Some(event), .. } = telling else {
            return Ok((Tally::default(), telling.status));
        };
        let members = self.store.few_members(channel, NAMED_MEMBERS_MAX).await?;
        let (tally, own) = if let Some(members) = &members {
            let (user_id, name) = (user.clone(), name.clone());
            let from = Sender { user_id: user_id.clone(), name: name.clone() };
            let known_by = known_by.filter(|(_, known)| status == Some(*known));
            let presence = Presence { user_id, name, status: status.unwrap_or(Status::Offline), last_seen };
            let event = presence_event(channel, event, &presence, at, Some(from))?;
            let except = known_by.map(|(connection, _)| connection);
            (self.post_or_owe(event, members, except).await?, users(members, now()).remove(user))
        } else {
            self.count_later(channel).await?;
            let own = self.store.members_of_user(channel, user).await?;
            (Tally::default(), users(&own, now()).remove(user))
        };
        self.store.note_told(channel, user, telling).await?;
        Ok((tally, own.map(|own| own.status)))
    }

    /// Keeps what was told, where it is still true but would count for less time than a connection may live; and when the user
    /// was last seen, where this change is that, because all connections that are left ended before it.
    async fn keep_told(
        &self,
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
        self.store.put_told(channel, (change.user, change.name), told, kept).await.map(drop)
    }

    /// Changes what the caller says of themselves on this connection, and tells the members, the caller's connection among
    /// them, if that changes what they are over all of their devices: 1 write, and what [`settle_presence`](Self::settle_presence) costs.
    ///
    /// # Errors
    /// [`Error::NotJoined`] where the connection is no member; [`Error::Internal`] where the table or the queue fails.
    pub async fn change_status(
        &self,
        caller: &Caller,
        channel: &Channel,
        status: Status,
    ) -> Result<Tally, Error> {
        self.store.set_status(caller, channel, status).await?;
        self.settle_presence(channel, &caller.change(), None).await
    }

    /// Ends the caller's membership of a channel, if no later `join` of it has been applied: 2 writes, and where members see
    /// each other what [`settle_presence`](Self::settle_presence) costs.
    ///
    /// A `join` that was sent before and is still under way will find that the channel has been left; in case it ends before
    /// it has looked, its membership is removed once that must be over.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn leave(&self, caller: &Caller, channel: &Channel, order: JoinOrder) -> Result<(), Error> {
        let (user, id) = (&caller.identity.user, &caller.connection);
        let join = ChannelJoin { channel: channel.clone(), join: order };
        let before = self.store.note_leave(user, id, channel, order).await?;
        let removed = self.store.remove_membership(user, id, &join).await?;
        let joined = before.as_ref().and_then(|before| before.joined(channel));
        if joined > removed {
            let (user, name, at) = (user.clone(), caller.identity.name.clone(), caller.now);
            let left = Lost { connection: id.clone(), user, name, channels: vec![join], at };
            self.errands.put(&Errand::Left(left), JOIN_TIME_MAX).await?;
        }
        // An earlier `leave` may have ended before it told anybody.
        let is_repeat = before.is_some_and(|before| before.left(channel).is_some());
        if channel.kind().policy().presence && (joined.is_some() || removed.is_some() || is_repeat) {
            self.settle_presence(channel, &caller.change(), None).await?;
        }
        Ok(())
    }

    /// Ends a membership whatever its connection wants, unless that has joined again since, and tells the others: 2 writes,
    /// and where members see each other what [`settle_presence`](Self::settle_presence) costs.
    ///
    /// The connection forgets the channel last: a crash before that is mended when the connection ends.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn end_membership(&self, channel: &Channel, member: &Member) -> Result<(), Error> {
        let Member { user, name, connection, join_order, .. } = member;
        self.store.remove_membership(user, connection, &member.join(channel)).await?;
        if channel.kind().policy().presence {
            let change = PresenceChange { user, name, at: now(), known_by: None };
            self.settle_presence(channel, &change, None).await?;
        }
        self.store.forget_channel(user, connection, channel, *join_order).await
    }

    /// Ends whatever membership the caller's connection has by this `join` or an earlier one, or where the table fails has
    /// `sweep` do it: what [`end_membership`](Self::end_membership) costs, or 1 message.
    ///
    /// # Errors
    /// [`Error::Internal`] where the queue fails too.
    pub async fn withdraw(&self, caller: &Caller, join: ChannelJoin) -> Result<(), Error> {
        let (user, name) = (caller.identity.user.clone(), caller.identity.name.clone());
        let connection = caller.connection.clone();
        let lost = Lost { connection, user, name, channels: vec![join.clone()], at: now() };
        let ended = async {
            self.end_lost(&lost).await?;
            self.store.forget_channel(&lost.user, &lost.connection, &join.channel, join.join).await
        };
        let Err(error) = ended.await else { return Ok(()) };
        tracing::warn!(%error, "a join has failed, and its membership is left to be ended");
        self.errands.put(&Errand::Left(lost), Duration::ZERO).await
    }

    /// Cleans up behind a connection that has ended. Where members see each other its memberships stay for
    /// [`DEPARTURE_GRACE`], as departed ones, and the others are told then.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn lose(&self, mut lost: Lost) -> Result<(), Error> {
        let is_seen = |joined: &ChannelJoin| joined.channel.kind().policy().presence;
        let (seen, unseen) = lost.channels.into_iter().partition::<Vec<_>, _>(is_seen);
        self.store.remove_memberships(&lost.user, &lost.connection, &unseen).await?;
        if seen.is_empty() {
            return Ok(());
        }
        let departures =
            seen.iter().map(|join| self.store.note_departure(&lost.user, &lost.connection, join, lost.at));
        let departures = stream::iter(departures).buffer_unordered(IN_FLIGHT_MAX).boxed(); // as in `post_frames`
        departures.try_collect::<()>().await?;
        lost.channels = seen;
        self.errands.put(&Errand::Left(lost), DEPARTURE_GRACE).await
    }

    /// Removes the memberships that a connection has left behind, and tells the others.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn end_lost(&self, lost: &Lost) -> Result<(), Error> {
        let change = PresenceChange { user: &lost.user, name: &lost.name, at: lost.at, known_by: None };
        for join in &lost.channels {
            self.store.remove_membership(&lost.user, &lost.connection, join).await?;
            if join.channel.kind().policy().presence {
                self.settle_presence(&join.channel, &change, None).await?;
            }
        }
        Ok(())
    }

    /// Tells a channel how many users it has.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails.
    pub async fn tell_count(&self, channel: &Channel) -> Result<(), Error> {
        let count = PresenceCount { count: self.store.roster(channel).await?.count };
        let event = presence_event(channel, EventName::PresenceCount, &count, now(), None)?;
        self.deliver(Delivery::to_all(event, None)).await.map(drop)
    }

    async fn count_later(&self, channel: &Channel) -> Result<(), Error> {
        if self.store.takes_count(channel, now()).await? {
            self.errands.put(&Errand::Count(channel.clone()), COUNT_INTERVAL).await?;
        }
        Ok(())
    }
}

impl Caller {
    /// That the caller's presence may have changed just now.
    pub fn change(&self) -> PresenceChange<'_> {
        let (user, name) = (&self.identity.user, &self.identity.name);
        PresenceChange { user, name, at: self.now, known_by: None }
    }
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
