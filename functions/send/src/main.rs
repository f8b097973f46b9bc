//! `send`: publishes an event on a channel. See [`funnelcast_realtime::publish`].

use funnelcast_core::{
    Caller, Error, SocketCaller,
    action::{Send, Sent},
};
use funnelcast_realtime::{Realtime, publish, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(realtime: &Realtime, caller: &SocketCaller, send: Send) -> Result<Sent, Error> {
    publish::send(realtime, Caller::Socket(caller), send).await
}
