//! `leave`: ceases to hear a channel. Two writes. To leave what was never joined is no error: it is left.

use funnelcast_aws::{Caller, Store};
use funnelcast_core::{
    Error,
    action::{Leave, Left},
};

/// Removes the membership.
///
/// # Errors
/// None of its own.
pub async fn handle(store: &Store, caller: &Caller, Leave { channel }: Leave) -> Result<Left, Error> {
    store.remove_membership(&caller.identity.user, &caller.connection, &channel).await?;
    Ok(Left { channel })
}
