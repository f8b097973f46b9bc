//! `leave`: ceases to hear a channel. One read, two writes; where members see each other, one more read and the posts that
//! tell them. To leave what was never joined is no error: it is left, and nobody there hears of it.

use funnelcast_aws::{Caller, Fanout};
use funnelcast_core::{
    Error,
    action::{Leave, Left},
};

/// Ends the membership, and tells the others if it was the user's last.
///
/// # Errors
/// None of its own.
pub async fn handle(fanout: &Fanout, caller: &Caller, Leave { channel }: Leave) -> Result<Left, Error> {
    let identity = &caller.identity;
    if fanout.store.is_member(caller, &channel).await? {
        fanout.leave(&channel, &identity.user, &identity.name, &caller.connection).await?;
    }
    Ok(Left { channel })
}
