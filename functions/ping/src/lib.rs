//! `ping`: renews the connection's lease, and tells the server's clock. One read, and one write where the last word of the
//! connection that was written down is older than a fifth of the lease: at most one a minute, as it comes.
//!
//! A connection that is not in the table any more is told so, though it may still be up: it hears nothing, and must
//! connect again.
//!
//! It may carry a fresh token, so that a connection outlives the one that it came with. The fresh one must say the same
//! of the same user: a user who has another company now connects again, and joins what they may. It must come while the old one
//! still counts. One that ends no later than the one that the connection has changes nothing. API Gateway's 2 hours a
//! connection stay as they are.

use funnelcast_aws::{Caller, Config, Issuers, Resource, Store, config::Lease};
use funnelcast_core::{
    Error,
    action::{Ping, Pong},
};

/// The table, and whom to believe.
#[derive(Debug)]
pub struct Renewal {
    store: Store,
    issuers: Issuers,
    lease: Lease,
}

impl Resource for Renewal {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (store, issuers) = (Store::build(config).await?, Issuers::build(config).await?);
        Ok(Self { store, issuers, lease: config.lease })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

/// Answers, and renews the lease; with a fresh token the connection and its memberships too: 1 write more, and 1 a channel.
///
/// # Errors
/// [`Error::Unauthorized`] where the connection is gone, or the token is not valid; [`Error::Conflict`] where that says
/// something else than the old one. The connection then lives on as it was.
pub async fn handle(renewal: &Renewal, caller: &Caller, ping: Ping) -> Result<Pong, Error> {
    let Some(token) = ping.token else {
        renew_lease(renewal, caller).await?;
        return Ok(Pong { at: caller.now, expires_at: None });
    };
    let fresh = renewal.issuers.verify(&token, caller.now).await.map_err(|reason| {
        tracing::warn!(%reason, user = %caller.identity.user, "a fresh token is refused");
        Error::Unauthorized("the token is not valid".into())
    })?;
    if !caller.identity.is_renewed_by(&fresh) {
        return Err(Error::Conflict("the token says something else than the old one; connect again".into()));
    }
    let expires_at =
        renewal.store.renew(&fresh.user, &caller.connection, fresh.expires_at, caller.now).await?;
    renew_lease(renewal, caller).await?;
    Ok(Pong { at: caller.now, expires_at: Some(expires_at) })
}

async fn renew_lease(Renewal { store, lease, .. }: &Renewal, caller: &Caller) -> Result<(), Error> {
    let (user, id) = (&caller.identity.user, &caller.connection);
    let connection = store.connection(user, id).await?.ok_or(Error::connection_ended())?;
    if connection.seen_at + lease.unwritten_max() <= caller.now {
        store.note_seen(user, id, caller.now).await?;
    }
    Ok(())
}
