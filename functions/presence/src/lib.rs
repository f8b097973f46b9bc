//! `presence`: who is in a channel. One read to see that the caller is, and the members.

use funnelcast_aws::{Caller, Store, store::Actor};
use funnelcast_core::{
    Error,
    action::{PresenceQuery, Roster},
    grant::Capability,
};

/// Names the users, or only counts them where they are many.
///
/// # Errors
/// [`Error::Forbidden`] on a channel whose members do not see each other; [`Error::NotJoined`] where the caller's
/// connection is no member.
pub async fn handle(store: &Store, caller: &Caller, query: PresenceQuery) -> Result<Roster, Error> {
    let PresenceQuery { channel } = query;
    if !channel.kind().policy().presence {
        return Err(Error::Forbidden("the members of this channel do not see each other"));
    }
    store.read_as(Actor::Member(caller), &channel, Capability::Join, store.roster(&channel)).await
}
