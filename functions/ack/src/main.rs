//! `ack`: the user has received or read everything up to a message. See [`funnelcast_realtime::receipts`].

use funnelcast_core::{
    Caller, Error, SocketCaller,
    action::{Ack, Acked},
};
use funnelcast_realtime::{Realtime, receipts, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(realtime: &Realtime, caller: &SocketCaller, ack: Ack) -> Result<Acked, Error> {
    receipts::ack(realtime, Caller::Socket(caller), ack).await
}
