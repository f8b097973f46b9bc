//! `status`: what the server knows of the caller's connection. One read.

use funnelcast_aws::{Caller, Store};
use funnelcast_core::{
    Error,
    action::{Status, StatusReply},
};

/// Reads the connection.
///
/// # Errors
/// [`Error::Unauthorized`] where the connection has been removed; the client connects again.
pub async fn handle(store: &Store, caller: &Caller, _: Status) -> Result<StatusReply, Error> {
    let connection = store.connection(&caller.connection).await?;
    let connection = connection.ok_or(Error::connection_ended())?;
    Ok(StatusReply {
        connection_id: caller.connection.clone(),
        user: connection.user,
        connected_at: connection.connected_at,
        expires_at: connection.expires_at,
        channels: connection.channels,
    })
}
