//! `$disconnect`: removes a connection: 1 write. Its memberships end when the table's stream tells of that, whoever removed it.
//! API Gateway calls this when it can, not always: what it misses, a 410, the lease or the TTL finds.

use funnelcast_aws::{
    Table,
    serve::{EventType, RouteResponse, WebSocketEvent, serve_route, socket_caller},
};
use funnelcast_core::{Error, SocketCaller};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_route(EventType::Disconnect, handle).await
}

/// A repeat finds nothing, which is no error.
async fn handle(table: &Table, event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let context = &event.request_context;
    let SocketCaller { identity, connection, .. } = socket_caller(context)?;
    let removal = table.remove_connection(&identity.user, &connection).await?;
    tracing::debug!(?removal, code = context.disconnect_status_code, "disconnected");
    Ok(RouteResponse::EMPTY)
}
