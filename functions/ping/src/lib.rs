//! `ping`: keeps the connection from idling (API Gateway ends it after 10 minutes without a frame), and tells the
//! server's clock: no read, no write.
//!
//! It may carry a fresh token, so that a connection outlives the one that it came with. The fresh one must say the same
//! of the same user: who has another company now connects again, and joins what he may. It must come while the old one
//! still counts; API Gateway's 2 hours a connection stay as they are.

use funnelcast_aws::{Caller, Config, Issuers, Resource, Store};
use funnelcast_core::{
    Error,
    action::{Ping, Pong},
};

/// The table, and whom to believe.
#[derive(Debug)]
pub struct Renewal {
    store: Store,
    issuers: Issuers,
}

impl Resource for Renewal {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { store: Store::build(config).await?, issuers: Issuers::build(config).await? })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

/// Answers, and renews the connection where a token came along: 1 write, and 1 a channel.
///
/// # Errors
/// [`Error::Unauthorized`] where the token is not valid, [`Error::Conflict`] where it says something else than the old
/// one. The connection then lives on as it was.
pub async fn handle(renewal: &Renewal, caller: &Caller, ping: Ping) -> Result<Pong, Error> {
    let Some(token) = ping.token else { return Ok(Pong { at: caller.now, expires_at: None }) };
    let fresh = renewal.issuers.verify(&token, caller.now).map_err(|reason| {
        tracing::warn!(%reason, user = %caller.identity.user, "a fresh token is refused");
        Error::Unauthorized("the token is not valid".into())
    })?;
    if !caller.identity.is_renewed_by(&fresh) {
        return Err(Error::Conflict("the token says something else than the old one; connect again"));
    }
    renewal.store.renew(&fresh.user, &caller.connection, fresh.expires_at).await?;
    Ok(Pong { at: caller.now, expires_at: Some(fresh.expires_at) })
}
