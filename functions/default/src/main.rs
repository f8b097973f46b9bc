//! `$default`: refuses a frame that matches no other route: its action does not exist, or it is not a JSON object.

use funnelcast_aws::serve::{EventType, RouteResponse, WebSocketEvent, serve_route};
use funnelcast_core::{Error, action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_route(EventType::Message, handle).await
}

async fn handle((): &(), event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let rejected = action::reject_unrouted(event.body.as_deref().unwrap_or_default());
    let connection = event.request_context.connection_id.unwrap_or_default();
    tracing::info!(connection, code = rejected.error.code(), "rejected");
    Ok(RouteResponse::rejected(&rejected))
}
