//! `$disconnect`: removes a connection and its memberships. One write, and one a channel left. API Gateway calls it
//! when it can, not always: what it does not clean, a 410 or the TTL does.

use funnelcast_aws::{
    Store,
    serve::{RouteResponse, WebSocketEvent, connection_of},
};
use funnelcast_core::Error;

/// Removes what there is. A repeat finds nothing, and that is fine.
///
/// # Errors
/// [`Error::Internal`] where the table fails.
pub async fn handle(store: &Store, event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let context = &event.request_context;
    let id = connection_of(context)?;
    if let Some(connection) = store.take_connection(&id).await? {
        store.remove_memberships(&connection.user, &id, &connection.channels).await?;
        tracing::info!(connection = %id, user = %connection.user, channels = connection.channels.len(),
            code = context.disconnect_status_code, "disconnected");
    }
    Ok(RouteResponse::EMPTY)
}
