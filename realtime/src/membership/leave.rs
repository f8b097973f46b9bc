//! Leaving a channel, and every other end of a membership.

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

/// Leaves a channel, unless a `join` that was sent later has been applied: 2 writes, and where members see each other what it
/// takes to tell them. To leave a channel that was never joined is no error: nobody there is told of it.
///
/// # Errors
/// [`Error::RateLimited`] where the user leaves such channels too often; [`Error::Internal`] where the table or the queue fails.
pub async fn leave(realtime: &Realtime, caller: &SocketCaller, leave: Leave) -> Result<Left, Error> {
    let Leave { channel, order } = leave;
    if channel.kind().policy().presence {
        realtime.access.rates.admit(&LEAVES, &caller.identity.user, caller.now).await?;
    }
    end_own(realtime, caller, &channel, order.unwrap_or(caller.order)).await?;
    Ok(Left { channel })
}

/// Ends the caller's membership of a channel, if no later `join` of it has been applied: 2 writes, and where members see
/// each other what [`presence::settle`] costs.
///
/// A `join` that was sent before and is still under way will find that the channel has been left; in case it ends before
/// it has looked, its membership is removed once that must be over.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails.
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
    // An earlier `leave` may have ended before it told anybody.
    let is_repeat = before.is_some_and(|before| before.left(channel).is_some());
    if channel.kind().policy().presence && (joined.is_some() || removed.is_some() || is_repeat) {
        presence::settle(realtime, channel, &PresenceChange::of(caller), None).await?;
    }
    Ok(())
}

/// Ends a membership whatever its connection wants, unless that has joined again since, and tells the others: 2 writes,
/// and where members see each other what [`presence::settle`] costs.
///
/// The connection forgets the channel last: a crash before that is mended when the connection ends.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails.
pub async fn end(realtime: &Realtime, channel: &Channel, member: &Member) -> Result<(), Error> {
    let Member { user, name, connection, join_order, .. } = member;
    realtime.table().remove_membership(user, connection, &member.join(channel)).await?;
    if channel.kind().policy().presence {
        let change = PresenceChange { user, name, at: now(), known_by: None };
        presence::settle(realtime, channel, &change, None).await?;
    }
    realtime.table().forget_channel(user, connection, channel, *join_order).await
}

/// Ends whatever membership the caller's connection has by this `join` or an earlier one, or where the table fails has
/// the `timers` function do it: what [`end`] costs, or 1 message.
///
/// # Errors
/// [`Error::Internal`] where the queue fails too.
pub async fn withdraw(realtime: &Realtime, caller: &SocketCaller, join: ChannelJoin) -> Result<(), Error> {
    let (user, name) = (caller.identity.user.clone(), caller.identity.name.clone());
    let connection = caller.connection.clone();
    let departed = Departed { connection, user, name, channels: vec![join.clone()], at: now() };
    let ended = async {
        end_departed(realtime, &departed).await?;
        realtime.table().forget_channel(&departed.user, &departed.connection, &join.channel, join.join).await
    };
    let Err(error) = ended.await else { return Ok(()) };
    tracing::warn!(%error, "a join has failed, and its membership is left to be ended");
    realtime.timers.set(&Timer::Departed(departed), Duration::ZERO).await
}

/// Removes the memberships that a connection has left behind, and tells the others.
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails.
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
