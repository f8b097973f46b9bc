//! `leave`: ceases to hear a channel. Two writes; where members see each other, also what it takes to tell them. To leave what
//! was never joined is no error: it is left, and nobody there hears of it.

use funnelcast_aws::{Caller, Fanout, store::rate::LEAVES};
use funnelcast_core::{
    Error,
    action::{Leave, Left},
};

/// Ends the membership, unless a `join` that was sent later has been applied, and tells the others if it was the user's last.
///
/// # Errors
/// [`Error::RateLimited`] where members are told too often that the user has gone.
pub async fn handle(fanout: &Fanout, caller: &Caller, leave: Leave) -> Result<Left, Error> {
    let Leave { channel, order } = leave;
    if channel.kind().policy().presence {
        fanout.store.admit(&LEAVES, &caller.identity.user, caller.now).await?;
    }
    fanout.leave(caller, &channel, order.unwrap_or(caller.order)).await?;
    Ok(Left { channel })
}
