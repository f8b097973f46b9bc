//! `ping`: renews the lease of the caller's connection, and the connection's token if the frame has a fresh one. See
//! [`funnelcast_realtime::membership::connection::renew`].

use funnelcast_aws::{Config, Resource, config::Lease};
use funnelcast_core::{
    Error, SocketCaller,
    action::{Ping, Pong},
};
use funnelcast_realtime::{access::Access, membership::connection, serve_action, tokens::Issuers};

struct Resources {
    access: Access,
    issuers: Issuers,
    lease: Lease,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (access, issuers) = (Access::build(config).await?, Issuers::build(config).await?);
        Ok(Self { access, issuers, lease: config.lease })
    }
}

impl AsRef<Access> for Resources {
    fn as_ref(&self) -> &Access {
        &self.access
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(resources: &Resources, caller: &SocketCaller, ping: Ping) -> Result<Pong, Error> {
    connection::renew(&resources.access, &resources.issuers, resources.lease, caller, ping).await
}
