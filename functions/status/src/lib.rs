//! `status`: what the server knows of the caller's connection. One read.

use funnelcast_aws::{Caller, Store, store::Connection};
use funnelcast_core::{
    Error,
    action::{Status, StatusReply},
};

/// Reads the connection.
///
/// # Errors
/// [`Error::Unauthorized`] where the connection has been removed; the client connects again.
pub async fn handle(store: &Store, caller: &Caller, _: Status) -> Result<StatusReply, Error> {
    let connection = store.connection(&caller.identity.user, &caller.connection).await?;
    connection.map(reply).ok_or(Error::connection_ended())
}

/// What its user is told of a connection.
pub fn reply(connection: Connection) -> StatusReply {
    let Connection { id, user, connected_at, expires_at, channels, .. } = connection;
    let channels = channels.into_iter().map(|joined| joined.channel).collect();
    StatusReply { connection_id: id, user, connected_at, expires_at, channels }
}
