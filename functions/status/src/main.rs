//! `status`: what the server knows of the caller's connection. See [`funnelcast_realtime::membership::connection`].

use funnelcast_aws::{Config, Resource, config::Lease};
use funnelcast_core::{
    Error, SocketCaller,
    action::{Status, StatusReply},
};
use funnelcast_realtime::{access::Access, membership::connection, serve_action};

struct Resources {
    access: Access,
    lease: Lease,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { access: Access::build(config).await?, lease: config.lease })
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

async fn handle(resources: &Resources, caller: &SocketCaller, _: Status) -> Result<StatusReply, Error> {
    connection::status(&resources.access, resources.lease, caller).await
}
