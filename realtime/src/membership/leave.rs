//! Leaving a channel, and all other ends of a membership.

use std::time::Duration;

use funnelcast_aws::{
    clock::now,
    table::{
        Member,
        connections::{ChannelJoin, Departed},
    },
};
use funnelcast_core::{
    Channel, Error, JoinOrder, SocketCaller,
    action::{Leave, Left},
};

use crate::{
    context::Realtime,
    presence::{self, PresenceChange},
    rates::LEAVES,
    timer::{JOIN_TIME_MAX, Timer},
};

/// Leaves a channel, unless a `join` that was sent later has been applied: 2 writes, and on presence channels what it
/// takes to tell the members. Leaving a channel that was never joined is no error, and no member is told of it.
///
/// # Errors
/// [`Error::RateLimited`] if the user leaves presence channels too often; [`Error::Internal`] if the table or the
/// queue fails.
pub async fn leave(realtime: &Realtime, caller: &SocketCaller, leave: Leave) -> Result<Left, Error> {
    let Leave { channel, order } = leave;
    if channel.kind().policy().presence {
        realtime.access.rates.admit(&LEAVES, &caller.identity.user, caller.now).await?;
    }
    end_own(realtime, caller, &channel, order.unwrap_or(caller.order)).await?;
    Ok(Left { channel })
}

/// Ends the caller's membership of a channel, unless a later `join` of it has been applied: 2 writes, and on presence
/// channels what [`presence::settle`] costs.
///
/// A `join` that was sent earlier and is still under way finds that the channel has been left. In case it dies before
/// it has looked, its membership is removed once it must have ended.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub(crate) async fn end_own(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: &Channel,
    order: JoinOrder,
) -> Result<(), Error> {
    let (user, id) = (&caller.identity.user, &caller.connection);
    let join = ChannelJoin { channel: channel.clone(), join: order };
    let before = realtime.table().note_leave(user, id, channel, order).await?;
    let removed = realtime.table().remove_membership(user, id, &join).await?;
    let joined = before.as_ref().and_then(|before| before.joined(channel));
    if joined > removed {
        let (user, name, at) = (user.clone(), caller.identity.name.clone(), caller.now);
        let left = Departed { connection: id.clone(), user, name, channels: vec![join], at };
        realtime.timers.set(&Timer::Departed(left), JOIN_TIME_MAX).await?;
    }
    // An earlier `leave` may have ended before it told the members.
    let is_repeat = before.is_some_and(|before| before.left(channel).is_some());
    if channel.kind().policy().presence && (joined.is_some() || removed.is_some() || is_repeat) {
        presence::settle(realtime, channel, &PresenceChange::of(caller), None).await?;
    }
    Ok(())
}

/// Ends a membership that its connection did not leave, unless the connection has joined again since, and tells the
/// other members: 2 writes, and on presence channels what [`presence::settle`] costs.
///
/// The channel is removed from the connection's list last: after a crash before that, the end of the connection
/// repairs it.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn end(realtime: &Realtime, channel: &Channel, member: &Member) -> Result<(), Error> {
    let Member { user, name, connection, join_order, .. } = member;
    realtime.table().remove_membership(user, connection, &member.join(channel)).await?;
    if channel.kind().policy().presence {
        let change = PresenceChange { user, name, at: now(), known_by: None };
        presence::settle(realtime, channel, &change, None).await?;
    }
    realtime.table().forget_channel(user, connection, channel, *join_order).await
}

/// Ends the membership that the caller's connection has by this `join` or an earlier one. If the table fails, the
/// `timers` function does so. This costs what [`end`] costs, or 1 message.
///
/// # Errors
/// [`Error::Internal`] if the queue fails too.
pub async fn withdraw(realtime: &Realtime, caller: &SocketCaller, join: ChannelJoin) -> Result<(), Error> {
    let (user, name) = (caller.identity.user.clone(), caller.identity.name.clone());
    let connection = caller.connection.clone();
    let departed = Departed { connection, user, name, channels: vec![join.clone()], at: now() };
    let ended = async {
        end_departed(realtime, &departed).await?;
        realtime.table().forget_channel(&departed.user, &departed.connection, &join.channel, join.join).await
    };
    let Err(error) = ended.await else { return Ok(()) };
    tracing::warn!(%error, "a join failed; its membership is removed by a timer");
    realtime.timers.set(&Timer::Departed(departed), Duration::ZERO).await
}

/// Removes the memberships that a connection has left behind, and tells the other members.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn end_departed(realtime: &Realtime, departed: &Departed) -> Result<(), Error> {
    let change =
        PresenceChange { user: &departed.user, name: &departed.name, at: departed.at, known_by: None };
    for join in &departed.channels {
        realtime.table().remove_membership(&departed.user, &departed.connection, join).await?;
        if join.channel.kind().policy().presence {
            presence::settle(realtime, &join.channel, &change, None).await?;
        }
    }
    Ok(())
}
