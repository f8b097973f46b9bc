//! Connections: how a connection opens, how it is renewed, and how it is found to have ended.
//!
//! A user has at most [`CONNECTIONS_MAX`] connections. One more is not refused: the connection that has been silent
//! for longest is told why and closed. It is the likeliest to be dead, and so connections that ended without a close
//! frame lock nobody out.

use std::time::Duration;

use funnelcast_aws::{
    clock::now,
    config::Lease,
    gateway::{Gateway, IN_FLIGHT_MAX, PostOutcome},
    spending::{self, price},
    table::connections::{CONNECTIONS_MAX, Connection, Removal},
};
use funnelcast_core::{
    ConnectionId, Error, SocketCaller, UserId,
    action::{Ping, Pong, StatusReply},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    access::Access,
    context::Realtime,
    timer::{Timer, Timers},
    tokens::Issuers,
};

/// Stores a connection that the authorizer has admitted, and sets the timer of its lease: 2 reads, 1 write, 1
/// message.
///
/// # Errors
/// [`Error::RateLimited`] if the user has cost too much; [`Error::Internal`] if the table or the queue fails, in
/// which case a row that was written ends with the lease or by its TTL.
pub async fn open(
    access: &Access,
    timers: &Timers,
    gateway: &Gateway,
    lease: Lease,
    caller: &SocketCaller,
) -> Result<(), Error> {
    let (user, now) = (&caller.identity.user, caller.now);
    access.rates.check_spending(user, now).await?;
    let keep = async {
        let timer = Timer::Lease { user: user.clone(), connection: caller.connection.clone() };
        let ends_in = lease.length().min(caller.identity.expires_at.since(now));
        tokio::try_join!(access.table.put_connection(caller), timers.set(&timer, ends_in))?;
        make_room(access, gateway, caller).await
    };
    let (kept, dollars) = spending::counted(Box::pin(keep)).await;
    access.rates.charge(user, dollars + price::INVOCATION + price::CONNECTION, now).await;
    kept
}

/// How often a new connection looks for others to displace, while there are too many.
const ROUNDS_MAX: usize = 5;

/// Ends the connections that this one displaces, until its user has no more than [`CONNECTIONS_MAX`]. One that cannot be
/// told at present is left to the next connection of the user: if it were closed without being told, its client would
/// reconnect.
async fn make_room(access: &Access, gateway: &Gateway, newest: &SocketCaller) -> Result<(), Error> {
    for _ in 0..ROUNDS_MAX {
        let displaced = access.table.displaced_by(newest).await?;
        if displaced.is_empty() {
            break;
        }
        for displaced in displaced {
            let why = format!("this connection has ended: its user has more than {CONNECTIONS_MAX}");
            if gateway.end(&displaced, &Error::Conflict(why.into())).await? == PostOutcome::Failed {
                return Ok(());
            }
            access.table.remove_connection(&newest.identity.user, &displaced).await?;
        }
    }
    Ok(())
}

/// Renews the lease of the caller's connection: 1 read, and 1 write if the last write is older than a third of the
/// lease. With a fresh token, the connection and its memberships live as long as that token: 1 write more, and 1 per
/// channel.
///
/// The fresh token must have the same claims for the same user: a user with another company opens another connection.
/// A token that ends no later than the one that the connection has changes nothing.
///
/// # Errors
/// [`Error::Unauthorized`] if the connection has ended or the token is not valid; [`Error::Conflict`] if its claims
/// differ from those of the old one. The connection then lives on as it was.
pub async fn renew(
    access: &Access,
    issuers: &Issuers,
    lease: Lease,
    caller: &SocketCaller,
    ping: Ping,
) -> Result<Pong, Error> {
    let Some(token) = ping.token else {
        renew_lease(access, lease, caller).await?;
        return Ok(Pong { at: caller.now, expires_at: None });
    };
    let fresh = issuers.verify(&token, caller.now).await.map_err(|reason| {
        tracing::warn!(%reason, user = %caller.identity.user, "refused a fresh token");
        Error::Unauthorized("the token is not valid".into())
    })?;
    if !caller.identity.is_renewed_by(&fresh) {
        return Err(Error::Conflict("the token says something else than the old one; connect again".into()));
    }
    let expires_at =
        access.table.renew(&fresh.user, &caller.connection, fresh.expires_at, caller.now).await?;
    renew_lease(access, lease, caller).await?;
    Ok(Pong { at: caller.now, expires_at: Some(expires_at) })
}

async fn renew_lease(access: &Access, lease: Lease, caller: &SocketCaller) -> Result<(), Error> {
    let (user, id) = (&caller.identity.user, &caller.connection);
    let connection = access.table.connection(user, id).await?.ok_or(Error::connection_ended())?;
    if connection.seen_at + lease.unwritten_max() <= caller.now {
        access.table.note_seen(user, id, caller.now).await?;
    }
    Ok(())
}

/// Returns what the server knows of the caller's connection: 1 read.
///
/// # Errors
/// [`Error::Unauthorized`] if the connection has ended; the client then reconnects.
pub async fn status(access: &Access, lease: Lease, caller: &SocketCaller) -> Result<StatusReply, Error> {
    let connection = access.table.connection(&caller.identity.user, &caller.connection).await?;
    connection.map(|connection| status_of(connection, lease)).ok_or(Error::connection_ended())
}

/// The status of a connection, as its user is told it.
pub fn status_of(connection: Connection, lease: Lease) -> StatusReply {
    let Connection { id, user, connected_at, expires_at, channels, .. } = connection;
    let channels = channels.into_iter().map(|joined| joined.channel).collect();
    let lease_seconds = lease.length().as_secs();
    StatusReply { connection_id: id, user, connected_at, expires_at, lease_seconds, channels }
}

/// Closes all connections of a user, or the given one, and returns their ids: 1 read, and per connection 1 write and
/// 1 call of the gateway. Their memberships end as after any other departure.
///
/// # Errors
/// [`Error::NotFound`] if the given connection is not the user's; [`Error::Internal`] if the table or the gateway
/// fails.
pub async fn close(
    realtime: &Realtime,
    user: &UserId,
    only: Option<&ConnectionId>,
) -> Result<Vec<ConnectionId>, Error> {
    let table = realtime.table();
    let ids: Vec<ConnectionId> = match only {
        Some(id) => vec![table.connection(user, id).await?.ok_or(Error::NotFound("the connection"))?.id],
        None => table.connections(user).await?.into_iter().map(|connection| connection.id).collect(),
    };
    // Closed first, so that the row is still there for a retry if that fails.
    stream::iter(&ids)
        .map(async |id| {
            realtime.gateway.close(id).await?;
            table.remove_connection(user, id).await.map(drop)
        })
        .buffer_unordered(IN_FLIGHT_MAX)
        .boxed() // else the compiler does not see that it is `Send` (rust-lang/rust#102211)
        .try_collect::<()>()
        .await?;
    Ok(ids)
}

/// Removes a connection whose lease or token has ended, or sets another timer if it is alive: 1 read, and 1 write or
/// 1 message.
///
/// Not every frame is recorded in the table, because that would cost a write per frame; only `ping` is. API Gateway
/// knows when a message last went over the connection, so it is asked before a connection is considered dead.
///
/// # Errors
/// [`Error::Internal`] if the table, the queue or the gateway fails.
pub async fn check_lease(
    realtime: &Realtime,
    lease: Lease,
    user: UserId,
    id: ConnectionId,
) -> Result<(), Error> {
    let Some(connection) = realtime.table().connection(&user, &id).await? else { return Ok(()) };
    let now = now();
    let mut ends_at = (connection.seen_at + lease.length()).min(connection.expires_at);
    if ends_at <= now && now < connection.expires_at {
        let active_at = realtime.gateway.last_active(&id).await?;
        let active_until = active_at.map_or(ends_at, |at| at + lease.length());
        ends_at = ends_at.max(active_until).min(connection.expires_at);
    }
    if now < ends_at {
        return realtime.timers.set(&Timer::Lease { user, connection: id }, ends_at.since(now)).await;
    }
    match realtime.table().remove_unchanged_connection(&connection).await? {
        Removal::Done => {
            // The socket may still be open and only silent. Closing it lets the client know that nothing is delivered
            // any more; a close frame of API Gateway has no reason of ours, so it is told before.
            let why = if now < connection.expires_at {
                let silent = lease.length().as_secs();
                format!(
                    r#"this connection has ended: it sent nothing for {silent} s. Send {{"action":"ping"}} now and then"#
                )
            } else {
                "this connection has ended with its token; a ping may bring a fresh one in time".to_owned()
            };
            match realtime.gateway.end(&id, &Error::Unauthorized(why.into())).await? {
                // It must be closed all the same, as its row is gone.
                PostOutcome::Failed => realtime.gateway.close(&id).await,
                _ => Ok(()),
            }
        }
        // It was renewed in the meantime, or is gone.
        Removal::NothingThere => {
            realtime.timers.set(&Timer::Lease { user, connection: id }, Duration::ZERO).await
        }
    }
}
