//! `leave`: leaves a channel. See [`funnelcast_realtime::membership::leave`].

use funnelcast_core::{
    Error, SocketCaller,
    action::{Leave, Left},
};
use funnelcast_realtime::{Realtime, membership, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(realtime: &Realtime, caller: &SocketCaller, leave: Leave) -> Result<Left, Error> {
    membership::leave::leave(realtime, caller, leave).await
}
