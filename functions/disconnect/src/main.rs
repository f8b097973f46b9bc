//! `$disconnect`: removes a connection: 1 write. Its memberships are ended by the consumer of the table's stream,
//! whatever removed the connection. API Gateway invokes this on a best-effort basis; a connection that it misses is
//! found by a 410, the lease or the TTL.

use funnelcast_aws::{
    Table,
    serve::{EventType, RouteResponse, WebSocketEvent, serve_route, socket_caller},
};
use funnelcast_core::{Error, SocketCaller};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_route(EventType::Disconnect, handle).await
}

/// Removes the connection. A repeat finds nothing, which is no error.
async fn handle(table: &Table, event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let context = &event.request_context;
    let SocketCaller { identity, connection, .. } = socket_caller(context)?;
    let removal = table.remove_connection(&identity.user, &connection).await?;
    tracing::debug!(?removal, code = context.disconnect_status_code, "disconnected");
    Ok(RouteResponse::EMPTY)
}
