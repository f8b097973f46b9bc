//! `call`: starts, joins, declines or leaves the call of a conversation. See [`funnelcast_realtime::calls`].

use funnelcast_core::{Error, SocketCaller, action::ChangeCall, call::Call};
use funnelcast_realtime::{Realtime, calls, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(realtime: &Realtime, caller: &SocketCaller, request: ChangeCall) -> Result<Call, Error> {
    calls::change(realtime, caller, &request).await
}
