//! `ping`: keeps the connection from idling (API Gateway ends it after 10 minutes without a frame), and tells the
//! server's clock. No read, no write.

use funnelcast_aws::Caller;
use funnelcast_core::{
    Error,
    action::{Ping, Pong},
};

/// Answers.
///
/// # Errors
/// None of its own.
#[expect(clippy::unused_async, reason = "every action has the same shape")]
pub async fn handle((): &(), caller: &Caller, _: Ping) -> Result<Pong, Error> {
    Ok(Pong { at: caller.now })
}
