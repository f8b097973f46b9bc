//! `join`: joins a channel, and catches up on it. See [`funnelcast_realtime::membership::join`].

use funnelcast_aws::{Config, Resource};
use funnelcast_core::{
    Error, SocketCaller,
    action::{Join, Joined},
};
use funnelcast_realtime::{Realtime, access::Access, membership, serve_action, tokens::Issuers};

struct Resources {
    realtime: Realtime,
    issuers: Issuers,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { realtime: Realtime::build(config).await?, issuers: Issuers::granting(config).await? })
    }
}

impl AsRef<Access> for Resources {
    fn as_ref(&self) -> &Access {
        &self.realtime.access
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(resources: &Resources, caller: &SocketCaller, join: Join) -> Result<Joined, Error> {
    Box::pin(membership::join::join(&resources.realtime, &resources.issuers, caller, join)).await
}
