//! `$disconnect`: removes a connection. One write; its memberships are cleaned up by who reads of that in the table's
//! stream, whoever removed it. API Gateway calls this when it can, not always: what it misses, a 410, the lease or the TTL
//! finds.

use funnelcast_aws::{
    Caller, Store,
    serve::{RouteResponse, WebSocketEvent},
};
use funnelcast_core::Error;

/// Removes it. A repeat finds nothing, and that is fine.
///
/// # Errors
/// [`Error::Internal`] where the table fails.
pub async fn handle(store: &Store, event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let context = &event.request_context;
    let Caller { identity, connection, .. } = Caller::of(context)?;
    let removal = store.remove_connection(&identity.user, &connection).await?;
    tracing::debug!(?removal, code = context.disconnect_status_code, "disconnected");
    Ok(RouteResponse::EMPTY)
}
