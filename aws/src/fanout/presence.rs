//! Telling a channel's members who comes and goes. What a user's presence is, says [`store::presence`]; and of a channel
//! with too many members to name, they are told the number, now and then.
//!
//! None of this is kept, and a post that fails is not tried again: who wants to be sure asks for `presence`. News of one
//! user may overtake each other; the later `lastSeen` is right.
//!
//! [`store::presence`]: crate::store::presence

use std::time::Duration;

use funnelcast_core::{
    Channel, ConnectionId, Error, Timestamp, UserId,
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
    errand::{Errand, Lost},
    gateway::IN_FLIGHT_MAX,
    now,
    store::{
        Member,
        presence::{COUNT_INTERVAL, NAMED_MEMBERS_MAX, users},
    },
};

/// How long a user may be without a connection before he has left: a reload, a tunnel, a change of networks.
pub const GRACE: Duration = Duration::from_secs(10);

impl Fanout {
    /// Tells the others that the caller has come, if this is his only membership; also where he has joined with it before,
    /// as the first time may have ended before the others heard. `members` are the channel's, read
    /// after his was written; `None` where they are too many to name.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails.
    pub async fn tell_arrival(
        &self,
        caller: &Caller,
        channel: &Channel,
        members: Option<&[Member]>,
    ) -> Result<(), Error> {
        let Some(members) = members else { return self.count_later(channel).await };
        let user = &caller.identity.user;
        if members.iter().filter(|member| member.user == *user).count() > 1 {
            return Ok(());
        }
        if let Some(presence) = users(members).remove(user) {
            let event = news(channel, EventName::PresenceJoin, &presence, Some(caller))?;
            self.post(&event, members, Some(&caller.connection)).await?;
        }
        Ok(())
    }

    /// Changes what the caller says of himself on this connection: 1 write. The others are told if that changes what he
    /// is over all of his devices. `members` are the channel's, the caller's own among them.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails.
    pub async fn change_status(
        &self,
        caller: &Caller,
        channel: &Channel,
        status: Status,
        mut members: Vec<Member>,
    ) -> Result<Tally, Error> {
        self.store.set_status(caller, channel, status).await?;
        let user = &caller.identity.user;
        let before = users(&members).remove(user);
        for member in members.iter_mut().filter(|member| member.connection == caller.connection) {
            (member.status, member.seen_at) = (status, caller.now);
        }
        let after = users(&members).remove(user);
        match (before, after) {
            (Some(before), Some(after))
                if before.status != after.status && members.len() <= NAMED_MEMBERS_MAX =>
            {
                let event = news(channel, EventName::PresenceUpdate, &after, Some(caller))?;
                self.post(&event, &members, Some(&caller.connection)).await
            }
            _ => Ok(Tally::default()),
        }
    }

    /// Ends a membership for good, and tells the others if it was the user's last. If only lost ones are left, the end
    /// of their grace would tell of a time when he was still here by this one; so this one is told of after them.
    ///
    /// The connection forgets the channel only then: a crash before that is mended when the connection ends.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn leave(
        &self,
        channel: &Channel,
        user: &UserId,
        name: &Name,
        connection: &ConnectionId,
    ) -> Result<(), Error> {
        let at = now();
        let left = self.end_membership(channel, user, name, connection, at).await?;
        if !left.is_empty() && left.iter().all(|member| member.left_at.is_some()) {
            let (user, name, connection) = (user.clone(), name.clone(), connection.clone());
            let lost = Lost { connection, user, name, channels: vec![channel.clone()], at };
            self.errands.put(&Errand::Left(lost), GRACE).await?;
        }
        self.store.forget_channel(user, connection, channel).await
    }

    /// Cleans up behind a connection that is gone. Where members see each other its memberships stay for [`GRACE`], as
    /// lost ones, and the others are told then.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn lose(&self, mut lost: Lost) -> Result<(), Error> {
        let sees_others = |channel: &Channel| channel.kind().policy().presence;
        let (told, untold) = lost.channels.into_iter().partition::<Vec<_>, _>(sees_others);
        self.store.remove_memberships(&lost.user, &lost.connection, &untold).await?;
        if told.is_empty() {
            return Ok(());
        }
        let losses = told.iter().map(|c| self.store.note_loss(&lost.user, &lost.connection, c, lost.at));
        let losses = stream::iter(losses).buffer_unordered(IN_FLIGHT_MAX).boxed(); // as in `post_frames`
        losses.try_collect::<()>().await?;
        lost.channels = told;
        self.errands.put(&Errand::Left(lost), GRACE).await
    }

    /// Ends the memberships that a lost connection has left.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails.
    pub async fn end_lost(&self, lost: &Lost) -> Result<(), Error> {
        for channel in &lost.channels {
            self.end_membership(channel, &lost.user, &lost.name, &lost.connection, lost.at).await?;
        }
        Ok(())
    }

    /// Tells a channel how many users it has.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails.
    pub async fn tell_count(&self, channel: &Channel) -> Result<(), Error> {
        let count = PresenceCount { count: self.store.roster(channel).await?.count };
        let event = news(channel, EventName::PresenceCount, &count, None)?;
        self.deliver(Delivery::to_all(event, None)).await.map(drop)
    }

    /// Ends a membership, and gives those that the user still has in the channel, where that names its users.
    ///
    /// First removes, then reads: of two last memberships that end at once, one finds that nothing is left; and who comes
    /// back meanwhile is either seen here, or sees nothing here and tells that he has come.
    async fn end_membership(
        &self,
        channel: &Channel,
        user: &UserId,
        name: &Name,
        connection: &ConnectionId,
        at: Timestamp,
    ) -> Result<Vec<Member>, Error> {
        self.store.remove_membership(user, connection, channel).await?;
        if !channel.kind().policy().presence {
            return Ok(Vec::new());
        }
        let Some(members) = self.store.few_members(channel, NAMED_MEMBERS_MAX).await? else {
            self.count_later(channel).await?;
            return Ok(Vec::new());
        };
        let (his, others): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.user == *user);
        if his.is_empty() {
            let presence = Presence {
                user_id: user.clone(),
                name: name.clone(),
                status: Status::Offline,
                last_seen: at,
            };
            self.post(&news(channel, EventName::PresenceLeave, &presence, None)?, &others, None).await?;
        }
        Ok(his)
    }

    async fn count_later(&self, channel: &Channel) -> Result<(), Error> {
        if self.store.takes_count(channel, now()).await? {
            self.errands.put(&Errand::Count(channel.clone()), COUNT_INTERVAL).await?;
        }
        Ok(())
    }
}

fn news(
    channel: &Channel,
    event: EventName,
    data: &impl Serialize,
    from: Option<&Caller>,
) -> Result<Event, Error> {
    let from = from
        .map(|caller| Sender { user_id: caller.identity.user.clone(), name: caller.identity.name.clone() });
    let data = to_raw_value(data).map_err(|error| Error::internal("presence", &error))?;
    Ok(Event { channel: channel.clone(), event, seq: None, at: now(), from, key: None, data })
}
