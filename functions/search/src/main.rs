//! `search`: finds messages by their words, in a conversation or in several. See [`funnelcast_realtime::search`].

use funnelcast_core::{
    Caller, Error, SocketCaller,
    action::{Found, Search},
};
use funnelcast_realtime::{access::Access, search, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(access: &Access, caller: &SocketCaller, request: Search) -> Result<Found, Error> {
    Box::pin(search::search(access, Caller::Socket(caller), request)).await
}
