//! `$default`: answers what no other route took: an action that does not exist, a frame that is no JSON object.

use funnelcast_aws::serve::{RouteResponse, WebSocketEvent};
use funnelcast_core::{Error, action};

/// Says what is wrong with the frame.
///
/// # Errors
/// None: the refusal is the answer.
#[expect(clippy::unused_async, reason = "every handler has the same shape")]
pub async fn handle((): &(), event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let rejected = action::reject_unrouted(event.body.as_deref().unwrap_or_default());
    let connection = event.request_context.connection_id.unwrap_or_default();
    tracing::info!(connection, code = rejected.error.code(), "rejected");
    Ok(RouteResponse::rejected(&rejected))
}
