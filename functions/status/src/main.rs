//! `status`: what the server knows of the caller's connection. See [`funnelcast_realtime::membership::connection`].

use funnelcast_core::{
    Error, SocketCaller,
    action::{Status, StatusReply},
};
use funnelcast_realtime::{access::Access, membership::connection, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(access: &Access, caller: &SocketCaller, _: Status) -> Result<StatusReply, Error> {
    connection::status(access, caller).await
}
